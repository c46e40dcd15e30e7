"""Predictions in the numbers of the images, and whole frames from the tiles that a model was trained on."""

import numpy as np
import pytest
import torch
from tiny_images import spots

import gaussgrad
from gaussgrad import data, inference
from gaussgrad.autoencoder import GaussianAutoencoder, VariationalGaussianAutoencoder
from gaussgrad.gaussians import Gaussians
from gaussgrad.scaling import Scale

COUNTS = np.rint(120 + 800 * spots(5)).astype(np.uint16)


def models(**arguments):
    """A model of the scale 100 to 900 with any background, and the same model without a scale."""
    torch.manual_seed(3)
    scaled = GaussianAutoencoder((10, 12), n=2, looks=1, black=100, white=900, **arguments).eval()
    plain = GaussianAutoencoder((10, 12), n=2, looks=1, **arguments).eval()
    with torch.no_grad():
        scaled.background.fill_(0.2)
    plain.load_state_dict(scaled.state_dict())
    return scaled, plain


@pytest.mark.parametrize("steps", [0, 2])
def test_weights_and_reconstructions_are_in_the_numbers_of_the_images(steps):
    scaled, plain = models()
    found = inference.predict(scaled, COUNTS, steps)
    expected = inference.predict(plain, ((COUNTS - 100.0) / 800).astype(np.float32), steps)
    np.testing.assert_allclose(found.gaussians.means, expected.gaussians.means, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.gaussians.weights, 800 * expected.gaussians.weights, rtol=1e-4)
    np.testing.assert_allclose(found.reconstructions, 100 + 800 * expected.reconstructions, rtol=1e-4)
    above = found.gaussians
    drawn = gaussgrad.render(above.means, above.packed_covariances(), above.weights, size=(10, 12), amplitude="peak")
    np.testing.assert_allclose(drawn[:, None] + 100 + 800 * 0.2, found.reconstructions, rtol=1e-4)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (np.uint8([0, 51, 255]), [0, 0.2, 1]),
        (np.array([False, True]), [0, 1]),
        (np.uint16([0, 13107, 65535]), [0, 0.2, 1]),  # as models that were written without black and white were trained
        (np.float64([-0.5, 0.2, 1.5]), [-0.5, 0.2, 1.5]),
    ],
)
def test_a_model_without_a_scale_takes_numbers_by_their_type(numbers, expected):
    unit = inference.to_unit(GaussianAutoencoder((8, 8), n=1), numbers)
    np.testing.assert_allclose(unit, np.float32(expected), rtol=1e-6, strict=True)


def test_numbers_of_which_nothing_says_what_white_is_are_refused():
    model = GaussianAutoencoder((10, 12), n=2)
    for numbers in (COUNTS.astype(np.int32), COUNTS.astype(np.float32)):
        with pytest.raises(
            ValueError, match=r"^here must be of 8 bits, or floats in \[0, 1\], .* got (int|float)32 from"
        ):
            inference.refuse_other_images(model, data.Frames(numbers, tuple("abcde"), "here"))


class Finder(torch.nn.Module):
    """A stand-in for an autoencoder of tiles: its Gaussians are the four brightest pixels above black."""

    size, channels, n, tiled, scale = (16, 16), 1, 4, True, Scale(100, 900)

    def encode(self, images):
        weights, places = images.flatten(1).topk(self.n)
        means = torch.stack((places % 16, places // 16), dim=-1).float()
        return Gaussians(means, torch.tensor([1.0, 0.0, 1.0]).expand(*means.shape[:2], 3), weights)

    def decode(self, gaussians):
        drawn = torch.zeros(len(gaussians.means), 16, 16)
        x, y = gaussians.means.long().unbind(-1)
        for i in range(len(drawn)):
            drawn[i, y[i], x[i]] = gaussians.weights[i]
        return drawn[:, None]


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (40, 61), (64, 48)])
def test_each_spot_of_a_frame_is_found_once_at_its_place_in_the_frame(size):
    rng = np.random.default_rng(0)
    frames = np.full((2, 1, *size), 100, dtype=np.uint16)
    y, x = (grid.ravel() for grid in np.mgrid[2 : size[0] : 9, 3 : size[1] : 9])  # at most four in a tile
    frames[:, 0, y, x] = rng.integers(200, 990, (2, len(x)))
    found = inference.predict(Finder(), frames)
    np.testing.assert_allclose(found.reconstructions, frames, rtol=1e-5)
    for i in range(2):
        means, weights = found.gaussians.means[i].numpy(), found.gaussians.weights[i].numpy()
        assert (weights[~found.owned[i]] == 0).all()
        real = found.owned[i] & (weights > 1)
        places = sorted(map(tuple, means[real].astype(int)))
        assert places == sorted(zip(x.tolist(), y.tolist(), strict=True))
        np.testing.assert_allclose(weights[real] + 100, frames[i, 0, *means[real].astype(int).T[::-1]], rtol=1e-5)


def test_what_else_is_told_of_tiles_comes_with_them():
    model = GaussianAutoencoder((8, 8), channels=3, n=2, looks=0, tiled=True).eval()
    frames = np.random.default_rng(0).random((2, 3, 8, 20), dtype=np.float32)
    found = inference.predict(model, frames, 0, VariationalGaussianAutoencoder(model))
    assert found.gaussians.means.shape == (2, 3 * 2, 2)
    assert found.gaussians.weights.shape == (2, 3 * 2, 3)
    assert found.position_stddevs.shape == (2, 3 * 2, 2)
    assert found.reconstructions.shape == frames.shape
    one = inference.answer(model, frames[1:, :, :, 12:]).gaussians.means[0].numpy()
    np.testing.assert_allclose(found.gaussians.means[1, 4:], one + np.array([12, 0]), rtol=1e-5)
    presence = GaussianAutoencoder((8, 8), n=2, looks=0, tiled=True, presence=True).eval()
    found = inference.predict(presence, frames[:, :1]).gaussians
    assert found.presence.shape == (2, 6)
    assert ((found.presence == 0) == (found.weights == 0)).all()


@pytest.mark.parametrize("shape", [(1, 1, 7, 20), (1, 3, 8, 20), (8, 20)])
def test_frames_smaller_than_a_tile_are_refused(shape):
    model = GaussianAutoencoder((8, 8), n=2, looks=0, tiled=True)
    with pytest.raises(ValueError, match=r"images must be of shape \(b, 1, h, w\), h at least 8 and w at least 8; got"):
        inference.predict(model, np.zeros(shape, np.float32))
