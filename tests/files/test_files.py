"""Files: what is written reads back, what cannot be read is refused in a sentence, and no output is half-written."""

import errno
import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussgrad.files.folders import fresh_folder
from gaussgrad.files.images import read_image, read_pages, write_image
from gaussgrad.files.tables import Table, numeric_columns, read_table, write_table

GREY = np.linspace(0, 1, 30, dtype=np.float32).reshape(1, 5, 6)
COLOUR = np.linspace(0, 1, 90, dtype=np.float32).reshape(3, 5, 6)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(("suffix", "step"), [(".png", 0.5 / 255), (".tif", 0.0), (".tiff", 0.0)])
def test_images_read_back_as_written(tmp_path, image, suffix, step):
    path = tmp_path / f"image{suffix}"
    write_image(path, image)
    read = read_image(path)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, image, rtol=0, atol=step + 1e-7, strict=True)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_npy_keeps_values_outside_0_and_1(tmp_path, image):
    write_image(tmp_path / "image.npy", 3 * image - 1)
    read = np.load(tmp_path / "image.npy")
    np.testing.assert_array_equal(read, (3 * image - 1)[0] if len(image) == 1 else np.moveaxis(3 * image - 1, 0, -1))


def test_png_shows_what_lies_outside_0_and_1_as_black_and_white(tmp_path):
    write_image(tmp_path / "image.png", np.array([[[-3.0, 0.5, 7.0]]]))
    np.testing.assert_allclose(read_image(tmp_path / "image.png"), [[[0.0, 128 / 255, 1.0]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 255]], dtype=np.uint8), [[[0, 1]]]),
        (np.array([[120, 989]], dtype=np.uint16), [[[120, 989]]]),  # counts of a camera, not shares of 65,535
        (np.array([[[10, 255], [255, 255]]], dtype=np.uint8), [[[10 / 255, 1]]]),  # grey, opaque
        (np.full((1, 1, 4), 255, dtype=np.uint8), [[[1]], [[1]], [[1]]]),  # RGB, opaque
    ],
    ids=["8 bits", "16 bits", "grey with alpha", "colour with alpha"],
)
def test_png_kinds_are_read_as_shares_of_white_or_as_counts(tmp_path, pixels, expected):
    Image.fromarray(pixels).save(tmp_path / "image.png")
    np.testing.assert_allclose(read_image(tmp_path / "image.png"), np.array(expected, np.float32), strict=True)


def test_jpeg_is_read(tmp_path):
    Image.fromarray(np.full((16, 24, 3), 128, dtype=np.uint8)).save(tmp_path / "image.jpg")
    np.testing.assert_allclose(read_image(tmp_path / "image.jpg"), 128 / 255, atol=2 / 255)


def test_palettes_and_turned_cameras_are_resolved(tmp_path):
    pixels = np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), np.moveaxis(pixels / 255, -1, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png").shape == (3, 2, 1)


def test_transparent_pixels_are_refused(tmp_path):
    Image.fromarray(np.full((2, 2, 4), 7, dtype=np.uint8)).save(tmp_path / "image.png")
    with pytest.raises(ValueError, match=r"image\.png must be opaque; got transparent pixels\. Flatten it"):
        read_image(tmp_path / "image.png")


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x89PNG\r\n\x1a\n" + 40 * b"\0"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_an_unreadable_image_is_refused_by_name(tmp_path, suffix, content):
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} cannot be read as an image") as refusal:
        read_image(path)
    assert "\n" not in str(refusal.value)


def test_a_cut_image_is_refused(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_image(path)


def test_several_pages_are_no_single_image(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 7, 8), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"stack\.tif must be a file of one image; got 5 pages\. Save one of them"):
        read_image(tmp_path / "stack.tif")


STACK = np.random.default_rng(3).integers(100, 1000, (5, 32, 48), dtype=np.uint16)
COLOUR_STACK = np.random.default_rng(4).integers(0, 256, (3, 9, 11, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pages", "arguments"),
    [
        (STACK, {"photometric": "minisblack"}),
        (STACK, {"tile": (16, 16)}),
        (STACK, {"compression": "zlib"}),
        (STACK, {"imagej": True, "truncate": True}),  # one description for all pages
        (STACK, {"volumetric": True, "tile": (2, 16, 16)}),  # one page of some depth
        (STACK.astype(np.float32) / 1000, {"photometric": "minisblack"}),
        (STACK.astype(np.uint8), {"photometric": "minisblack"}),
        (COLOUR_STACK, {"photometric": "rgb"}),
        (STACK.astype(">u2"), {"byteorder": ">"}),
    ],
    ids=["16 bits", "tiled", "compressed", "ImageJ", "volume", "floats", "8 bits", "colour", "big-endian"],
)
def test_pages_of_a_tiff_are_images(tmp_path, pages, arguments):
    tifffile.imwrite(tmp_path / "stack.tif", pages, **arguments)
    expected = pages[:, None] if pages.ndim == 3 else np.moveaxis(pages, -1, 1)
    expected = expected.astype(expected.dtype.newbyteorder("="))
    np.testing.assert_array_equal(read_pages(tmp_path / "stack.tif"), expected, strict=True)


def test_compressed_pages_of_16_bits_are_images(tmp_path):
    first, *others = [Image.fromarray(page) for page in STACK]
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others, compression="tiff_lzw")
    np.testing.assert_array_equal(read_pages(tmp_path / "stack.tif"), STACK[:, None], strict=True)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (STACK[0, :, :-1], r"stack\.tif\[1\] must be grey of 32 x 48 .* as its first page is; got grey of 32 x 47"),
        (STACK[0].astype(np.float32), r"stack\.tif\[1\] must be of type uint16 as its first page is; got float32"),
    ],
    ids=["size", "type"],
)
def test_pages_that_differ_are_refused(tmp_path, second, words):
    with tifffile.TiffWriter(tmp_path / "stack.tif") as file:
        file.write(STACK[0])
        file.write(second)
    with pytest.raises(ValueError, match=words):
        read_pages(tmp_path / "stack.tif")


EIGHT = np.random.default_rng(0).integers(0, 256, (9, 11), dtype=np.uint8)
SIXTEEN = np.random.default_rng(1).integers(0, 65536, (9, 11), dtype=np.uint16)
DEEP = np.random.default_rng(2).integers(0, 65536, (9, 11, 3), dtype=np.uint16)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("pixels", [EIGHT, np.dstack([EIGHT] * 3), SIXTEEN, SIXTEEN.astype(np.float32) / 65535])
def test_tiff_is_read_compressed_or_not(tmp_path, pixels, compression):
    Image.fromarray(pixels).save(tmp_path / "image.tif", compression=compression)
    expected = pixels / 255 if pixels.dtype == np.uint8 else pixels
    expected = expected[None] if pixels.ndim == 2 else np.moveaxis(expected, -1, 0)
    np.testing.assert_allclose(read_image(tmp_path / "image.tif"), expected, rtol=1e-6)


def test_tiff_of_deep_colours_keeps_every_bit(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", DEEP, photometric="rgb")
    np.testing.assert_array_equal(read_pages(tmp_path / "image.tif")[0], np.moveaxis(DEEP, -1, 0), strict=True)


def test_tiff_with_a_palette_is_read_in_its_colours(tmp_path):
    pixels = np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "image.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "image.tif"), np.moveaxis(pixels / 255, -1, 0))


def test_tiff_whose_zero_is_white_is_inverted_or_refused(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", EIGHT, photometric="miniswhite")
    np.testing.assert_allclose(read_image(tmp_path / "image.tif")[0], (255 - EIGHT) / 255, rtol=1e-6)
    tifffile.imwrite(tmp_path / "deep.tif", SIXTEEN, photometric="miniswhite")
    with pytest.raises(ValueError, match="its white is stored as 0: save it with black as 0"):
        read_image(tmp_path / "deep.tif")


@pytest.mark.parametrize("kind", ["grey", "16 bits", "colour"])
def test_a_transparent_colour_is_refused(tmp_path, kind):
    pixels = {"grey": EIGHT, "16 bits": SIXTEEN, "colour": np.dstack([EIGHT] * 3)}[kind]
    transparent = (0, 0, 0) if kind == "colour" else 0
    Image.fromarray(pixels).save(tmp_path / "image.png", transparency=transparent)
    with pytest.raises(ValueError, match="it has a transparent colour: flatten it"):
        read_image(tmp_path / "image.png")


def test_floats_are_read_as_they_come(tmp_path):
    pixels = np.array([[-20.5, 100.0], [0.0, 3e7]], dtype=np.float32)
    tifffile.imwrite(tmp_path / "image.tif", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "image.tif"), pixels[None], strict=True)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_floats_that_are_not_finite_are_refused(tmp_path, value):
    tifffile.imwrite(tmp_path / "image.tif", np.array([[1.0, value]], dtype=np.float32))
    with pytest.raises(
        ValueError, match=r"image\.tif must be finite everywhere; got 1 values that are NaN or infinite"
    ):
        read_image(tmp_path / "image.tif")


def test_an_unknown_picture_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a file ending in \.png, \.tif, \.tiff, \.npy"):
        write_image(tmp_path / "image.bmp", GREY)


def test_tables_read_back_as_written(tmp_path):
    write_table(tmp_path / "t.csv", ["image", "x"], [["a, b.png", 0.1], ['"q"', -2.5]])
    table = read_table(tmp_path / "t.csv")
    assert table == {"image": ["a, b.png", '"q"'], "x": ["0.1", "-2.5"]}
    np.testing.assert_array_equal(numeric_columns("t.csv", table, ["x"]), [[0.1], [-2.5]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "a CSV file with a header; got an empty file"),
        (b"x,y\n1,2\n3\n", "2 columns in every row; got 1 in line 3"),
        (b"x,y\n\n\n1,2\n\n3\n", "2 columns in every row; got 1 in line 6"),
        (b"x,y,x\n1,2,3\n", "whose columns have different names; got x, y, x"),
        (b"x,y\n\xff\xfe,1\n", "cannot be read as CSV"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_table(tmp_path / "t.csv")


def test_columns_that_are_missing_or_no_numbers_are_refused():
    table = Table({"x": ["1", "two"]}, lines=[2, 5])
    with pytest.raises(ValueError, match=r"t\.csv must be a CSV file with the columns x, y; got the columns x\."):
        numeric_columns("t.csv", table, ["x", "y"])
    with pytest.raises(ValueError, match=r"numbers in column x; got 'two' in line 5"):
        numeric_columns("t.csv", table, ["x"])


def _writers(path):
    return {
        "image": lambda overwrite: write_image(path.with_suffix(".png"), GREY, overwrite),
        "table": lambda overwrite: write_table(path.with_suffix(".csv"), ["x"], [[1]], overwrite),
    }


@pytest.mark.parametrize("kind", ["image", "table"])
def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path, kind):
    write = _writers(tmp_path / "out")[kind]
    write(False)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="exists already"):
        write(False)
    assert path.read_bytes() == b"mine"
    write(True)
    assert path.read_bytes() != b"mine"


def test_a_write_that_fails_leaves_nothing_and_keeps_the_old_file(tmp_path):
    def rows():
        yield [1]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_table(tmp_path / "new.csv", ["x"], rows())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.csv").write_text("mine")
    with pytest.raises(OSError, match="No space left"):
        write_table(tmp_path / "old.csv", ["x"], rows(), overwrite=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def interrupted():
        with fresh_folder(tmp_path / "out") as partial:
            (partial / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with fresh_folder(tmp_path / "out") as partial:
        (partial / "whole").write_text("whole")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_replaced_only_if_it_is_known_as_ours_or_empty(tmp_path):
    def write(overwrite=True, **arguments):
        with fresh_folder(tmp_path / "out", overwrite, **arguments) as partial:
            (partial / "new").write_text("new")

    write()
    with pytest.raises(FileExistsError, match="holds files that are not gaussgrad's; choose another folder"):
        write()
    with pytest.raises(FileExistsError, match="holds files that are not gaussgrad's"):
        write(ours=lambda folder: (folder / "old").is_file())
    with pytest.raises(FileExistsError, match="exists already"):
        write(overwrite=False, ours=lambda folder: True)
    (tmp_path / "out" / "old").write_text("old")
    write(ours=lambda folder: (folder / "old").is_file())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    (tmp_path / "out" / "new").unlink()
    write()  # an empty folder
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_missing_folder_above_the_output_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere for the output out\.csv does not exist"):
        write_table(tmp_path / "nowhere" / "out.csv", ["x"], [])
