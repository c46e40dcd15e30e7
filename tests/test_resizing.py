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


@pytest.mark.parametrize(("size", "side"), [((60, 91), 24), ((40, 31), 47)])
def test_a_place_in_the_square_is_where_the_page_on_images_says(size, side):
    x, y = size[1] / 2 + 3.3, size[0] / 2 - 4.2
    rows, columns = np.mgrid[: size[0], : size[1]]
    image = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 12)
    found = resizing.cover(image[None, None], (side, side))[0, 0]
    rows, columns = np.mgrid[:side, :side]
    factor = side / min(size)
    for grid, length, place in ((columns, size[1], x), (rows, size[0], y)):
        mean = (grid * found).sum() / found.sum()
        back = (mean + 0.5 + (factor * length - side) / 2) / factor - 0.5
        np.testing.assert_allclose(back, place, rtol=0, atol=0.05)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float16", "float64"])
def test_numbers_keep_their_type_and_range(dtype):
    black, white = 100, 900
    edge = np.full((1, 1, 20, 20), black).astype(dtype)
    edge[..., 11:] = white
    small = resizing.cover(edge, (8, 8))
    assert small.dtype == dtype
    assert (small.min(), small.max()) == (black, white)  # Lanczos' filter alone goes beyond both
    assert black + 100 < small[0, 0, 0, 4] < white - 100


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_large_numbers_keep_their_digits(dtype):
    image = np.random.default_rng(0).integers(0, 800, (1, 1, 20, 30)).astype(dtype)
    far = resizing.cover(image + 10**9, (8, 8))  # where float32 has steps of 64
    np.testing.assert_allclose(far - 10**9, resizing.cover(image, (8, 8)), rtol=0, atol=1e-3)


def test_a_channel_without_contrast_stays_as_it_is():
    image = np.array([0.1, 0.7, 0.3])[None, :, None, None] * np.ones((1, 1, 20, 9))
    np.testing.assert_array_equal(resizing.cover(image, (8, 12)), image[..., :1, :1] * np.ones((8, 12)))


def test_edges_of_black_and_white_become_grey():
    image = np.zeros((1, 1, 20, 20), dtype=bool)
    image[..., 11:] = True
    found = resizing.cover(image, (8, 8))
    assert found.dtype == np.float32
    assert 0.1 < found[0, 0, 0, 4] < 0.9
