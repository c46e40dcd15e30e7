"""The benchmark of training: what is tested was never trained on, and a summary says what was reached."""

import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny_images import spots

from benchmarks import rival, training, variants
from gaussgrad import data, metrics


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_the_rival_learns_with_as_many_numbers_as_it_is_given():
    pixels = spots(count=64, size=(16, 16))
    model = rival.train(pixels, numbers=6, steps=250, seed=0)
    assert model.encode(torch.from_numpy(pixels)).shape == (64, 6)
    reconstructions = rival.reconstruct(model, pixels)
    mean_image = np.broadcast_to(pixels.mean(axis=0), pixels.shape)
    assert metrics.psnr(pixels, reconstructions) > metrics.psnr(pixels, mean_image) + 1


def test_the_rival_gets_the_images_that_ours_is_trained_on_and_its_time(monkeypatch):
    pixels = spots(count=30)
    asked = {}
    monkeypatch.setattr(rival, "steps_within", lambda seconds, images, numbers: 10 * seconds)
    monkeypatch.setattr(rival, "train", lambda *arguments: asked.update(arguments=arguments))
    monkeypatch.setattr(rival, "reconstruct", lambda model, test: test + 0.1)
    result = training.train_rival(3, 60, 12.5, pixels, pixels[:4])
    kept, numbers, steps, seed = asked["arguments"]
    np.testing.assert_array_equal(kept, pixels[data.split(30).training])
    assert (numbers, steps, seed) == (60, 125, 3)
    np.testing.assert_allclose(result.psnr, 20, rtol=1e-4)


def test_the_training_gets_other_images_than_the_test(monkeypatch, tmp_path):
    pixels = np.rint(255 * spots(count=training.TEST_IMAGES + 40)[:, 0]).astype(np.uint8)
    np.save(tmp_path / "digits.npy", pixels)
    given = []

    def note(name, seed, file, test, folder):
        given.append((name, seed, np.load(file), test))
        return training.Result(name, seed, 60, 1.0, 22.0)

    monkeypatch.setattr(training, "train_ours", note)
    options = ["-o", str(tmp_path / "out"), "--only", "ten points", "--seeds", "0", "4"]
    training.main([str(tmp_path / "digits.npy"), *options])
    assert [(name, seed) for name, seed, _, _ in given] == [("ten points", 0), ("ten points", 4)]
    np.testing.assert_array_equal(given[0][2], pixels[:40])
    np.testing.assert_array_equal(given[0][3][:, 0], (pixels[40:] / 255).astype(np.float32))


def test_a_summary_has_mean_spread_and_verdict(tmp_path):
    results = [training.Result("ten Gaussians", seed, 60, 500.0, psnr) for seed, psnr in enumerate((21.5, 22.0, 22.5))]
    (row,) = training.summary(results)
    assert (row["mean"], row["lowest"], row["highest"], row["verdict"]) == (22.0, 21.5, 22.5, "reached")
    (row,) = training.summary(results[:1])
    assert row["verdict"] == "not reached"
    training.write(results, tmp_path, Console(file=io.StringIO()))
    assert (tmp_path / "results.json").is_file()


def test_the_rival_is_timed():
    pixels = spots(count=64, size=(8, 8))
    assert rival.steps_within(60.0, pixels, 6) > rival.steps_within(1e-9, pixels, 6) == 1


def test_a_rival_without_a_time_is_refused(capsys):
    with pytest.raises(SystemExit):
        training.parse(["digits", "-o", "out", "--only", training.RIVAL])
    assert "--rival-seconds" in capsys.readouterr().err


def test_variants_are_trained_briefly_and_judged_by_held_out_images(monkeypatch, tmp_path):
    np.save(tmp_path / "digits.npy", np.zeros((training.TEST_IMAGES + 7, 4, 4), np.uint8))
    calls = []

    def train(command, images, flag, run, *options):
        calls.append((command, len(np.load(images)), options))
        run.mkdir()
        figures = {"held_out_psnr": 21.0, "numbers_per_image": 60, "seconds": 9.0, "training_psnr": 22.0}
        (run / "metrics.json").write_text(json.dumps(figures))

    monkeypatch.setattr(training, "command_line", train)
    variants.main([str(tmp_path / "digits.npy"), "-o", str(tmp_path / "out"), "--only", "1 look", "--only", "heatmaps"])
    expected = (("--epochs", 3, "--looks", "1"), ("--epochs", 3, "--head", "heatmap"))
    assert calls == [("train", 7, options) for options in expected]
    rows = json.loads((tmp_path / "out" / "variants.json").read_text())
    assert [(row["name"], row["held_out_psnr"]) for row in rows] == [("1 look", 21.0), ("heatmaps", 21.0)]
