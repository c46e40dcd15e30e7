"""fit_image: a photograph drawn by Gaussians, whatever its type, size and gaps."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad import metrics
from gaussgrad.files.compact import Steps
from gaussgrad.fitting.photographs import Fit, descent, fit_image

SIZE = (24, 31)


def test_a_photograph_is_drawn_by_what_is_told(photograph):
    fit = fit_image(photograph, 60, steps=200)
    assert fit.psnr > 30
    assert metrics.psnr(photograph, fit.render()) == pytest.approx(fit.psnr, abs=1e-3)
    assert fit.picture.fit_psnr == fit.psnr
    assert fit.gaussians.means.shape == (60, 2)
    assert fit.gaussians.weights.shape == (60, 3)
    assert fit.render(scale=2).shape == (3, 48, 62)
    assert [moment.step for moment in fit.history][:2] == [0, 10]
    assert fit.history[-1].step == 200


def test_ssim_goes_by_the_pixels_that_are_known(photograph):
    fit = fit_image(photograph, 60, steps=20)
    assert fit.ssim == pytest.approx(metrics.ssim(photograph, fit.render()), abs=1e-5)
    known = np.ones(SIZE, bool)
    known[:, :5] = False
    holed = np.where(known, photograph, np.nan)
    fit = fit_image(255 * holed, 60, steps=20, mask=known, data_range=255)
    assert fit.ssim == pytest.approx(metrics.ssim(photograph[..., 5:], fit.render()[..., 5:]), abs=1e-5)
    assert fit_image(photograph[:, :10], 5, steps=1).ssim is None
    known[10:14] = False  # a row of every window
    assert fit_image(photograph, 5, steps=1, mask=known).ssim is None


def test_gaussians_come_in_on_the_way_where_the_error_is(photograph):
    history = fit_image(photograph, 60, steps=50).history
    counts = [moment.gaussians for moment in history]
    assert counts[0] == 12
    assert counts == sorted(counts)
    assert counts[-1] == 60
    blank = np.zeros(SIZE, np.float32)
    blank[20, 25] = 1.0  # found by its error alone, once the rest is drawn
    assert fit_image(blank, 2, steps=100).psnr > metrics.psnr(blank, np.full(SIZE, blank.mean())) + 10


def test_gaussians_that_draw_nothing_begin_anew_where_the_error_is(photograph):
    """A third of the start lies where no gradient brings it back from."""
    start = fit_image(photograph, 60, steps=60).picture
    means = start.gaussians.means.copy()
    means[::3] = -200.0
    lost = replace(start, gaussians=replace(start.gaussians, means=means))
    fit = fit_image(photograph, 60, steps=200, start=lost)
    back = (fit.gaussians.means[::3] > -2).all(axis=1)
    assert back.all()
    assert np.isfinite(numbers(fit)[0]).all()


def numbers(fit):
    return fit.gaussians.means, fit.gaussians.cholesky, fit.gaussians.weights


def test_a_seed_gives_the_same_gaussians_on_any_number_of_threads(photograph):
    one, again, other = (fit_image(photograph, 20, steps=12, seed=s, threads=t) for s, t in ((1, 1), (1, 2), (2, 1)))
    for first, second in zip(numbers(one), numbers(again), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(numbers(one)[0], numbers(other)[0])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float64"])
def test_types_are_read_by_their_range(photograph, dtype):
    white = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    given = np.round(photograph * white).astype(dtype) if white > 1 else photograph.astype(dtype)
    fit = fit_image(given, 40, steps=40)
    assert fit.psnr == pytest.approx(fit_image(photograph, 40, steps=40).psnr, abs=2)
    assert fit.picture.to_samples(fit.render()).dtype == (dtype if white > 1 else np.float32)


def test_a_range_of_the_data_changes_the_unit_alone(photograph):
    counts = 1000 * photograph
    fit, unit = fit_image(counts, 20, steps=20, data_range=1000), fit_image(photograph, 20, steps=20)
    assert fit.psnr == pytest.approx(unit.psnr, abs=0.01)
    np.testing.assert_allclose(fit.picture.to_samples(fit.render()), 1000 * unit.render(), atol=2)


def test_tensors_and_grey_images_are_taken(photograph):
    fit = fit_image(torch.tensor(photograph[0]), 20, steps=20)
    assert fit.render().shape == (1, *SIZE)
    assert fit.psnr == fit_image(photograph[:1], 20, steps=20).psnr


def test_unknown_pixels_count_for_nothing(photograph):
    mask = np.ones(SIZE, bool)
    mask[3:9, 10:20] = False
    fits = []
    for value in (np.nan, 5.0):
        spoilt = photograph.copy()
        spoilt[:, ~mask] = value
        fits.append(fit_image(spoilt, 40, steps=30, mask=mask))
    for first, second in zip(*map(numbers, fits), strict=True):
        np.testing.assert_array_equal(first, second)
    error = ((fits[0].render() - photograph) ** 2)[:, mask].mean()
    assert fits[0].psnr == pytest.approx(-10 * math.log10(error), abs=1e-3)


def test_weights_may_be_kept_from_falling_below_0(photograph):
    fit = fit_image(photograph, 40, steps=60, non_negative=True)
    assert fit.gaussians.weights.min() >= 0
    assert fit.background == (0.0, 0.0, 0.0)
    assert fit.psnr > 20
    assert fit_image(photograph, 40, steps=60).gaussians.weights.min() < 0


def test_no_gaussian_is_a_needle(photograph):
    factors = fit_image(photograph, 60, steps=100, narrowest=0.6).gaussians.cholesky.astype(np.float64)
    matrices = np.zeros((60, 2, 2))
    matrices[:, [0, 1, 1], [0, 0, 1]] = factors
    assert np.linalg.svd(matrices)[1].min() >= 0.6 * (1 - 1e-5)


def test_a_fit_goes_on_from_another_and_grows(photograph):
    first = fit_image(photograph, 20, steps=50)
    second = fit_image(photograph, 40, steps=100, start=first)
    assert second.history[0].psnr == pytest.approx(first.psnr, abs=1e-3)
    assert second.psnr > first.psnr + 1
    assert fit_image(photograph, 20, steps=0, start=first.picture).psnr == pytest.approx(first.psnr, abs=1e-3)


def test_the_first_of_the_limits_ends_it(photograph):
    assert fit_image(photograph, 20, steps=10**9, seconds=0.2).history[-1].seconds < 20
    reached = fit_image(photograph, 40, steps=500, psnr=20.0)
    assert 20 <= reached.psnr < 26
    assert reached.history[-1].step < 500


def test_the_fewest_gaussians_that_reach_a_psnr_are_found(photograph):
    fit = fit_image(photograph, psnr=28.0, steps=60)
    assert 28.0 <= fit.psnr <= 28.1 + 1e-3
    assert fit.psnr == pytest.approx(metrics.psnr(photograph, fit.render()), abs=1e-3)
    fewer = [fit_image(photograph, n, steps=60).psnr for n in range(10, int(fit.picture.n / 1.15))]
    assert np.median(fewer) < 28.0
    assert sum(psnr >= 28.0 for psnr in fewer) <= 1  # a lucky seed
    assert fit.history[-1].n == fit.picture.n
    assert all(trial.n >= 1 for trial in fit.history[-1].tried)


def test_a_search_for_their_number_goes_on_where_it_was(photograph):
    kept = []
    whole = fit_image(photograph, psnr=28.0, steps=60, callback=lambda moment: kept.append((moment, moment.picture())))
    moment, picture = next(pair for pair in kept if len(pair[0].tried) == 2 and pair[0].step == 30)
    again = []
    fit = fit_image(photograph, psnr=28.0, steps=60, start=picture, used=moment, callback=again.append)
    assert (again[0].step, again[0].n, again[0].tried) == (30, moment.n, moment.tried)
    assert fit.psnr >= 28.0
    assert fit.picture.n == pytest.approx(whole.picture.n, rel=0.15)


def test_what_no_number_of_gaussians_draws_ends_with_as_many_as_pixels():
    noise = np.random.default_rng(0).uniform(size=(4, 5)).astype(np.float32)
    fit = fit_image(noise, psnr=200.0, steps=3)
    assert fit.picture.n == 20
    assert fit.psnr < 200


def test_one_gaussian_is_enough_for_a_constant_image():
    assert fit_image(np.full((40, 50), 0.5, np.float32), psnr=35.0, steps=5).picture.n == 1


def test_compiling_takes_no_time_of_the_fit(photograph, monkeypatch):
    monkeypatch.setattr(descent.Drawing, "compile", lambda *_: time.sleep(0.3))
    assert fit_image(photograph, 10, seconds=0.1).history[0].seconds < 0.2


def test_a_callback_sees_every_step_and_may_end_it(photograph):
    seen = []
    fit_image(photograph, 10, steps=5, callback=seen.append)
    assert [moment.step for moment in seen] == [0, 1, 2, 3, 4, 5]

    def stop(moment):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_image(photograph, 10, steps=5, callback=stop)


def test_a_callback_gets_the_picture_of_its_moment_alone(photograph):
    kept = []

    def keep(moment):
        kept.append((moment, moment.picture()))

    fit = fit_image(photograph, 20, steps=25, callback=keep)
    for moment, picture in kept:  # copied: later steps have not changed it
        assert metrics.psnr(photograph, picture.render()) == pytest.approx(moment.psnr, abs=1e-3)
        assert picture.n == moment.gaussians
    assert kept[-1][0].progress == 1
    for moment in (kept[3][0], fit.history[0]):
        with pytest.raises(RuntimeError, match="only in the callback"):
            moment.picture()


def unfinished(photograph, seed):
    """The last moment of a fit that ends after a fifth of its steps, and its picture."""
    kept = []

    def keep(moment):
        kept.append((moment, moment.picture()))
        if moment.step == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_image(photograph, 40, steps=200, callback=keep, seed=seed)
    return kept[-1]


def test_an_unfinished_fit_ends_as_it_would_have(photograph):
    moment, picture = unfinished(photograph, 0)
    assert moment.gaussians < 40
    fit = fit_image(photograph, 40, steps=200, start=picture, used=moment)
    steps = [each.step for each in fit.history]
    assert (steps[0], steps[-1], fit.history[-1].gaussians) == (40, 200, 40)
    assert fit.history[0].seconds >= moment.seconds
    done = fit_image(photograph, 40, steps=193, start=fit, used=fit.history[-1])
    assert [each.psnr for each in done.history] == [pytest.approx(fit.psnr, abs=1e-3)]
    with pytest.raises(ValueError, match="used must be given together with start"):
        fit_image(photograph, 40, used=moment)


def test_unfinished_fits_end_as_well_as_others(photograph):
    """On average: other Gaussians come in, and each fit of so few may be 5 dB better or worse for it."""
    gains = []
    for seed in range(8):
        moment, picture = unfinished(photograph, seed)
        fit = fit_image(photograph, 40, steps=200, start=picture, used=moment, seed=seed)
        gains.append(fit.psnr - fit_image(photograph, 40, steps=200, seed=seed).psnr)
    assert np.mean(gains) > -3


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5)])
def test_a_constant_image_is_its_background(value, size):
    fit = fit_image(np.full(size, value, np.float32), 30, steps=10)  # more Gaussians than pixels
    np.testing.assert_allclose(fit.render(), np.full((1, *size), value), atol=1e-3)
    assert all(np.isfinite(array).all() for array in numbers(fit))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": np.zeros((24, 31, 3))}, r"image must be of shape .*; got shape \(24, 31, 3\). Use numpy.moveaxis"),
        ({"image": np.zeros(5)}, "image must be of shape"),
        ({"image": np.zeros((0, 4))}, "image must be of shape"),
        (
            {"image": np.full((2, 2), np.nan)},
            r"image must be finite; got \[nan\] at pixel \(0, 0\). Leave .* out by mask=",
        ),
        ({"mask": np.zeros(SIZE, bool)}, "mask must be true at one pixel or more"),
        ({"mask": np.ones((2, 2), bool)}, r"mask must be booleans of shape \(24, 31\)"),
        ({"mask": np.ones(SIZE)}, "mask must be booleans of shape .* Use mask > 0"),
        ({"n": 0}, "n must be"),
        ({"n": None}, "n must be a number of Gaussians where no psnr is given"),
        ({"steps": -1}, "steps must be"),
        ({"seconds": math.nan}, "seconds must be 0 or more seconds"),
        ({"narrowest": -1}, "narrowest must be a number of pixels"),
        ({"data_range": 0}, "data_range must be a number above 0"),
        ({"non_negative": 1}, "non_negative must be one of False, True"),
        ({"compact": 3}, "compact must be one of False, True"),
        ({"compact": Steps(width=-1.0)}, r"steps\.width must be positive and finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit_image(**{"image": np.zeros(SIZE), "n": 3, "steps": 1} | options)


def test_other_types_and_starts_of_other_images_are_refused(photograph):
    with pytest.raises(TypeError, match="image must be of unsigned integers of 8 or 16 bits, or of floats; got int64"):
        fit_image(np.zeros(SIZE, int), 3)
    other = fit_image(np.zeros((4, 4)), 3, steps=1)
    with pytest.raises(ValueError, match="start must be of 3 channels"):
        fit_image(photograph, 3, start=other)
    with pytest.raises(ValueError, match=r"start must be of peak amplitude, of size \(24, 31\) and of at most n = 3"):
        fit_image(photograph[0], 3, start=other)
    with pytest.raises(ValueError, match="of at most n = 2 Gaussians"):
        fit_image(np.zeros((4, 4)), 2, start=other)


def test_the_fit_is_saved_as_a_picture(photograph, tmp_path):
    fit = fit_image(photograph, 10, steps=5)
    fit.save(tmp_path / "photograph.gauss")
    np.testing.assert_array_equal(gaussgrad.Picture.load(tmp_path / "photograph.gauss").render(), fit.render())
    assert isinstance(fit, Fit)
