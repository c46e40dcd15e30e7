"""gaussgrad spots: stacks in, a table with units out, compared with the truth; refusals of one line."""

import json

import numpy as np
import pytest
import tifffile

from gaussgrad.files.stacks import Stack
from gaussgrad.files.tables import numeric_columns, read_table
from gaussgrad.simulation import Scene
from gaussgrad.spots.tables import COLUMNS

SIMULATED = Scene(size=(48, 56), density=0.003, photons=2500, background=4.0).simulate(5, seed=1)
FRAMES = SIMULATED.frames.astype(np.uint16)
KNOWN = ("--gain", "1", "--stddev", "1.3")


def test_a_stack_gives_a_table_that_agrees_with_the_truth(call, tmp_path):
    stack, table, truth = (tmp_path / name for name in ("stack.tif", "spots.csv", "truth.csv"))
    tifffile.imwrite(stack, FRAMES, photometric="minisblack")
    code, out, err = call("spots", "find", str(stack), "-o", str(table), *KNOWN)
    assert (code, err) == (0, "")
    assert out.startswith("5 frames, ")
    assert tuple(read_table(table)) == COLUMNS
    assert json.loads(table.with_suffix(".units.json").read_text())["units"]["photons"] == "photon"
    rows = np.column_stack([SIMULATED.frame, SIMULATED.means])
    np.savetxt(truth, rows, delimiter=",", header="frame,x,y", comments="")
    code, out, err = call("spots", "compare", str(table), str(truth), "--tolerance", "1")
    assert (code, err) == (0, "")
    assert "spurious 0" in out
    assert "Jaccard 1.0000" in out or "Jaccard 0.9" in out
    assert "pull: mean" in out


def test_a_region_and_a_range_keep_the_places_of_the_frame(call, tmp_path):
    source, table, part = tmp_path / "stack.npz", tmp_path / "spots.csv", tmp_path / "part.csv"
    np.savez(source, frames=FRAMES)
    assert call("spots", "find", str(source), "-o", str(table), *KNOWN)[0] == 0
    chosen = ("--frames", "1", "3", "--region", "8", "6", "40", "36", "--pixel-size", "100")
    assert call("spots", "find", str(source), "-o", str(part), *KNOWN, *chosen)[0] == 0
    whole, cut = (numeric_columns(path, read_table(path), ("frame", "x", "y")) for path in (table, part))
    cut[:, 1:] /= 100
    inner = (cut[:, 1:] > (12, 10)).all(axis=1) & (cut[:, 1:] < (43, 37)).all(axis=1)
    assert set(cut[:, 0]) <= {1, 2}
    assert inner.any()
    for row in cut[inner]:
        assert np.linalg.norm((whole - row)[whole[:, 0] == row[0]], axis=1).min() < 0.1


def test_a_stack_is_read_alike_from_pages_arrays_and_folders(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", FRAMES[:2], photometric="minisblack")
    with tifffile.TiffWriter(folder / "b.tif") as writer:
        for frame in FRAMES[2:]:
            writer.write(frame, photometric="minisblack", contiguous=False)
    tifffile.imwrite(tmp_path / "imagej.tif", FRAMES, imagej=True)
    tifffile.imwrite(tmp_path / "a.ome.tif", FRAMES, ome=True, photometric="minisblack")
    np.save(tmp_path / "stack.npy", FRAMES)
    for name in ("folder", "imagej.tif", "a.ome.tif", "stack.npy"):
        with Stack(tmp_path / name) as stack:
            assert len(stack) == 5, name
            np.testing.assert_array_equal(stack.read(stack.pages), FRAMES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--frames", "3", "9"), "--frames must be"),
        (("--region", "0", "0", "90", "9"), "--region must be"),
        (("--offset", "100"), "--offset must be given with --gain"),
    ],
)
def test_what_the_frames_cannot_give_is_refused_in_one_line(call, tmp_path, options, said):
    source = tmp_path / "stack.npy"
    np.save(source, FRAMES)
    code, out, err = call("spots", "find", str(source), "-o", str(tmp_path / "spots.csv"), *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "spots.csv").exists()


def damaged(path):
    """A stack whose second page points to its first."""
    with tifffile.TiffWriter(path) as writer:
        for frame in FRAMES[:2]:
            writer.write(frame, photometric="minisblack", contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        first, second = file.pages[0].offset, file.pages[1].offset
    data = bytearray(path.read_bytes())
    tags = int.from_bytes(data[second : second + 2], "little")
    data[second + 2 + 12 * tags : second + 6 + 12 * tags] = first.to_bytes(4, "little")
    path.write_bytes(data)


def test_files_that_are_no_stacks_are_refused_in_one_line(call, tmp_path):
    ring, cut, colours, empty = (tmp_path / name for name in ("ring.tif", "cut.tif", "colours.npy", "folder"))
    damaged(ring)
    tifffile.imwrite(cut, FRAMES, photometric="minisblack")
    cut.write_bytes(cut.read_bytes()[:3000])
    np.save(colours, np.zeros((2, 20, 20, 3)))
    empty.mkdir()
    for source in (ring, cut, colours, empty, tmp_path / "none.tif", tmp_path / "text.txt"):
        code, out, err = call("spots", "find", str(source), "-o", str(tmp_path / "spots.csv"))
        assert (code, out, err.count("\n")) == (2, "", 1), source
        assert source.name in err


@pytest.mark.parametrize("odd", [FRAMES[0].T.copy(), FRAMES[0, :40], FRAMES[0].astype(np.float32)])
def test_a_page_unlike_the_first_is_refused_in_one_line(call, tmp_path, odd):
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as writer:
        for page in (FRAMES[0], odd, FRAMES[1], FRAMES[2]):
            writer.write(page, photometric="minisblack", contiguous=False, metadata=None)
    code, out, err = call("spots", "find", tmp_path / "mixed.tif", "-o", tmp_path / "spots.csv", *KNOWN)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "mixed.tif[1] must be as the first frame" in err


def test_arrays_in_foreign_byte_order_are_read_and_frames_without_columns_refused(call, tmp_path):
    np.save(tmp_path / "foreign.npy", FRAMES.astype(FRAMES.dtype.newbyteorder("S")))
    with Stack(tmp_path / "foreign.npy") as stack:
        np.testing.assert_array_equal(stack.read(stack.pages), FRAMES)
    np.save(tmp_path / "thin.npy", FRAMES[:, :, :0])
    code, out, err = call("spots", "find", tmp_path / "thin.npy", "-o", tmp_path / "spots.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "got shape (5, 48, 0)" in err


def test_an_existing_table_is_kept(call, tmp_path):
    table = tmp_path / "spots.csv"
    table.write_text("mine")
    np.save(tmp_path / "stack.npy", FRAMES)
    code, _, err = call("spots", "find", str(tmp_path / "stack.npy"), "-o", str(table))
    assert code == 2
    assert "--overwrite" in err
    assert table.read_text() == "mine"


def simulated_table(path, header="frame,x,y,x_stddev,y_stddev"):
    """Spots of twenty emitters that are seen in each of forty frames, on a sample that moves by 0.1 along x."""
    rng = np.random.default_rng(2)
    places = np.stack(np.divmod(np.arange(20), 5), axis=1) * 9.0 + 4
    means = places + np.arange(40)[:, None, None] * np.array([0.1, 0]) + rng.normal(0, 0.05, (40, 20, 2))
    rows = [[f, *mean, 0.05, 0.05] for f, frame in enumerate(means) for mean in frame]
    np.savetxt(path, rows, delimiter=",", header=header, comments="")
    return places


def test_a_table_is_freed_from_drift_linked_and_drawn(call, tmp_path):
    table, still, tracks, picture = (tmp_path / name for name in ("t.csv", "still.csv", "tracks.csv", "picture.npy"))
    places = simulated_table(table)
    code, out, err = call("spots", "drift", table, "-o", still)
    assert (code, err) == (0, "")
    assert out.startswith("drift of up to 3.")
    curve = numeric_columns("", read_table(tmp_path / "still.drift.csv"), ("frame", "x", "y"))
    np.testing.assert_allclose(curve[:, 1], 0.1 * curve[:, 0], atol=0.05)
    code, out, err = call("spots", "link", still, "-o", tracks, "--distance", 1, "--pixel-size", 100)
    assert (code, out, err) == (0, f"800 spots, 20 of them apart: {tracks}\n", "")
    linked = numeric_columns("", read_table(tracks), ("x", "y", "x_stddev", "frames", "last_frame"))
    np.testing.assert_allclose(linked[:, :2], places, atol=0.06)
    np.testing.assert_allclose(linked[:, 2:], np.tile([0.05 / np.sqrt(40), 40, 39], (20, 1)), rtol=1e-6)
    options = ("--width-from", "errors", "--size", 44, 40, "--scale", 4)
    assert call("render", tracks, "-o", picture, *options) == (0, "", "")
    drawn = np.load(picture)
    assert drawn.shape == (176, 160)
    assert drawn.sum() == pytest.approx(20, rel=1e-3)
    code, _, err = call("render", tracks, "-o", tmp_path / "picture.png", *options)
    assert code == 0
    assert err.startswith("White is")


def test_tables_of_other_programs_are_written_and_compared(call, tmp_path):
    np.save(tmp_path / "stack.npy", FRAMES)
    tables = {form: tmp_path / f"{form}.csv" for form in ("gaussgrad", "thunderstorm", "picasso")}
    for form, path in tables.items():
        options = ("--format", form, "--pixel-size", 107)
        assert call("spots", "find", tmp_path / "stack.npy", "-o", path, *KNOWN, *options)[0] == 0
    for form in ("thunderstorm", "picasso"):
        code, out, err = call("spots", "compare", tables[form], tables["gaussgrad"], "--tolerance", 0.1)
        assert (code, err) == (0, "")
        assert "Jaccard 1.0000" in out
        assert "efficiency 100.00 %" in out
    np.savetxt(tmp_path / "truth.csv", [[0, 1.0, 1.0]], delimiter=";", header="frame;x;y")
    code, out, err = call("spots", "compare", tmp_path / "truth.csv", tmp_path / "truth.csv")
    assert (code, err) == (0, "")
    assert "efficiency: needs the nm of a pixel, add --pixel-size" in out
    drawn = tmp_path / "light.npy"  # the frames' size stands beside the table
    assert call("render", tables["thunderstorm"], "-o", drawn) == (0, "", "")
    light = np.load(drawn).sum()
    assert light == pytest.approx(np.sum(SIMULATED.photons), rel=0.1)


def test_maps_of_the_camera_are_used_and_refused_where_they_do_not_fit(call, tmp_path):
    rng = np.random.default_rng(0)
    gain, offset = rng.uniform(0.5, 2.0, FRAMES.shape[1:]), rng.uniform(90, 110, FRAMES.shape[1:])
    np.save(tmp_path / "stack.npy", FRAMES * gain + offset)
    tifffile.imwrite(tmp_path / "gain.tif", gain, photometric="minisblack")
    np.save(tmp_path / "offset.npy", offset)
    np.save(tmp_path / "small.npy", offset[:-1])
    np.save(tmp_path / "plain.npy", FRAMES.astype(float))
    for name, options in (
        ("plain", ("--gain", 1)),
        ("stack", ("--gain-map", tmp_path / "gain.tif", "--offset-map", tmp_path / "offset.npy")),
    ):
        for region in ((), ("--region", 8, 6, 40, 36)):
            output = tmp_path / f"{name}{len(region)}.csv"
            shared = ("--stddev", 1.3, *options, *region)
            assert call("spots", "find", tmp_path / f"{name}.npy", "-o", output, *shared)[0] == 0
    for number in (0, 5):
        assert (tmp_path / f"plain{number}.csv").read_text() == (tmp_path / f"stack{number}.csv").read_text()
    for options, said in {
        ("--gain-map", "small.npy"): "--gain-map must be one image of the size of the frames, 48 x 56",
        ("--offset-map", "offset.npy"): "--offset-map must be given with --gain",
        ("--gain", "2", "--gain-map", "gain.tif"): "--gain-map must be left out beside --gain",
    }.items():
        given = [tmp_path / each if "." in each else each for each in options]
        code, out, err = call("spots", "find", tmp_path / "stack.npy", "-o", tmp_path / "no.csv", *given)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("spots", "link", "t.csv", "-o", "t.csv", "--distance", 1, "--overwrite"), "another file than t.csv"),
        (("spots", "link", "t.csv", "-o", "a.txt", "--distance", 1), "--output must be a file ending in .csv"),
        (("spots", "drift", "bare.csv", "-o", "a.csv"), "bare.csv must be a table with mean stddevs"),
        (("spots", "compare", "storm.csv", "t.csv"), "storm.csv must be a table whose pixel size is known"),
        (("render", "bare.csv", "-o", "a.png", "--size", 5, 5), "numbers above 0 in xx, xy and yy, or sigma; got none"),
        (("render", "t.csv", "-o", "a.png", "--width-from", "errors"), "--size must be given"),
        (("render", "t.csv", "-o", "a.png", "--width-from", "errors", "--stddev", 1, "--size", 5, 5), "left out"),
        (("spots", "find", "stack.npy", "-o", "a.csv", "--format", "thunderstorm"), "--pixel-size must be given"),
    ],
)
def test_what_a_table_cannot_give_is_refused_in_one_line(call, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    simulated_table(tmp_path / "t.csv")
    (tmp_path / "bare.csv").write_text("frame,x,y\n0,1,1\n")
    (tmp_path / "storm.csv").write_text("frame,x [nm],y [nm]\n1,100,100\n")
    before = sorted(tmp_path.iterdir())
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert sorted(tmp_path.iterdir()) == before
