"""Folders of images of several sizes: --tile and --resize take them, and predict and inspect read theirs alike."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_images import spots

from gaussgrad import data, inference, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.files.tables import numeric_columns, read_table
from gaussgrad.training import run as runs

QUICK = ("-n", 2, "--epochs", 1, "--batch-size", 8, "--looks", 0)
SIZES = [(17, 23), (17, 23), (9, 30), (25, 8)] * 2


@pytest.fixture
def folder(tmp_path):
    """Images called 0.png, 1.png, ..."""
    (tmp_path / "images").mkdir()
    for i, size in enumerate(SIZES):
        pixels = np.rint(255 * spots(count=1, size=size, seed=i)[0, 0]).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.png")
    return tmp_path / "images"


def test_without_an_option_one_sentence_says_which_files_differ_and_what_to_do(call, folder, tmp_path):
    first, kind = folder / "2.png", "grey of 17 x 23 (height x width) as 0.png is; got grey of 9 x 30 (height x width)"
    expected = (
        f"gaussgrad: {first} must be {kind}. For images of several sizes, train with --tile SIDE or --resize SIDE.\n"
    )
    assert call("train", folder, "-o", tmp_path / "run", *QUICK) == (2, "", expected)
    code, _, err = call("train", folder, "-o", tmp_path / "run", "--tile", 8, "--resize", 8, *QUICK)
    assert (code, err) == (2, "gaussgrad: --resize must be left out with --tile; got 8.\n")
    assert not (tmp_path / "run").exists()


def test_tiles_of_several_sizes_are_trained_on(call, folder, tmp_path):
    code, out, err = call("train", folder, "-o", tmp_path / "run", "--tile", 8, *QUICK)
    assert (code, err) == (0, "")
    assert "22 to train on, 6 held out, 8 x 8" in out  # 2 * (4 + 4 + 3 + 3) tiles
    assert call("inspect", tmp_path / "run", folder)[0] == 0


def test_frames_of_several_sizes_are_predicted_as_each_alone(call, folder, tmp_path):
    model = GaussianAutoencoder((8, 8), n=2, looks=0, tiled=True).eval()
    model.save(tmp_path / "model")
    table, overlay = tmp_path / "found.csv", tmp_path / "overlay"
    code, out, err = call("predict", tmp_path / "model", folder, "-o", table, "--overlay", overlay)
    assert (code, err) == (0, "")
    frames = [data.read(folder / f"{i}.png").numbers for i in range(len(SIZES))]
    found = [inference.predict(model, each) for each in frames]
    rows = read_table(table)
    counts = [int(each.owned.sum()) for each in found]
    assert rows["image"] == [f"{i}.png" for i, count in enumerate(counts) for _ in range(count)]
    assert rows["index"] == [str(i) for count in counts for i in range(count)]
    means = np.concatenate([each.gaussians.means.numpy()[each.owned] for each in found])
    np.testing.assert_allclose(numeric_columns(table, rows, ["x", "y"]), means, rtol=1e-4, atol=1e-4)
    drawn = np.concatenate([each.reconstructions for each in found], axis=None)
    psnr = metrics.psnr(np.concatenate(frames, axis=None) / 255, drawn)
    assert f"8 images, {sum(counts)} Gaussians in all: {table}\nReconstructions have a PSNR of {psnr:.2f} dB." in out
    assert sorted(path.name for path in overlay.glob("*.png")) == [f"{i}.png" for i in range(len(SIZES))]
    with Image.open(overlay / "2.png") as wide, Image.open(overlay / "3.png") as high:
        assert wide.width / wide.height > high.width / high.height


def test_a_frame_smaller_than_the_tiles_is_named_when_predicting(call, folder, tmp_path):
    GaussianAutoencoder((9, 9), n=2, tiled=True).save(tmp_path / "model")
    code, _, err = call("predict", tmp_path / "model", folder, "-o", tmp_path / "found.csv")
    assert code == 2
    assert f"{folder / '3.png'} must be of shape (channels, height, width) = (1, 9, 9), as the tiles" in err
    assert not (tmp_path / "found.csv").exists()


def test_resized_images_are_trained_on_and_read_alike_ever_after(call, folder, tmp_path):
    run, table = tmp_path / "run", tmp_path / "found.csv"
    code, out, err = call("train", folder, "-o", run, "--resize", 10, *QUICK)
    assert (code, err) == (0, "")
    assert "6 to train on, 2 held out, 10 x 10" in out
    assert json.loads((run / "config.json").read_text())["configuration"]["resize"] == 10
    (run / "metrics.json").unlink()
    assert call("train", "-o", run, "--resume", "--resize", 10)[0] == 0  # other pixels would be refused
    model = GaussianAutoencoder.load(run / "model")
    assert model.resized
    assert call("inspect", run)[0] == call("inspect", run / "model", folder)[0] == 0

    code, _, err = call("predict", run, folder, "-o", table)
    assert (code, err) == (0, "")
    found = inference.predict(model, data.read(folder, resize=(10, 10)).numbers)
    rows = read_table(table)
    np.testing.assert_allclose(
        numeric_columns(table, rows, ["x", "y"]), found.gaussians.means.reshape(-1, 2), rtol=1e-5, atol=1e-5
    )
    held_out = runs.load_held_out(runs.open_run(run)).pixels
    expected = data.read(folder, resize=(10, 10)).images().pixels[data.split(8).held_out]
    np.testing.assert_array_equal(held_out, expected, strict=True)
