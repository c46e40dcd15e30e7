"""Images of any size brought to one: Pillow's, in the numbers of the images, with nothing beyond their range."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from gaussgrad import resizing


@pytest.mark.parametrize("size", [(30, 41), (9, 5), (8, 12)])
def test_bytes_are_what_pillow_makes_of_them(size):
    image = np.random.default_rng(0).integers(60, 190, (*size, 3), dtype=np.uint8)
    fitted = np.asarray(ImageOps.fit(Image.fromarray(image), (8, 8), Image.Resampling.LANCZOS))
    expected = fitted.clip(image.min(axis=(0, 1)), image.max(axis=(0, 1)))
    found = resizing.cover(np.moveaxis(image, -1, 0)[None], (8, 8))
    assert found.dtype == np.uint8
    np.testing.assert_allclose(np.moveaxis(found[0], 0, -1).astype(int), expected, rtol=0, atol=1)  # it rounds twice


def test_what_is_beside_the_middle_is_left_out():
    images = np.random.default_rng(0).normal(size=(2, 1, 8, 14))
    np.testing.assert_allclose(resizing.cover(images, (8, 8)), images[..., 3:11], atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float16", "float64"])
def test_numbers_keep_their_type_and_range(dtype):
    black, white = (1e9, 1e9 + 800) if dtype in ("int32", "float64") else (100, 900)  # float32 has steps of 64 there
    edge = np.full((1, 1, 20, 20), black).astype(dtype)
    edge[..., 11:] = white
    small = resizing.cover(edge, (8, 8))
    assert small.dtype == dtype
    assert (small.min(), small.max()) == (black, white)  # Lanczos' filter alone goes beyond both
    assert black + 100 < small[0, 0, 0, 4] < white - 100


def test_a_channel_without_contrast_stays_as_it_is():
    image = np.array([0.1, 0.7, 0.3])[None, :, None, None] * np.ones((1, 1, 20, 9))
    np.testing.assert_array_equal(resizing.cover(image, (8, 12)), image[..., :1, :1] * np.ones((8, 12)))


def test_edges_of_black_and_white_become_grey():
    image = np.zeros((1, 1, 20, 20), dtype=bool)
    image[..., 11:] = True
    found = resizing.cover(image, (8, 8))
    assert found.dtype == np.float32
    assert 0.1 < found[0, 0, 0, 4] < 0.9
