"""The measurements of photographs: what they compute, on a small image."""

import numpy as np
import pytest
import torch

from benchmarks.quality import curves, fewest, photographs, second_order
from gaussgrad import metrics
from gaussgrad.fitting import fit_image


@pytest.fixture(scope="module")
def image():
    """Smooth, in colour (3, 20, 26)."""
    y, x = np.mgrid[:20, :26].astype(np.float32) / 26
    return np.stack((x, y, 0.5 + 0.4 * np.sin(7 * x) * np.cos(5 * y)))


@pytest.fixture
def drawing(image):
    return second_order.Drawing(image, fit_image(image, 12, steps=10).picture)


def test_the_two_derivatives_of_the_residual_are_one_another_transposed(drawing):
    generator = torch.Generator().manual_seed(0)
    residual = drawing.residual(drawing.rest())
    u = torch.randn(drawing.rest().shape, generator=generator)
    v = torch.randn(residual.shape, generator=generator)
    forward = (drawing.forward(u, residual) * v).sum().item()
    assert forward == pytest.approx((drawing.transposed(v) * u).sum().item(), rel=0.02)


def test_the_diagonal_is_that_of_gaussians_alone(image):
    drawing = second_order.Drawing(0 * image, fit_image(image, 12, steps=0).picture)
    middle = torch.tensor([[12.0, 9.0]])
    drawing.arrays = middle, torch.tensor([[1.6, 0.5, 1.3]]), torch.tensor([[0.3, 0.5, -0.2]])
    residual = drawing.residual(drawing.rest())
    columns = [drawing.forward(unit[None], residual).square().sum().item() for unit in torch.eye(8)]
    np.testing.assert_allclose(drawing.diagonal()[0], columns, rtol=0.05)


def test_gauss_newton_draws_better_with_time_and_never_worse(image):
    start = fit_image(image, 12, steps=0).picture
    before = metrics.psnr(image, start.render())
    assert second_order.gauss_newton(image, start, 0.0) == pytest.approx(before, abs=0.01)
    assert second_order.gauss_newton(image, start, 0.3) > before + 3


def test_bisection_finds_the_fewest(image, monkeypatch):
    reached = []

    class Drawn:
        def __init__(self, n):
            reached.append(n)
            self.psnr = 30 + n / 100

    monkeypatch.setattr(fewest, "fit_image", lambda image, n, **_: Drawn(n))
    assert fewest.bisected(image, 35.0, 900) == pytest.approx(500, abs=5)
    assert len(reached) < 12


def test_the_table_holds_every_image_and_the_mean():
    rows = {"a": photographs.Row(30.0, 33.0, 900, 1.1), "b": photographs.Row(20.0, 22.0, 1100, 1.3)}
    text = photographs.markdown(photographs.Comparison(5000, 2.5, rows))
    assert "5,000 Gaussians in 2.5 s" in text
    assert "| a | 30.00 | 33.00 | +3.00 | 900 | 1.10 |" in text
    assert "| mean | 25.00 | 27.50 | +2.50 | 1,000 | 1.20 |" in text


def test_the_figures_are_written(image, tmp_path):
    curves.draw_gallery(tmp_path / "gallery.jpg", image, [fit_image(image, n, steps=5) for n in (3, 5, 9)])
    curves.draw_curves(tmp_path / "curves.png", {10: ([20.0, 22.0], [19.0, 20.0]), 20: ([25, 26], [23, 24])}, (1, 2))
    assert (tmp_path / "gallery.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
