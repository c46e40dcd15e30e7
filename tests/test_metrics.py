"""PSNR, SSIM and the baselines that need no network."""

import numpy as np
import pytest
from scipy import stats

from gaussgrad import data, metrics


def test_psnr_is_that_of_the_error_averaged_over_all_pixels():
    images, drawn = np.zeros((2, 1, 2, 2)), np.zeros((2, 1, 2, 2))
    drawn[0] = 0.1  # errors 0.01 and 0: their mean is 0.005
    np.testing.assert_allclose(metrics.psnr(images, drawn), -10 * np.log10(0.005), rtol=1e-12)


def test_psnr_of_equal_images_is_infinite():
    assert metrics.psnr(np.ones((1, 3)), np.ones((1, 3))) == np.inf


def test_psnr_of_float32_is_summed_in_float64():
    images = np.full((400, 1, 50, 50), 0.5, dtype=np.float32)
    drawn = images + np.float32(1e-3)
    exact = -10 * np.log10(np.square(images.astype(float) - drawn.astype(float)).mean())
    np.testing.assert_allclose(metrics.psnr(images, drawn), exact, rtol=1e-9)


def test_psnr_of_counts_goes_by_white_less_black(rng):
    counts, drawn = rng.uniform(100, 900, (2, 3, 1, 4, 5))
    expected = metrics.psnr((counts - 100) / 800, (drawn - 100) / 800)
    np.testing.assert_allclose(metrics.psnr(counts, drawn, data_range=800), expected, rtol=1e-12)


def test_the_error_of_a_psnr_is_its_root_mean_square(rng):
    images, drawn = rng.random((2, 3, 1, 4, 5))
    expected = np.sqrt(np.square(images - drawn).mean())
    np.testing.assert_allclose(metrics.root_mean_square(metrics.psnr(images, drawn)), expected, rtol=1e-12)


def two_images():
    x, y = np.arange(17), np.arange(13)[:, None]
    one = (y**2 + 3 * x) % 29
    return one, one + (5 * y + x**2) % 7


def test_ssim_is_that_of_scikit_image():
    """structural_similarity(…, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=29), 0.26."""
    np.testing.assert_allclose(metrics.ssim(*two_images(), data_range=29), 0.9536227493741362, rtol=1e-12)


def test_ssim_is_the_mean_over_channels_and_bands_of_rows(rng, monkeypatch):
    images, drawn = rng.random((2, 2, 3, 30, 12))
    each = [metrics.ssim(a, b) for a, b in zip(images.reshape(-1, 30, 12), drawn.reshape(-1, 30, 12), strict=True)]
    np.testing.assert_allclose(metrics.ssim(images, drawn), np.mean(each), rtol=1e-12)
    monkeypatch.setattr(metrics, "_BAND", 7)
    np.testing.assert_allclose(metrics.ssim(images, drawn), np.mean(each), rtol=1e-12)


def test_ssim_counts_only_windows_of_known_pixels(rng):
    image, drawn = rng.random((2, 20, 25))
    known = np.ones((20, 25), bool)
    known[3, 4], image[3, 4] = False, np.nan
    windows = [
        metrics.ssim(image[i : i + 11, j : j + 11], drawn[i : i + 11, j : j + 11])
        for i in range(10)
        for j in range(15)
        if i > 3 or j > 4
    ]
    np.testing.assert_allclose(metrics.ssim(image, drawn, mask=known), np.mean(windows), rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "mask", "words"),
    [
        ((10, 30), None, "images must be of at least 11 x 11 pixels; got 10 x 30"),
        ((12, 12), np.zeros((12, 12), bool), "mask must be all true in at least one window"),
        ((12, 12), np.ones((12, 12)), r"mask must be booleans of shape \(12, 12\)"),
        ((12, 12), np.ones((11, 12), bool), r"mask must be booleans of shape \(12, 12\)"),
    ],
)
def test_ssim_of_no_window_is_refused(shape, mask, words):
    with pytest.raises(ValueError, match=words):
        metrics.ssim(np.ones(shape), np.ones(shape), mask=mask)


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 0, 2)])
@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim])
def test_measures_of_other_shapes_are_refused(measure, shape):
    with pytest.raises(ValueError, match="reconstructions must be of the shape of images"):
        measure(np.zeros((1, 0, 2)) if 0 in shape else np.zeros((1, 2, 2)), np.zeros(shape))


def test_pca_of_data_in_a_plane_needs_two_numbers(rng):
    plane = rng.normal(size=(2, 48)) * [[0.02], [0.01]]
    images = (0.5 + rng.normal(size=(60, 2)) @ plane).reshape(60, 3, 4, 4)
    one, two = (metrics.baselines(images[:40], images[40:], numbers) for numbers in (1, 2))
    assert two.pca > 200
    assert two.mean_image < one.pca < 60
    assert two.pca_numbers == 2


def test_pca_tells_how_many_numbers_there_were(rng):
    images = rng.random((7, 1, 4, 4))
    assert metrics.baselines(images[:5], images[5:], 60).pca_numbers == 5


def test_the_baselines_of_the_mnist_test_digits_are_those_published_with_them(data_file):
    pixels = data.load(data_file("mnist-t10k-images-idx3-ubyte.gz")).pixels
    measured = metrics.baselines(pixels[:8000], pixels[8000:], 60)
    np.testing.assert_allclose((measured.mean_image, measured.pca), (11.47, 19.97), atol=0.006)


def test_the_importance_weighted_bound_is_the_log_of_the_mean_weight(rng):
    log_weights = rng.normal(size=(7, 3, 2)) - 1200  # far below what exp can hold
    expected = np.log(np.exp(log_weights + 1200).mean(axis=0)) - 1200
    np.testing.assert_allclose(metrics.importance_weighted_bound(log_weights.astype(np.float64)), expected, rtol=1e-14)
    np.testing.assert_array_equal(metrics.importance_weighted_bound(log_weights[:1]), log_weights[0])


def test_the_importance_weighted_bound_rises_to_the_log_probability(rng):
    """x = z + noise, z and noise standard normal, and a posterior that is too wide: log p(x) is known."""
    x, count = 0.8, 200_000
    z = x / 2 + 1.2 * rng.normal(size=(count, 1))
    log_weights = stats.norm.logpdf(x, z) + stats.norm.logpdf(z) - stats.norm.logpdf(z, x / 2, 1.2)
    bounds = [metrics.importance_weighted_bound(log_weights.reshape(k, -1)).mean() for k in (1, 10, 1000)]
    exact = stats.norm.logpdf(x, 0, np.sqrt(2))
    assert bounds[0] < bounds[1] < bounds[2]
    assert abs(bounds[2] - exact) < 0.01


@pytest.mark.parametrize("log_weights", [np.zeros((0, 3)), np.float64(1.0), np.array([[np.nan]]), np.array([np.inf])])
def test_log_weights_that_bound_nothing_are_refused(log_weights):
    with pytest.raises(ValueError, match="log_weights must be"):
        metrics.importance_weighted_bound(log_weights)
