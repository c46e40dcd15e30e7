"""The encoder's comparison: what is tested was never trained on, and a summary says what was reached."""

import io

import numpy as np
from rich.console import Console
from tiny_images import spots

from benchmarks.quality import deconvolutional, digits, encoder
from gaussgrad import data


def test_the_rival_gets_the_images_that_ours_is_trained_on_and_its_time(monkeypatch):
    pixels = spots(count=30)
    asked = {}
    monkeypatch.setattr(deconvolutional, "steps_within", lambda seconds, images, numbers: 10 * seconds)
    monkeypatch.setattr(deconvolutional, "train", lambda *arguments: asked.update(arguments=arguments))
    monkeypatch.setattr(deconvolutional, "reconstruct", lambda model, test: test + 0.1)
    result = encoder.train_deconvolutional(3, 60, 12.5, pixels, pixels[:4])
    kept, numbers, steps, seed = asked["arguments"]
    np.testing.assert_array_equal(kept, pixels[data.split(30).training])
    assert (numbers, steps, seed) == (60, 125, 3)
    np.testing.assert_allclose(result.psnr, 20, rtol=1e-4)


def test_the_training_gets_other_images_than_the_test(monkeypatch, tmp_path):
    pixels = np.rint(255 * spots(count=digits.TEST_IMAGES + 40)[:, 0]).astype(np.uint8)
    np.save(tmp_path / "digits.npy", pixels)
    given = []

    def note(name, seed, file, test, folder):
        given.append((name, seed, np.load(file), test))
        return encoder.Result(name, seed, 60, 1.0, 22.0)

    monkeypatch.setattr(encoder, "train_ours", note)
    encoder.report_on(tmp_path / "digits.npy", tmp_path / "out", [0, 4], ["ten points"], None)
    assert [(name, seed) for name, seed, _, _ in given] == [("ten points", 0), ("ten points", 4)]
    np.testing.assert_array_equal(given[0][2], pixels[:40])
    np.testing.assert_array_equal(given[0][3][:, 0], (pixels[40:] / 255).astype(np.float32))


def test_a_summary_has_mean_spread_and_verdict(tmp_path):
    results = [encoder.Result("ten Gaussians", seed, 60, 500.0, psnr) for seed, psnr in enumerate((21.5, 22.0, 22.5))]
    (row,) = encoder.summary(results)
    assert (row["mean"], row["lowest"], row["highest"], row["verdict"]) == (22.0, 21.5, 22.5, "reached")
    (row,) = encoder.summary(results[:1])
    assert row["verdict"] == "not reached"
    encoder.write(results, tmp_path, Console(file=io.StringIO()))
    assert (tmp_path / "results.json").is_file()
