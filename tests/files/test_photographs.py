"""One image to draw: its own numbers, and which of its pixels are known."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussgrad.files.images import write_image
from gaussgrad.files.photographs import read_photograph

SIZE = (5, 7)
COLOUR = np.random.default_rng(0).integers(1, 255, (3, *SIZE), dtype=np.uint8)
LAST = np.moveaxis(COLOUR, 0, -1)  # (h, w, 3)


@pytest.mark.parametrize("name", ["opaque.png", "colour.tif", "last.npy", "first.npy"])
def test_the_numbers_of_a_file_come_as_they_are(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, LAST if name == "last.npy" else COLOUR)
    else:
        write_image(path, np.concatenate((COLOUR, np.full((1, *SIZE), 255, np.uint8))) if "opaque" in name else COLOUR)
    photograph = read_photograph(path)
    np.testing.assert_array_equal(photograph.numbers, COLOUR)
    assert photograph.numbers.dtype == np.uint8
    assert photograph.known is None


def test_arrays_keep_their_type_and_black_and_white_become_8_bits(tmp_path):
    grey = np.arange(35, dtype=">u2").reshape(SIZE)
    np.save(tmp_path / "grey.npy", grey)
    read = read_photograph(tmp_path / "grey.npy").numbers
    assert (read.dtype, read.shape) == (np.dtype("uint16"), (1, *SIZE))
    np.testing.assert_array_equal(read[0], grey)
    np.save(tmp_path / "both.npy", grey > 7)
    np.testing.assert_array_equal(read_photograph(tmp_path / "both.npy").numbers[0], 255 * (grey > 7))


def with_alpha():
    """Opaque red 200 and blue 100, a quarter of 40, and something that does not show."""
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[0] = [(200, 0, 0, 255), (0, 0, 100, 255), (40, 40, 40, 51), (255, 255, 255, 0)]
    return pixels


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_what_is_transparent_is_unknown_and_what_shows_partly_is_mixed_with_the_mean(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    pixels = with_alpha().repeat(5, axis=0).repeat(2, axis=1)
    if suffix == ".npy":
        np.save(path, np.moveaxis(pixels, -1, 0))
    else:
        write_image(path, np.moveaxis(pixels, -1, 0))
    photograph = read_photograph(path)
    mean = np.array((200 + 8, 8, 100 + 8)) / 2.2  # of those that show, the third by a fifth
    expected = np.stack(((200, 0, 0), (0, 0, 100), np.round(0.2 * 40 + 0.8 * mean)), axis=1)
    np.testing.assert_array_equal(photograph.known, np.repeat([[True] * 6 + [False] * 2], 5, axis=0))
    np.testing.assert_array_equal(photograph.numbers[:, 0, :6:2], expected)
    black = read_photograph(path, onto_black=True)
    np.testing.assert_array_equal(black.numbers[:, 0, 4], (8, 8, 8))


def test_nan_is_unknown_and_so_is_what_the_mask_has_black(tmp_path):
    image = COLOUR.astype(np.float32) / 255
    image[1, 2, 3] = np.nan
    np.save(tmp_path / "image.npy", image)
    tifffile.imwrite(tmp_path / "image.tif", np.moveaxis(image, 0, -1), photometric="rgb")
    mask = np.ones(SIZE, np.uint8)
    mask[0, 0] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for name in ("image.npy", "image.tif"):
        assert np.argwhere(~read_photograph(tmp_path / name).known).tolist() == [[2, 3]]
        known = read_photograph(tmp_path / name, tmp_path / "mask.png").known
        assert np.argwhere(~known).tolist() == [[0, 0], [2, 3]]


def deep_png(path, kind):
    """A PNG of one pixel of 16 bits for each channel; the kind is 0 for grey, 2 for RGB."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 16, kind, 0, 0, 0)
    line = b"\0" + b"\x12\x34" * (3 if kind else 1)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(line)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def test_a_png_of_16_bits_is_read_in_grey_and_refused_in_colour(tmp_path):
    path = tmp_path / "image.png"
    deep_png(path, 0)
    assert read_photograph(path).numbers.tolist() == [[[0x1234]]]
    deep_png(path, 2)
    with pytest.raises(ValueError, match=r"image\.png must be .* a PNG of 16 bits in colour, of which 8 would be lost"):
        read_photograph(path)


REFUSED = {
    "no channels": (np.zeros((3, 5, 4)), "of shape (h, w), (h, w, c) or (c, h, w)"),
    "too many channels": (np.zeros((5, 5, 5)), "of shape (h, w), (h, w, c) or (c, h, w)"),
    "empty": (np.zeros((0, 5)), "of shape (h, w), (h, w, c) or (c, h, w)"),
    "a batch": (np.zeros((2, 3, 5, 5)), "of shape (h, w), (h, w, c) or (c, h, w)"),
    "whole numbers": (np.zeros(SIZE, int), "of unsigned integers of 8 or 16 bits, or of floats; got int64"),
    "nothing known": (np.full(SIZE, np.nan), "an image with at least one known pixel; got none"),
    "infinite": (np.full(SIZE, np.inf), "finite, or NaN where a pixel is unknown; got an infinite number"),
    "objects": (np.array([[None]]), "cannot be read as an array"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_arrays_are_refused(tmp_path, kind):
    array, words = REFUSED[kind]
    np.save(tmp_path / "image.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=r"image\.npy") as error:
        read_photograph(tmp_path / "image.npy")
    assert words in str(error.value)


def test_a_mask_of_another_size_is_refused(tmp_path):
    np.save(tmp_path / "image.npy", COLOUR)
    np.save(tmp_path / "mask.npy", np.ones((7, 5)))
    with pytest.raises(ValueError, match=r"mask\.npy must be of 5 x 7 \(height x width\), as the image; got 7 x 5"):
        read_photograph(tmp_path / "image.npy", tmp_path / "mask.npy")
