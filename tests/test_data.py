"""Images from folders, arrays and idx files: what is read is exact, what is ambiguous is refused with the cure."""

import gzip
import weakref

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussgrad import data, resizing
from gaussgrad.files.images import read_pages
from gaussgrad.scaling import Scale

BYTES = np.random.default_rng(0).integers(0, 256, (6, 5, 7), dtype=np.uint8)
EXPECTED = (BYTES / np.float32(255))[:, None]


def _idx(array):
    lengths = b"".join(int(length).to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    for position, name in ((2, "c.tif"), (0, "a.PNG"), (1, "b.png")):
        Image.fromarray(BYTES[position]).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("left alone")
    images = data.load(tmp_path)
    assert images.names == ("a.PNG", "b.png", "c.tif")
    np.testing.assert_array_equal(images.pixels, EXPECTED[:3], strict=True)
    assert (images.size, images.channels) == ((5, 7), 1)


COLOURS = np.random.default_rng(1).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
ARRAYS = {
    "(N, h, w) uint8": (BYTES, EXPECTED),
    "(N, h, w) float64": (BYTES / 255, EXPECTED),
    "(N, h, w) float16": ((BYTES > 99).astype(np.float16), (BYTES > 99)[:, None].astype(np.float32)),
    "(N, h, w) bool": (BYTES > 99, (BYTES > 99)[:, None].astype(np.float32)),
    "(N, h, w) Fortran": (np.asfortranarray(BYTES), EXPECTED),
    "(N, h, w, 1)": (BYTES[..., None], EXPECTED),
    "(N, 1, h, w)": (BYTES[:, None], EXPECTED),
    "(N, h, w, 3)": (COLOURS, np.moveaxis(COLOURS, -1, 1) / np.float32(255)),
    "(N, 3, h, w)": (np.moveaxis(COLOURS, -1, 1), np.moveaxis(COLOURS, -1, 1) / np.float32(255)),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_of_every_layout_are_read(tmp_path, kind, suffix):
    array, expected = ARRAYS[kind]
    path = tmp_path / f"images{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, whatever=array)
    images = data.load(path)
    np.testing.assert_allclose(images.pixels, expected, rtol=1e-6, strict=True)
    assert images.pixels.flags.c_contiguous
    assert images.names == ("0", "1", "2", "3", "4", "5")


@pytest.mark.parametrize("dtype", ["uint16", ">u2", "int16", "int64", "float32", "float64"])
def test_numbers_without_a_white_of_their_own_are_read_as_they_are(tmp_path, dtype):
    counts = np.linspace(100, 989, 6 * 5 * 7).reshape(6, 5, 7).astype(dtype)
    np.save(tmp_path / "counts.npy", counts)
    expected = counts[:, None].astype(counts.dtype.newbyteorder("="))
    np.testing.assert_array_equal(data.read(tmp_path / "counts.npy").numbers, expected, strict=True)
    scaled = data.load(tmp_path / "counts.npy", Scale(100, 989)).pixels
    np.testing.assert_allclose(scaled, (counts[:, None].astype(float) - 100) / 889, rtol=0, atol=1e-7)
    assert scaled.dtype == np.float32


def test_pages_are_named_by_their_file_and_number(tmp_path):
    counts = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16)
    tifffile.imwrite(tmp_path / "b.tif", counts[1:])
    tifffile.imwrite(tmp_path / "a.tif", counts[0])
    frames = data.read(tmp_path)
    assert frames.names == ("a.tif", "b.tif[0]", "b.tif[1]")
    np.testing.assert_array_equal(frames.numbers[:, 0], counts, strict=True)
    assert data.read(tmp_path / "b.tif").names == ("b.tif[0]", "b.tif[1]")


def test_tiles_are_what_lies_at_their_places():
    numbers = np.arange(2 * 20 * 26, dtype=np.uint16).reshape(2, 1, 20, 26)
    tiles = data.Frames(numbers, ("a", "b"), "here").tiles(8)
    assert tiles.numbers.shape == (2 * 2 * 3, 1, 8, 8)
    assert tiles.names[4] == "a from x 9, y 12"
    np.testing.assert_array_equal(tiles.numbers[4, 0], numbers[0, 0, 12:20, 9:17])
    assert len(np.unique(tiles.numbers)) == tiles.numbers.size  # no pixel twice


def test_an_archive_of_several_arrays_needs_one_called_images(tmp_path):
    np.savez(tmp_path / "both.npz", labels=np.arange(6), images=BYTES)
    np.testing.assert_array_equal(data.load(tmp_path / "both.npz").pixels, EXPECTED)
    np.savez(tmp_path / "other.npz", labels=np.arange(6), pictures=BYTES)
    with pytest.raises(ValueError, match=r'one called "images"; got the arrays labels, pictures\)\.'):
        data.load(tmp_path / "other.npz")


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def test_idx_files_are_read(tmp_path, name):
    content = _idx(BYTES)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    np.testing.assert_array_equal(data.load(tmp_path / name).pixels, EXPECTED, strict=True)


def test_one_image_is_a_set_of_one(tmp_path):
    Image.fromarray(BYTES[0]).save(tmp_path / "one.png")
    images = data.load(tmp_path / "one.png")
    np.testing.assert_array_equal(images.pixels, EXPECTED[:1], strict=True)
    assert images.names == ("one.png",)


def test_the_digits_come_without_a_file():
    images = data.load()
    assert images.pixels.shape == (5000, 1, 28, 28)
    assert images.pixels.dtype == np.float32
    assert (images.pixels.min(), images.pixels.max()) == (0.0, 1.0)


REFUSED_ARRAYS = {
    "both axes could be channels": (np.zeros((2, 3, 5, 3), np.uint8), "Both axis 1 and axis 3 could be the channels"),
    "no channels": (np.zeros((2, 4, 5, 6), np.uint8), r"got shape \(2, 4, 5, 6\)"),
    "flat rows": (np.zeros((2, 784), np.uint8), r"got shape \(2, 784\)\. Reshape it"),
    "one colour image": (np.zeros((9, 9, 3), np.uint8), r"One colour image needs a leading axis: array\[None\]"),
    "not a number": (np.full((2, 4, 5), np.nan), "finite everywhere; got 40 values that are NaN or infinite"),
    "complex": (np.zeros((2, 4, 5), complex), "got complex128"),
    "empty": (np.zeros((0, 4, 5), np.uint8), r"at least one image with pixels; got shape \(0, 4, 5\)"),
    "objects": (np.array([{}], dtype=object), "cannot be read as images"),
}


@pytest.mark.parametrize("kind", REFUSED_ARRAYS)
def test_arrays_that_are_no_images_are_refused_with_the_cure(tmp_path, kind):
    array, words = REFUSED_ARRAYS[kind]
    np.save(tmp_path / "images.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=words) as refusal:
        data.load(tmp_path / "images.npy")
    assert "images.npy" in str(refusal.value)


def test_an_archive_under_the_name_of_an_array_is_refused(tmp_path):
    np.savez(tmp_path / "images.npz", BYTES)
    (tmp_path / "images.npz").rename(tmp_path / "images.npy")
    with pytest.raises(ValueError, match=r"images\.npy cannot be read as images \(it is an archive of arrays"):
        data.load(tmp_path / "images.npy")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("images.npy", b"", "cannot be read as images"),
        ("images.npy", b"\x93NUMPY\1\0", "cannot be read as images"),
        ("images.npz", b"PK\3\4", "cannot be read as images"),
        ("images.dat", b"what is this", "an idx file of unsigned bytes; got something else"),
        ("images-idx3-ubyte", _idx(BYTES)[:-1], "a whole idx file; got 209 bytes where"),
        ("images-idx3-ubyte.gz", gzip.compress(_idx(BYTES))[:-20], "cannot be read as images"),
        ("images-idx3-ubyte.gz", b"\x1f\x8b nonsense", "cannot be read as images"),
        ("labels-idx1-ubyte", _idx(np.arange(5, dtype=np.uint8)), r"got shape \(5,\)"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as refusal:
        data.load(tmp_path / name)
    assert name in str(refusal.value)


def test_an_empty_folder_and_a_missing_path_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no image that ends in"):
        data.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        data.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (
            np.zeros((5, 8), np.uint8),
            r"b\.png must be grey of 5 x 7 .* as a\.png is; got grey of 5 x 8 .* with --tile SIDE or --resize SIDE\.",
        ),
        (np.zeros((5, 7, 3), np.uint8), r"b\.png must be grey as a\.png is; got RGB\. Convert"),
        (np.zeros((5, 7), np.uint16), r"b\.png must be of type uint8 as a\.png is; got uint16\. Convert"),
    ],
)
def test_images_of_different_sizes_are_refused(tmp_path, second, words):
    Image.fromarray(BYTES[0]).save(tmp_path / "a.png")
    Image.fromarray(second).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=words):
        data.load(tmp_path)


SEVERAL = {"a.png": (10, 17), "b.png": (24, 8), "c.png": (24, 8), "d.png": (9, 9)}  # names and sizes


@pytest.fixture
def several(tmp_path):
    """A folder of images of several sizes, and their pixels."""
    pixels = [np.random.default_rng(i).integers(0, 256, SEVERAL[name], np.uint8) for i, name in enumerate(SEVERAL)]
    for name, image in zip(SEVERAL, pixels, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    return tmp_path, pixels


def test_frames_of_several_sizes_are_cut_into_tiles_the_first_file_first(several):
    folder, (a, b, _, d) = several
    tiles = data.read(folder, tile=8)
    at = ["a.png from x 0, y 1", "a.png from x 9, y 1"]
    columns = [f"{name} from x 0, y {y}" for name in ("b.png", "c.png") for y in (0, 8, 16)]
    assert tiles.names == (*at, *columns, "d.png from x 0, y 0")
    assert tiles.source == str(folder)
    np.testing.assert_array_equal(tiles.numbers[[1, 3, 8], 0], [a[1:9, 9:17], b[8:16], d[:8, :8]], strict=True)


def test_a_frame_smaller_than_a_tile_is_named(several):
    with pytest.raises(ValueError, match=r"frames of 24 x 8 \(height x width\) in .*b\.png; got 9\.$"):
        data.read(several[0], tile=9)


def test_images_of_several_sizes_are_resized_to_one(several):
    folder, pixels = several
    frames = data.read(folder, resize=(8, 8))
    assert (frames.names, frames.source) == (tuple(SEVERAL), str(folder))
    expected = [resizing.cover(image[None, None], (8, 8))[0] for image in pixels]
    np.testing.assert_array_equal(frames.numbers, expected, strict=True)
    with pytest.raises(ValueError, match=r"--resize must be left out with --tile; got 8\."):
        data.read(folder, tile=8, resize=(8, 8))


def test_neighbours_of_one_size_come_together(several):
    folder, pixels = several
    parts = list(data.read_by_size(folder))
    assert [part.names for part in parts] == [("a.png",), ("b.png", "c.png"), ("d.png",)]
    assert [part.source for part in parts] == [str(folder / name) for name in ("a.png", "b.png", "d.png")]
    for image, read in zip(pixels, (image for part in parts for image in part.numbers), strict=True):
        np.testing.assert_array_equal(read[0], image, strict=True)


@pytest.mark.parametrize("options", [{"tile": 8}, {"resize": (8, 8)}])
def test_large_files_are_not_in_memory_together(several, options, monkeypatch):
    files, most = [], []

    def read(path):
        most.append(sum(file() is not None for file in files))
        pages = read_pages(path)
        files.append(weakref.ref(pages))
        return pages

    monkeypatch.setattr(data, "read_pages", read)
    data.read(several[0], **options)
    assert most == [0, 1, 2, 2]  # the first and the last one before


@pytest.mark.parametrize("options", [{"tile": 8}, {"resize": (8, 8)}])
def test_other_colours_are_refused_whatever_the_sizes(several, options):
    Image.fromarray(np.zeros((9, 12, 3), np.uint8)).save(several[0] / "c.png")
    with pytest.raises(ValueError, match=r"c\.png must be grey as a\.png is; got RGB\. Convert the images first\."):
        data.read(several[0], **options)


def test_a_split_is_fixed_disjoint_and_whole():
    first, second = data.split(103), data.split(103)
    np.testing.assert_array_equal(first.held_out, second.held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate([first.training, first.held_out])), np.arange(103))
    assert len(first.held_out) == 21
    assert len(data.split(100, held_out=0.5, seed=3).held_out) == 50
    assert (data.split(103, seed=1).held_out != first.held_out).any()


@pytest.mark.parametrize(("count", "share"), [(2, 0.2), (0, 0.2), (10, 0.9)])
def test_too_few_images_are_refused(count, share):
    with pytest.raises(ValueError, match="the images must be enough for two to train on"):
        data.split(count, held_out=share)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match="held_out must be a share above 0 and below 1"):
        data.split(10, held_out=share)
