"""Moments: what is refused names the argument, what was wanted, what came and what to do; what is traced gives NaN."""

import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad import moments

LIGHT = np.ones((2, 3, 4))


def spoilt(value, *at):
    images = LIGHT.copy()
    images[at or ...] = value
    return images


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.ones(4), {}, r"images must be of shape \(..., h, w\), h and w known and not 0; got shape \(4,\)\."),
        (np.ones((2, 0, 4)), {}, r"images must be of shape \(..., h, w\), h and w known and not 0; got shape"),
        (spoilt(np.nan, 1, 2, 3), {}, r"images must be finite; got nan at map 1, row 2, column 3\."),
        (spoilt(np.inf, 1, 2, 3), {}, r"images must be finite; got inf at map 1, row 2, column 3\."),
        (spoilt(-0.5, 0, 1, 2), {}, r"images must be zero or more; got -0\.5 at map 0, row 1, column 2\. Pass softmax"),
        (spoilt(0.0, 1), {}, r"images must be maps that each sum to a number from .* got 0\.0 at map 1\. Leave out"),
        (spoilt(1e308), {}, r"images must be maps that each sum to a number from .* got inf at map 0"),
        (
            spoilt(np.nan, 1, 0, 3),
            {"softmax": 1},
            r"images must be below infinity and not NaN; got nan at map 1, row 0",
        ),
        (
            spoilt(np.inf, 1, 0, 3),
            {"softmax": 1},
            r"images must be below infinity and not NaN; got inf at map 1, row 0",
        ),
        (spoilt(-np.inf, 1), {"softmax": 1}, r"images must be above -infinity for at least one pixel of each map; got"),
        (LIGHT, {"softmax": 0}, r"softmax must be a temperature from 1e-30 to 1e30, or None; got 0\."),
        (LIGHT, {"softmax": -1.0}, r"softmax must be a temperature"),
        (LIGHT, {"softmax": np.nan}, r"softmax must be a temperature"),
        (LIGHT, {"coordinates": "corners"}, r"coordinates must be one of 'pixel', 'normalized'; got 'corners'\."),
        (LIGHT, {"backend": "cuda"}, r"backend must be one of None, 'reference', 'cpu'; got 'cuda'"),
    ],
)
@pytest.mark.parametrize("framework", [np.asarray, torch.as_tensor])
def test_values_out_of_range_are_refused(images, options, message, framework):
    for backend in [options["backend"]] if "backend" in options else [None, "reference"]:
        with pytest.raises(ValueError, match=message):
            moments(framework(images), **{**options, "backend": backend})


def test_values_of_the_wrong_kind_are_refused():
    with pytest.raises(TypeError, match=r"images must be of a floating-point dtype .*; got int64\. Use images\.float"):
        moments(torch.ones(3, 4, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"softmax must be a temperature from 1e-30 to 1e30, or None; got 'warm'"):
        moments(LIGHT, softmax="warm")


BAD = {None: [spoilt(0.0, 1), spoilt(-0.5, 1, 2, 3), spoilt(np.nan, 1, 0, 0)], 1.0: [spoilt(-np.inf, 1)]}
bad_maps = pytest.mark.parametrize(
    ("softmax", "images"), [(softmax, images) for softmax, several in BAD.items() for images in several]
)


def compare_with_nan(results, grad, softmax):
    """Raise unless the second map, and that alone, is NaN, in results and gradient."""
    for result, wanted in zip(results, moments(LIGHT[:1], softmax=softmax), strict=True):
        result = np.asarray(result)
        np.testing.assert_allclose(result[:1], wanted)
        assert np.isnan(result[1]).all()
    grad = np.asarray(grad)
    assert np.isfinite(grad[0]).all()
    assert np.isnan(grad[1]).all()


@bad_maps
def test_in_compiled_programs_of_jax_a_map_without_moments_gives_nan(softmax, images):
    jax = pytest.importorskip("jax")

    def total(images):
        results = moments(images, softmax=softmax)
        return sum((result**2).sum() for result in results), results

    with jax.enable_x64(True):
        given = jax.numpy.asarray(images)
        grad, results = jax.jit(jax.grad(total, has_aux=True))(given)
        compare_with_nan(results, grad, softmax)
        with pytest.raises(ValueError, match="images must be"):
            total(given)


@bad_maps
def test_the_reference_gives_nan_where_values_are_not_known(softmax, images):
    by_reference = torch.func.vmap(lambda image: moments(image, softmax=softmax, backend="reference"))
    for result, wanted in zip(by_reference(torch.tensor(images)), moments(LIGHT[:1], softmax=softmax), strict=True):
        assert torch.allclose(result[:1], torch.tensor(wanted))
        assert result[1].isnan().all()


def test_graphs_refuse_maps_of_unknown_size():
    tf = pytest.importorskip("tensorflow")
    signature = [tf.TensorSpec((None, None, 4), "float64")]
    with pytest.raises(ValueError, match=r"h and w known and not 0; got shape \(None, None, 4\)"):
        tf.function(gaussgrad.moments, signature, autograph=False).get_concrete_function()
