"""The commands on .gauss files: the file says size and kind, contradictions are refused in one line."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussgrad import Gaussians, Picture
from gaussgrad.files.images import read_pages
from gaussgrad.files.tables import read_table


def save(path, channels=3, **options):
    """A picture of three Gaussians, saved."""
    means, factors = np.array([[3.0, 2.0], [9.0, 4.0], [5.5, 7.0]]), np.array([[2.0, 0.3, 1.5]] * 3)
    weights = np.linspace(0.1, 0.7, 3 * channels).reshape(3, channels)
    options = {"tolerance": 0.01, "background": [0.125] * channels, **options}
    picture = Picture(Gaussians(means, weights=weights, cholesky=factors), (9, 12), **options)
    picture.save(path)
    return picture


EIGHT = {"white": 255, "sample_type": "uint8"}
SIXTEEN = {"white": 65535, "sample_type": "uint16"}


@pytest.mark.parametrize(
    ("channels", "options", "suffix", "dtype"),
    [
        (3, EIGHT, ".png", "uint8"),
        (4, EIGHT, ".png", "uint8"),
        (1, SIXTEEN, ".png", "uint16"),
        (3, SIXTEEN, ".tif", "uint16"),
        (3, SIXTEEN, ".npy", "uint16"),
        (1, {"black": 100, "white": 300}, ".tif", "float32"),
    ],
)
def test_a_picture_is_drawn_larger_in_the_kind_of_its_image(call, tmp_path, channels, options, suffix, dtype):
    picture, output = save(tmp_path / "a.gauss", channels, **options), tmp_path / f"big{suffix}"
    assert call("render", tmp_path / "a.gauss", "--scale", 2, "-o", output) == (0, "", "")
    if suffix == ".npy":
        pixels = np.load(output)
    elif suffix == ".tif":
        pixels = tifffile.imread(output)
    else:
        with Image.open(output) as image:
            pixels = np.asarray(image)
    assert pixels.dtype == dtype
    shown = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    np.testing.assert_array_equal(shown, picture.to_samples(picture.render(2)))


@pytest.mark.parametrize("channels", [2, 4])
def test_a_tiff_says_that_the_last_channel_is_alpha(call, tmp_path, channels):
    save(tmp_path / "a.gauss", channels, **EIGHT)
    assert call("render", tmp_path / "a.gauss", "-o", tmp_path / "a.tif") == (0, "", "")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert (page.shape, page.extrasamples) == ((9, 12, channels), (tifffile.EXTRASAMPLE.UNASSALPHA,))


def test_sixteen_bits_in_colour_become_eight_in_a_png_and_that_is_told(call, tmp_path):
    save(tmp_path / "a.gauss", 3, **SIXTEEN)
    code, _, err = call("render", tmp_path / "a.gauss", "-o", tmp_path / "a.png")
    assert (code, err) == (0, "A .png in colour gets 8 bits; .tif keeps the 16 of the image.\n")
    assert read_pages(tmp_path / "a.png").shape == (1, 3, 9, 12)


def test_light_beyond_white_is_told(call, tmp_path):
    save(tmp_path / "a.gauss", background=[0.9] * 3, **EIGHT)
    code, _, err = call("render", tmp_path / "a.gauss", "-o", tmp_path / "a.tif")
    assert code == 0
    assert "pixels lie outside [0, 1] and show as black or white" in err


def test_info_says_what_the_file_holds(call, tmp_path):
    save(tmp_path / "a.gauss", fit_psnr=31.5, **EIGHT)
    assert call("export", tmp_path / "a.gauss", "-o", tmp_path / "b.gauss", "--compact") == (0, "", "")
    size = (tmp_path / "b.gauss").stat().st_size
    code, out, err = call("info", tmp_path / "b.gauss")
    assert (code, err) == (0, "")
    for words in (
        "9 x 12 (height x width), RGB, srgb",
        "uint8 with black 0 and white 255",
        "3, amplitude peak, tolerance 0.01",
        "0.125, 0.125, 0.125",
        f"{size} bytes, {8 * size / 108:.3f} bits per pixel, compact: steps of",
        "values at means  from ",
        "PSNR 31.50 dB",
        "dB of the fit are lost",
    ):
        assert words in out
    wide, narrow = np.linalg.svd([[2.0, 0.0], [0.3, 1.5]], compute_uv=False)
    save(tmp_path / "c.gauss")
    out = call("info", tmp_path / "c.gauss")[1]
    assert "from 0.1, 0.175, 0.25 to 0.55, 0.625, 0.7" in out
    assert f"wider axes       from {wide:.3g} to {wide:.3g}" in out
    assert f"narrower axes    from {narrow:.3g} to {narrow:.3g}" in out


@pytest.mark.parametrize("amplitude", ["peak", "density"])
def test_a_table_of_a_picture_draws_it_but_for_the_background(call, tmp_path, amplitude):
    picture = save(tmp_path / "a.gauss", amplitude=amplitude)
    code, _, err = call("export", tmp_path / "a.gauss", "-o", tmp_path / "a.csv")
    assert (code, err) == (0, "A table has no background: add 0.125, 0.125, 0.125 to what it draws.\n")
    assert list(read_table(tmp_path / "a.csv"))[-3:] == ["weight_red", "weight_green", "weight_blue"]
    options = ("--size", 9, 12, "--tolerance", 0.01)
    assert call("render", tmp_path / "a.csv", "-o", tmp_path / "a.npy", *options) == (0, "", "")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy") + 0.125, np.moveaxis(picture.render(), 0, -1), atol=1e-6)


def test_an_archive_has_the_arrays_and_options_by_name(call, tmp_path):
    picture = save(tmp_path / "a.gauss", **EIGHT)
    assert call("export", tmp_path / "a.gauss", "-o", tmp_path / "a.npz") == (0, "", "")
    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["cholesky"], picture.gaussians.cholesky)
        assert archive["background"].tolist() == [0.125] * 3
        assert (int(archive["height"]), float(archive["white"]), str(archive["amplitude"])) == (9, 255.0, "peak")


REFUSED = {
    "size": (["render", "a.gauss", "-o", "a.png", "--size", 9, 12], "--size must be left out for a.gauss"),
    "amplitude": (["render", "a.gauss", "-o", "a.png", "--amplitude", "peak"], "--amplitude must be left out"),
    "errors of rows": (
        ["render", "rows.npy", "-o", "a.png", "--width-from", "errors"],
        "--width-from must be left out for rows.npy",
    ),
    "scale of rows": (["render", "rows.npy", "-o", "a.png", "--size", 5, 5, "--scale", 0], "scale must be a number"),
    "rows without size": (["render", "rows.npy", "-o", "a.png"], "--size must be given for rows"),
    "no scale": (["render", "a.gauss", "-o", "a.png", "--scale", 0], "scale must be a number above 0"),
    "itself": (["export", "a.gauss", "-o", "a.gauss", "--overwrite"], "--output must be another file"),
    "compact table": (["export", "a.gauss", "-o", "a.csv", "--compact"], "--compact must be given for a .gauss"),
    "another format": (["export", "a.gauss", "-o", "a.pdf"], "must be a file ending in .svg, .csv, .npz, .gauss"),
    "damaged": (["info", "bad.gauss"], "bad.gauss cannot be read as a picture: "),
    "damaged, drawn": (["render", "bad.gauss", "-o", "a.png"], "bad.gauss cannot be read as a picture: "),
    "damaged, exported": (["export", "bad.gauss", "-o", "a.svg"], "bad.gauss cannot be read as a picture: "),
    "missing": (["info", "none.gauss"], "none.gauss: No such file"),
    "folder": (["info", "folder.gauss"], "folder.gauss: Is a directory"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_user_can_mend_is_one_line_and_nothing_is_written(call, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    save("a.gauss")
    (tmp_path / "bad.gauss").write_bytes((tmp_path / "a.gauss").read_bytes()[:-9])
    (tmp_path / "folder.gauss").mkdir()
    np.save("rows.npy", np.array([[3.0, 2.0, 1.5, 0.0, 1.0]]))
    before = {path: path.is_dir() or path.read_bytes() for path in tmp_path.iterdir()}
    arguments, words = REFUSED[kind]
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("gaussgrad: ")
    assert err.count("\n") == 1
    assert words in err
    assert {path: path.is_dir() or path.read_bytes() for path in tmp_path.iterdir()} == before
