"""Frames of a camera: counts become black and white, the run keeps them, tiles come together, mistakes are one line."""

import json

import numpy as np
import pytest
import tifffile
from tiny_images import spots

from gaussgrad import data, inference, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.files.tables import numeric_columns, read_table
from gaussgrad.training import run as runs

QUICK = ("-n", 2, "--epochs", 1, "--batch-size", 16, "--looks", 1)
COUNTS = np.rint(120 + 800 * spots()[:, 0]).astype(np.uint16)
FRAMES = np.rint(120 + 800 * spots(count=4, size=(20, 26))[:, 0]).astype(np.uint16)


@pytest.fixture
def stack(tmp_path):
    """A file of pages."""
    tifffile.imwrite(tmp_path / "stack.tif", COUNTS, photometric="minisblack")
    return tmp_path / "stack.tif"


def record(run, name="config.json"):
    return json.loads((run / name).read_text())


def test_a_stack_of_counts_is_scaled_and_predicted_in_counts(call, stack, tmp_path):
    run, table = tmp_path / "run", tmp_path / "found.csv"
    code, out, err = call("train", stack, "-o", run, *QUICK)
    assert (code, err) == (0, "")
    training = COUNTS[data.split(40).training]
    black, white = int(training.min()), int(training.max())
    assert f"Black is {black} (0.1% of the training pixels), white is {white} (99.99% of the training pixels)" in out
    assert out.count("Warning: ") == 1  # after one epoch
    assert record(run)["scale"] == {"black": black, "white": white}
    assert [record(run)["configuration"][name] for name in ("black", "white")] == ["0.1%", "99.99%"]
    assert record(run / "model", "model.json")["settings"]["white"] == white

    code, out, err = call("predict", run, stack, "-o", table)
    assert (code, err) == (0, "")
    assert f"Black is {black}, white is {white}." in out
    rows = read_table(table)
    assert rows["image"][:3] == ["stack.tif[0]", "stack.tif[0]", "stack.tif[1]"]
    model = runs.load_trained(run).model
    found = inference.predict(model, COUNTS[:, None])
    np.testing.assert_allclose(
        numeric_columns(table, rows, ["weight"])[:, 0], found.gaussians.weights.ravel(), rtol=1e-5
    )
    held_out = data.split(40).held_out
    psnr = metrics.psnr(COUNTS[held_out, None], found.reconstructions[held_out], data_range=white - black)
    np.testing.assert_allclose(psnr, record(run, "metrics.json")["held_out_psnr"], rtol=1e-5)


def test_black_and_white_are_as_given_and_stay_so_when_a_run_goes_on(call, stack, tmp_path):
    run = tmp_path / "run"
    levels = ("--black", 90, "--white", "100%")
    code, out, _ = call("train", stack, "-o", run, *QUICK, *levels)
    assert code == 0
    assert f"Black is 90 (as given), white is {COUNTS.max()} (100% of the training pixels)" in out
    (run / "metrics.json").unlink()
    code, _, err = call("train", "-o", run, "--resume", "--black", 91)
    assert (code, err) == (
        2,
        f"gaussgrad: --black must be 90, as the run in {run} was started; got 91. Leave it out.\n",
    )
    code, again, _ = call("train", "-o", run, "--resume", *levels)
    assert code == 0
    assert again.splitlines()[0] == out.splitlines()[0]
    assert GaussianAutoencoder.load(run / "model").scale.black == 90
    assert call("inspect", run)[0] == call("inspect", run / "model", stack)[0] == 0


def test_large_frames_are_trained_on_in_tiles_and_predicted_whole(call, tmp_path):
    frames, run, table = tmp_path / "frames.tif", tmp_path / "run", tmp_path / "found.csv"
    tifffile.imwrite(frames, FRAMES, photometric="minisblack")
    code, out, err = call("train", frames, "-o", run, "--tile", 8, *QUICK)
    assert (code, err) == (0, "")
    assert "19 to train on, 5 held out, 8 x 8" in out
    assert call("inspect", run)[0] == call("inspect", run / "model", frames)[0] == 0

    other = tmp_path / "other.tif"  # of another size
    tifffile.imwrite(other, FRAMES[:2, :17, :23], photometric="minisblack")
    code, out, err = call("predict", run, other, "-o", table, "--overlay", tmp_path / "overlay")
    assert (code, err) == (0, "")
    found = inference.predict(GaussianAutoencoder.load(run / "model"), FRAMES[:2, None, :17, :23])
    assert f"2 images, {found.owned.sum()} Gaussians in all" in out
    rows = read_table(table)
    assert rows["index"] == [str(i) for owned in found.owned for i in range(owned.sum())]
    assert sorted(path.name for path in (tmp_path / "overlay").glob("*.png")) == [
        "other.tif[0].png",
        "other.tif[1].png",
    ]
    places = numeric_columns(table, rows, ["x", "y"])
    np.testing.assert_allclose(places, found.gaussians.means.numpy()[found.owned], rtol=1e-5)
    assert places[:, 0].max() > 15


def spoilt(folder):
    """name -> (arguments after train, words) of what a user can mend."""
    tifffile.imwrite(folder / "stack.tif", COUNTS, photometric="minisblack")
    tifffile.imwrite(folder / "flat.tif", np.full((4, 9, 9), 120, np.uint16), photometric="minisblack")
    broken = np.linspace(0, 900, 12 * 9 * 9).reshape(12, 9, 9).astype(np.float32)
    np.save(folder / "below.npy", broken - 100)
    broken[3, 2, 1] = np.nan
    tifffile.imwrite(folder / "nan.tif", broken, photometric="minisblack")
    with tifffile.TiffWriter(folder / "pages.tif") as file:
        file.write(COUNTS[0])
        file.write(COUNTS[0, 1:])
    stack, levels = (
        folder / "stack.tif",
        "--black must be a number of the images, or a percentile of them from 0% to 100%",
    )
    return {
        "order": ((stack, "--black", 900, "--white", 120), "--black must be below white, which is 120; got 900."),
        "equal": ((stack, "--black", 900, "--white", 900), "--black must be below white, which is 900; got 900."),
        "no number": ((stack, "--black", "dark"), f"{levels}, as 0.1%; got dark."),
        "percentile": ((stack, "--black", "-1%"), f"{levels}, as 0.1%; got -1%."),
        "white": ((stack, "--white", "101%"), "--white must be a number of the images, or a percentile"),
        "flat": (
            (folder / "flat.tif",),
            "--black must be below white, which is 120; got 120. Give numbers with --black",
        ),
        "tile": ((stack, "--tile", 11), "--tile must be at most the shorter side of the frames of 10 x 12"),
        "no tile": ((stack, "--tile", 0), "Invalid value for '--tile'"),
        "nan": ((folder / "nan.tif",), "nan.tif must be finite everywhere; got 1 values that are NaN or infinite."),
        "pages": ((folder / "pages.tif",), "pages.tif[1] must be grey of 10 x 12"),
        "negative counts": (
            (folder / "below.npy", "--objective", "elbo", "--likelihood", "poisson", "--black", -50),
            "--likelihood must be gaussian for images darker than black; got poisson. Set --black to the smallest",
        ),
        "grey beyond white": (
            (folder / "below.npy", "--objective", "elbo", "--likelihood", "bernoulli", "--black", -100, "--white", 500),
            "--likelihood must be gaussian for images brighter than white; got bernoulli. Set --white to the largest",
        ),
    }


KINDS = ["order", "equal", "no number", "percentile", "white", "flat", "tile", "no tile", "nan", "pages"]


@pytest.mark.parametrize("kind", [*KINDS, "negative counts", "grey beyond white"])
def test_what_a_user_can_mend_is_one_line_and_nothing_is_written(call, tmp_path, kind):
    arguments, words = spoilt(tmp_path)[kind]
    before = sorted(tmp_path.rglob("*"))
    code, _, err = call("train", *arguments, "-o", tmp_path / "run", *QUICK)
    assert code == 2
    assert words in err
    assert err.startswith("gaussgrad: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_frames_that_a_model_cannot_take_are_refused_when_predicting(call, tmp_path):
    GaussianAutoencoder((8, 8), n=2, tiled=True).save(tmp_path / "tiles")
    GaussianAutoencoder((10, 12), n=2).save(tmp_path / "whole")
    np.save(tmp_path / "small.npy", np.zeros((2, 7, 20), np.uint8))
    np.save(tmp_path / "counts.npy", COUNTS.astype(np.float32))
    for model, images, words in (
        ("tiles", "small.npy", "= (1, 8, 8), as the tiles that the model was trained on, or larger; got (1, 7, 20)."),
        (
            "whole",
            "counts.npy",
            "must be of 8 bits, or floats in [0, 1], as the model was trained on; got float32 from 120",
        ),
    ):
        code, _, err = call("predict", tmp_path / model, tmp_path / images, "-o", tmp_path / "found.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert words in err
    assert not (tmp_path / "found.csv").exists()
