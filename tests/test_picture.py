"""Pictures made of Gaussians: drawn at any size as the formula says, and given back by their files."""

import os
import stat
from dataclasses import replace

import numpy as np
import pytest
import torch
from tolerances import compare_values

import gaussgrad
from gaussgrad import Gaussians, Picture
from gaussgrad.files.compact import Steps

SIZE = (12, 16)


def scene(n=6, channels=3, dtype="float64", **options):
    """A picture of Gaussians of several widths, some beyond the frame."""
    rng = np.random.default_rng(0)
    means = rng.uniform(-2, 16, size=(n, 2))
    factors = np.stack([rng.uniform(1, 4, n), rng.normal(size=n), rng.uniform(1, 3, n)], axis=-1)
    arrays = [array.astype(dtype) for array in (means, factors, rng.uniform(-0.2, 1, size=(n, channels)))]
    gaussians = Gaussians(arrays[0], weights=arrays[2], cholesky=arrays[1])
    options = {"tolerance": 0.01, "background": 0.1 * np.arange(channels), **options}
    return Picture(gaussians, SIZE, **options)


def dense(picture, x, y):
    """The picture's value (c,) at a point of its own plane, straight from the definition."""
    held = picture.gaussians
    value = np.array(picture.background)
    for mean, (xx, yx, yy), weight in zip(held.means, held.factors(), held.weights, strict=True):
        along = (x - mean[0]) / xx
        across = (y - mean[1] - yx * along) / yy
        shape = max(np.exp(-(along**2 + across**2) / 2) - picture.tolerance, 0)
        value = value + shape * weight / (2 * np.pi * xx * yy if picture.amplitude == "density" else 1)
    return value


@pytest.mark.parametrize("amplitude", ["peak", "density"])
@pytest.mark.parametrize("scale", [1, 2.5])
def test_a_pixel_of_the_larger_image_is_the_value_at_its_place_in_the_picture(amplitude, scale):
    picture = scene(amplitude=amplitude)
    image = picture.render(scale)
    assert image.shape == (3, round(12 * scale), round(16 * scale))
    for row, column in ((0, 0), (5, 9), (11, 15)):
        x, y = (column + 0.5) / scale - 0.5, (row + 0.5) / scale - 0.5
        np.testing.assert_allclose(image[:, row, column], dense(picture, x, y), rtol=1e-9, atol=1e-12)


def test_a_smaller_image_is_the_mean_of_the_pixels_it_stands_for():
    picture = scene()
    blocks = picture.render().reshape(3, 6, 2, 8, 2)
    compare_values(picture.render(0.5), blocks.mean(axis=(2, 4)))
    finer = picture.render(1.5).reshape(3, 9, 2, 12, 2)
    compare_values(picture.render(0.75), finer.mean(axis=(2, 4)))


def test_a_picture_of_covariances_and_one_weight_draws_what_render_draws():
    one = Picture(Gaussians([[1.0, 2.0]], [[2.0, 0.3, 1.0]]), (4, 5), amplitude="density")
    compare_values(one.render()[0], gaussgrad.render([[1.0, 2.0]], [[2.0, 0.3, 1.0]], size=(4, 5)))
    assert (one.n, one.channels, one.background) == (1, 1, (0.0,))


def test_a_picture_without_gaussians_is_its_background():
    empty = Picture(Gaussians(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, 3))), (2, 3), background=[0.1, 0.2, 0.3])
    compare_values(empty.render(2), np.tile(np.array([0.1, 0.2, 0.3])[:, None, None], (1, 4, 6)))


def test_a_picture_without_gaussians_has_every_file(tmp_path):
    empty = Picture(Gaussians(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, 3))), (2, 3), background=[0.1, 0.2, 0.3])
    for compact in (False, True):
        empty.save(tmp_path / "a.gauss", compact=compact, overwrite=True)
        compare_values(
            Picture.load(tmp_path / "a.gauss").render().astype(np.float32), empty.render().astype(np.float32)
        )
    for suffix in (".svg", ".csv", ".npz"):
        empty.export(tmp_path / f"a{suffix}")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "image,index,x,y,xx,xy,yy,weight_red,weight_green,weight_blue"
    ]


def test_the_image_has_gradients_to_the_gaussians():
    picture = scene(n=2, tolerance=0)
    held = picture.gaussians
    leaves = [torch.tensor(array, requires_grad=True) for array in (held.means, held.cholesky, held.weights)]

    def draw(means, factors, weights):
        moved = Gaussians(means, weights=weights, cholesky=factors)
        return Picture(moved, (3, 4), background=picture.background).render(2)

    assert torch.autograd.gradcheck(draw, leaves)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": (4,)}, r"size must be \(height, width\)"),
        ({"amplitude": "mean"}, "amplitude must be one of"),
        ({"tolerance": 1.0}, r"tolerance must be a number in \[0, 1\)"),
        ({"background": [0.0]}, "background must be 2 finite numbers"),
        ({"background": [0.0, np.nan]}, "background must be 2 finite numbers"),
        ({"colour_space": "cmyk"}, "colour_space must be one of"),
        ({"sample_type": "int8"}, "sample_type must be one of"),
        ({"black": 3.0, "white": 2.0}, "black must be below white 2"),
        ({"means": np.ones((3, 3))}, r"means must be of shape \(n, 2\)"),
        ({"cholesky": np.ones((1, 3))}, r"cholesky must be of shape \(n, 3\)"),
        ({"weights": np.ones(2)}, r"weights must be of shape \(3,\) or \(3, c\)"),
        ({"weights": np.ones((3, 0))}, "weights must be of shape"),
        ({"presence": np.ones(3)}, "gaussians must be without presence"),
    ],
)
def test_what_is_no_picture_is_refused(changes, words):
    arrays = {"means": np.ones((3, 2)), "cholesky": np.ones((3, 3)), "weights": np.ones((3, 2)), "presence": None}
    arrays |= {name: changes.pop(name) for name in list(changes) if name in arrays}
    size = changes.pop("size", (4, 5))
    with pytest.raises(ValueError, match=words):
        Picture(Gaussians(**arrays), size, **changes)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, 1e-300, 0.04])
def test_a_scale_that_leaves_no_pixel_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be"):
        scene().render(scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("channels", "amplitude"), [(1, "density"), (3, "peak"), (4, "peak")])
def test_a_plain_file_gives_the_same_picture_back(tmp_path, dtype, channels, amplitude):
    options = {"amplitude": amplitude, "colour_space": "linear", "black": 3.0, "white": 255, "sample_type": "uint8"}
    picture = scene(channels=channels, dtype=dtype, fit_psnr=31.25, **options)
    picture.save(tmp_path / "a.gauss")
    loaded = Picture.load(tmp_path / "a.gauss")
    for name in ("means", "cholesky", "weights"):
        held, given = getattr(loaded.gaussians, name), getattr(picture.gaussians, name)
        assert held.dtype == dtype
        np.testing.assert_array_equal(held, given)
    for name in ("size", "tolerance", "background", "fit_psnr", "rounding_psnr", *options):
        assert getattr(loaded, name) == getattr(picture, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensors_of_torch_are_saved(tmp_path, dtype):
    held = scene().gaussians
    tensors = [
        torch.tensor(a, dtype=dtype, requires_grad=True) for a in (held.means, held.cholesky, held.weights[:, 0])
    ]
    picture = Picture(Gaussians(tensors[0], weights=tensors[2], cholesky=tensors[1]), SIZE, background=torch.ones(1))
    picture.save(tmp_path / "a.gauss")
    loaded = Picture.load(tmp_path / "a.gauss")
    np.testing.assert_array_equal(loaded.gaussians.means, tensors[0].detach().float().numpy())
    assert (loaded.gaussians.weights.shape, loaded.background) == ((6, 1), (1.0,))


def test_a_file_appears_whole_or_not_at_all_and_others_may_read_it(tmp_path):
    path = tmp_path / "a.gauss"
    scene().save(path)
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH or os.name == "nt"
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.gauss exists already"):
        scene().save(path)
    spoilt = scene()
    spoilt.gaussians.weights[0, 0] = np.nan
    with pytest.raises(ValueError, match="weights must be finite"):
        spoilt.save(path, overwrite=True)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
    scene(n=5).save(path, overwrite=True)
    assert Picture.load(path).n == 5


def test_a_picture_too_large_to_be_read_is_not_written(tmp_path):
    one = Gaussians([[1.0, 2.0]], [[2.0, 0.3, 1.0]])
    with pytest.raises(ValueError, match="the picture must be of at most 536870912 values"):
        Picture(one, (2**15, 2**15)).save(tmp_path / "a.gauss")


@pytest.mark.parametrize("amplitude", ["peak", "density"])
def test_a_compact_file_is_smaller_and_says_how_near_it_comes(tmp_path, amplitude):
    picture = scene(n=500, dtype="float32", amplitude=amplitude)
    picture.save(tmp_path / "plain.gauss")
    picture.save(tmp_path / "compact.gauss", compact=True)
    loaded = Picture.load(tmp_path / "compact.gauss")
    ratio = (tmp_path / "plain.gauss").stat().st_size / (tmp_path / "compact.gauss").stat().st_size
    assert ratio > 3
    error = np.mean(np.square(picture.render().astype(float) - loaded.render()))
    assert loaded.rounding_psnr == pytest.approx(-10 * np.log10(error), abs=1e-3)
    Picture.load(tmp_path / "compact.gauss").save(tmp_path / "again.gauss", compact=Steps())
    assert (tmp_path / "again.gauss").read_bytes() == (tmp_path / "compact.gauss").read_bytes()


@pytest.mark.parametrize("fit_psnr", [20.0, 40.0])
def test_steps_follow_the_error_of_the_fit(tmp_path, fit_psnr):
    picture = scene(n=100, fit_psnr=fit_psnr)
    picture.save(tmp_path / "a.gauss", compact=True)
    chosen = Picture.load(tmp_path / "a.gauss")
    assert chosen.rounding_psnr >= fit_psnr + 10
    coarser = picture.rounded(chosen.steps.scaled(1.3)).rounding_psnr
    assert coarser < fit_psnr + 10
    chosen.save(tmp_path / "b.gauss", compact=True)  # numbers that are rounded stay
    assert (tmp_path / "b.gauss").read_bytes() == (tmp_path / "a.gauss").read_bytes()


def test_a_picture_that_was_changed_is_rounded_anew(tmp_path):
    picture = scene(n=100, fit_psnr=30.0).rounded(Steps().scaled(4))
    weights = 1.01 * picture.gaussians.weights
    changed = replace(picture, gaussians=replace(picture.gaussians, weights=weights))
    changed.save(tmp_path / "a.gauss", compact=True)
    assert Picture.load(tmp_path / "a.gauss").steps != picture.steps


def test_a_picture_drawn_without_error_gets_the_finest_steps():
    assert scene().steps_within(np.inf) == Steps().scaled(1 / 64)


@pytest.mark.parametrize("sample_type", ["uint8", "uint16", "float32"])
def test_samples_have_the_type_and_range_of_the_image(sample_type):
    picture = scene(black=-3, white=252, sample_type=sample_type)
    samples = picture.to_samples(torch.tensor([0.0, 0.5, 2.0, -1.0]))
    whole = {"uint8": [0, 124, 255, 0], "uint16": [0, 124, 507, 0], "float32": [-3.0, 124.5, 507.0, -258.0]}
    assert (samples.tolist(), samples.dtype) == (whole[sample_type], sample_type)
