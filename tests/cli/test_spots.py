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


def test_an_existing_table_is_kept(call, tmp_path):
    table = tmp_path / "spots.csv"
    table.write_text("mine")
    np.save(tmp_path / "stack.npy", FRAMES)
    code, _, err = call("spots", "find", str(tmp_path / "stack.npy"), "-o", str(table))
    assert code == 2
    assert "--overwrite" in err
    assert table.read_text() == "mine"
