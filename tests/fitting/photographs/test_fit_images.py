"""fit_images: many small images in one descent, each as if it were alone."""

import numpy as np
import pytest
import torch

from gaussgrad.fitting.photographs import fit_image, fit_images

SIZE = (24, 31)


def numbers(fit):
    return fit.gaussians.means, fit.gaussians.cholesky, fit.gaussians.weights


@pytest.mark.parametrize("options", [{}, {"non_negative": True, "seed": 5, "tolerance": 0.0}])
def test_many_images_are_fitted_as_each_alone(photograph, options):
    generator = np.random.default_rng(2)
    images = np.stack((photograph, photograph[:, ::-1], generator.uniform(size=photograph.shape))).astype(np.float32)
    masks = generator.uniform(size=(3, *SIZE)) > 0.1
    masks[0] = True
    moments = []
    fits = fit_images(images, 20, steps=60, masks=masks, callback=moments.append, **options)
    for fit, image, mask in zip(fits, images, masks, strict=True):
        alone = fit_image(image, 20, steps=60, mask=mask, **options)
        for one, other in zip(numbers(fit), numbers(alone), strict=True):
            np.testing.assert_array_equal(one, other)
        assert [(each.step, each.psnr) for each in fit.history] == [(each.step, each.psnr) for each in alone.history]
        assert fit.ssim == alone.ssim
    assert moments[-1].psnr == pytest.approx(np.mean([fit.psnr for fit in fits]))


def test_many_images_end_when_all_are_good_enough():
    y, x = np.mgrid[:9, :11] / 11
    images = (255 * np.stack((x, np.full_like(x, 0.5), 0.5 + 0.4 * np.sin(9 * y)))).astype(np.uint8)
    fits = fit_images(torch.tensor(images), 6, psnr=25.0)
    assert min(fit.psnr for fit in fits) >= 25.0
    assert {fit.history[-1].step for fit in fits} < set(range(1, 1000))
    assert fits[0].picture.sample_type == "uint8"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"images": np.zeros((4, 5))}, ValueError, r"images must be of shape \(b, h, w\) or \(b, c, h, w\)"),
        ({"images": np.zeros((0, 4, 5))}, ValueError, "images must be of shape"),
        (
            {"images": np.stack((np.zeros((4, 5)), np.full((4, 5), np.inf)))},
            ValueError,
            "image 1: image must be finite",
        ),
        ({"images": np.zeros((2, 4, 5), int)}, TypeError, "image 0: image must be of unsigned integers"),
        ({"masks": np.ones((1, 4, 5), bool)}, ValueError, "masks must be 2, one for each image; got 1"),
        ({"masks": np.ones((2, 4, 4), bool)}, ValueError, "image 0: mask must be booleans of shape"),
        ({"n": 0}, ValueError, "n must be"),
    ],
)
def test_what_cannot_be_fitted_among_many_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        fit_images(**{"images": np.zeros((2, 4, 5)), "n": 3, "steps": 1} | options)
