"""Variants: short trainings, judged by held-out images."""

import json

import numpy as np

from benchmarks.quality import digits, trainings, variants


def test_variants_are_trained_briefly_and_judged_by_held_out_images(monkeypatch, tmp_path):
    np.save(tmp_path / "digits.npy", np.zeros((digits.TEST_IMAGES + 7, 4, 4), np.uint8))
    calls = []

    def train(images, flag, run, *options):
        calls.append((len(np.load(images)), options))
        run.mkdir()
        figures = {"held_out_psnr": 21.0, "numbers_per_image": 60, "seconds": 9.0, "training_psnr": 22.0}
        (run / "metrics.json").write_text(json.dumps(figures))

    monkeypatch.setattr(trainings, "train", train)
    variants.report_on(tmp_path / "digits.npy", tmp_path / "out", 3, ["1 look", "heatmaps"])
    expected = (("--epochs", 3, "--looks", "1"), ("--epochs", 3, "--head", "heatmap"))
    assert calls == [(7, options) for options in expected]
    rows = json.loads((tmp_path / "out" / "variants.json").read_text())
    assert [(row["name"], row["held_out_psnr"]) for row in rows] == [("1 look", 21.0), ("heatmaps", 21.0)]
