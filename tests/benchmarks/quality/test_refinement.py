"""The comparison of refinements: what is cropped, where a start stands, and what a method cannot do."""

import numpy as np
import pytest
import torch
from tiny_images import spots

from benchmarks.quality import crops, refinement
from gaussgrad import metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.inference import predict


def test_crops_stand_row_by_row_at_every_so_many_pixels():
    image = np.arange(3 * 9 * 12, dtype=np.float32).reshape(3, 9, 12)
    found = crops.cut(image, 5, 4)
    places = [(y, x) for y in (0, 4) for x in (0, 4)]
    np.testing.assert_array_equal(found, np.stack([image[:, y : y + 5, x : x + 5] for y, x in places]))


def test_the_answer_of_a_model_starts_where_the_model_draws_it(tmp_path):
    pixels = spots(count=6)
    model = GaussianAutoencoder(pixels.shape[2:], n=3, looks=1).eval()
    with torch.no_grad():
        model.background.fill_(0.2)
    model.save(tmp_path / "model")
    start = refinement.by_model(tmp_path, pixels)
    wanted = metrics.psnr(pixels, predict(model, pixels).reconstructions)
    assert refinement.psnr(start.task, start.gaussians) == pytest.approx(wanted, abs=1e-3)
    assert refinement.measure(start, "gauss-newton", 1)[0] > wanted


def test_what_a_method_cannot_do_is_a_dash(monkeypatch):
    monkeypatch.setattr(refinement, "STARTING_STEPS", 1)
    monkeypatch.setattr(refinement, "STEPS", (1,))
    start = refinement.by_image(65, spots(count=2))
    assert list(refinement.cells(start, "levenberg-marquardt")) == ["-"]
    assert list(refinement.cells(start, "gauss-newton")) != ["-"]
