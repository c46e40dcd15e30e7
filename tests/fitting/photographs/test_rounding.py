"""A fit that ends with rounded numbers: the others make up for each that is rounded, and its file holds it as it is."""

import numpy as np
import pytest

from gaussgrad import Picture, metrics
from gaussgrad.files.compact import Steps
from gaussgrad.files.images import read_image
from gaussgrad.fitting.photographs import fit_image, rounding

COARSE = Steps(0.25, 0.15, 0.1)


@pytest.fixture(scope="module")
def fit(photograph):
    return fit_image(photograph, 60, steps=150)


@pytest.fixture(scope="module")
def settled(photograph, fit):
    """The fit with rounded numbers, and the moments on the way."""
    moments = []
    return fit_image(photograph, 60, steps=0, start=fit, compact=COARSE, callback=moments.append), moments


def test_numbers_that_move_make_up_for_those_that_are_rounded(photograph, fit, settled):
    at_once = metrics.psnr(photograph, fit.picture.rounded(COARSE).render())
    assert settled[0].psnr > at_once + 1
    assert settled[0].psnr == pytest.approx(metrics.psnr(photograph, settled[0].render()), abs=1e-3)


def test_every_number_is_rounded_and_the_file_keeps_it(settled, tmp_path):
    picture = settled[0].picture
    again = picture.rounded(COARSE)
    for name in ("means", "cholesky", "weights"):
        np.testing.assert_array_equal(getattr(again.gaussians, name), getattr(picture.gaussians, name))
    settled[0].save(tmp_path / "a.gauss", compact=True)
    loaded = Picture.load(tmp_path / "a.gauss")
    assert (loaded.steps, loaded.fit_psnr, loaded.rounding_psnr) == (COARSE, settled[0].psnr, None)
    np.testing.assert_allclose(loaded.render(), picture.render(), atol=1e-6)


def test_the_steps_of_rounding_are_told_and_come_after_those_of_the_fit(fit, settled):
    rounded, moments = settled
    assert [each.step for each in moments] == [0, *range(rounding.STEPS + 1)]
    assert [each.step for each in rounded.history] == [0, rounding.STEPS]
    assert rounded.history[0].psnr == pytest.approx(fit.psnr, abs=1e-3)
    assert moments[-1].psnr == rounded.psnr
    assert {each.progress for each in moments} == {1.0}


def test_steps_that_are_chosen_cost_little(photograph, fit):
    rounded = fit_image(photograph, 60, steps=0, start=fit, compact=True)
    assert fit.psnr - 0.5 < rounded.psnr
    at_once = metrics.psnr(fit.render(), fit.picture.rounded(rounded.picture.steps).render())
    assert fit.psnr + 7.9 < at_once  # margin of the choice


def test_weights_stay_at_zero_or_above(photograph):
    rounded = fit_image(photograph, 20, steps=30, non_negative=True, compact=COARSE)
    assert rounded.gaussians.weights.min() == 0


@pytest.mark.parametrize("name", ["kodim05", "kodim23"])
def test_a_photograph_loses_less_than_a_third_of_a_decibel(data_file, tmp_path, name):
    crop = read_image(data_file(f"kodak/{name}.png"))[:, 128:256, 256:384]
    before = fit_image(crop, 500, steps=300)
    after = fit_image(crop, 500, steps=0, start=before, compact=True)
    assert before.psnr - 0.3 < after.psnr
    sizes = []
    for each, kind in ((after, {"compact": True}), (before, {"compact": True}), (before, {})):
        each.save(tmp_path / "a.gauss", **kind, overwrite=True)
        sizes.append((tmp_path / "a.gauss").stat().st_size)
    assert sizes[0] < 0.99 * sizes[1] < 0.361 * sizes[2]  # how much less depends on the luck of a fit
