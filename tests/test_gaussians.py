"""The record of Gaussians: widths told by covariances or by factors, kept as they are told, in every framework."""

import dataclasses

import numpy as np
import pytest
import torch
from covariance_cases import correlated_matrices, pack
from tolerances import compare_gradients, compare_values

import gaussgrad
from gaussgrad import Gaussians, covariance

SIZES = {1: (10,), 2: (8, 10), 3: (6, 8, 10)}
KINDS = ("covariances", "cholesky")
every_dimension = pytest.mark.parametrize("d", [1, 2, 3])
every_kind = pytest.mark.parametrize("kind", KINDS)


def scene(kind, d=2, library=np.asarray):
    """Four Gaussians in a frame of SIZES[d], with weights and presence."""
    rng = np.random.default_rng(0)
    means, packed = rng.uniform(2, 5, size=(4, d)), pack(correlated_matrices(d, 0.7))
    widths = packed if kind == "covariances" else covariance.to_cholesky(packed)
    weights, presence = rng.uniform(0.5, 1, size=(4, 3)), rng.uniform(size=4)
    arrays = {"means": means, kind: widths, "weights": weights, "presence": presence}
    return Gaussians(**{name: library(array) for name, array in arrays.items()})


@pytest.mark.parametrize(
    ("arguments", "got"), [({}, "neither"), ({"covariances": [[1.0]], "cholesky": [[1.0]]}, "both")]
)
def test_a_record_tells_widths_once(arguments, got):
    with pytest.raises(TypeError, match=rf"covariances must be given, or cholesky in their place; got {got}\."):
        Gaussians([[1.0]], **arguments)


def test_factors_are_told_by_name_and_covariances_by_place():
    one, two = Gaussians([[1.0]], [[4.0]], [0.5], [0.9]), Gaussians([[1.0]], cholesky=[[2.0]])
    assert (one.held, one.covariances, one.weights, one.presence) == ("covariances", [[4.0]], [0.5], [0.9])
    assert (two.held, two.cholesky, two.covariances, two.weights) == ("cholesky", [[2.0]], None, None)
    with pytest.raises(TypeError, match="positional"):
        Gaussians([[1.0]], None, None, None, [[2.0]])


def test_a_record_cannot_be_changed_and_equals_none_but_itself():
    gaussians = scene("cholesky")
    with pytest.raises(dataclasses.FrozenInstanceError):
        gaussians.means = None
    assert gaussians != scene("cholesky")
    assert {gaussians: 1}[gaussians] == 1


@every_dimension
@every_kind
def test_it_gives_covariances_and_factors_and_those_it_holds_as_they_are(kind, d):
    gaussians, packed = scene(kind, d), pack(correlated_matrices(d, 0.7))
    compare_values(gaussians.packed_covariances(), packed)
    compare_values(gaussians.factors(), covariance.to_cholesky(packed))
    held = gaussians.packed_covariances() if kind == "covariances" else gaussians.factors()
    assert held is getattr(gaussians, kind)


@every_kind
def test_its_factors_are_those_that_log_density_takes(kind):
    gaussians, points = scene(kind, 3), np.random.default_rng(1).normal(size=(5, 3))
    given = gaussgrad.log_density(points, gaussians.means, cholesky=gaussians.factors())
    compare_values(given, gaussgrad.log_density(points, gaussians.means, gaussians.packed_covariances()))


@every_dimension
@every_kind
def test_blur_widens_and_leaves_the_rest(kind, d):
    gaussians = scene(kind, d)
    blurred = gaussians.blur(1.5)
    assert blurred.held == kind
    compare_values(blurred.packed_covariances(), covariance.blur(pack(correlated_matrices(d, 0.7)), 1.5))
    for name in ("means", "weights", "presence"):
        assert getattr(blurred, name) is getattr(gaussians, name)


@every_kind
def test_each_gaussian_may_have_a_blur_of_its_own(kind):
    stddev = np.array([0.0, 1.0, 2.0, 3.0])
    widths = scene(kind).blur(stddev).packed_covariances()
    compare_values(widths[..., 0] - pack(correlated_matrices(2, 0.7))[..., 0], stddev**2)


@every_dimension
@every_kind
def test_units_change_as_they_do_for_arrays_and_back(kind, d):
    gaussians = scene(kind, d)
    normalized = gaussians.to_normalized(SIZES[d])
    assert normalized.held == kind
    means, covariances = gaussgrad.to_normalized(gaussians.means, gaussians.packed_covariances(), size=SIZES[d])
    compare_values(normalized.means, means)
    compare_values(normalized.packed_covariances(), covariances)
    back = normalized.to_pixels(SIZES[d])
    for name in ("means", kind):
        compare_values(getattr(back, name), getattr(gaussians, name))
    for name in ("weights", "presence"):
        assert getattr(back, name) is getattr(gaussians, name)


def test_lists_and_missing_weights_will_do():
    moved = Gaussians([[0.0, 0.0]], [[1.0, 0.0, 1.0]]).to_pixels((4, 10)).blur(1.0)
    assert (moved.means.tolist(), moved.covariances.tolist(), moved.weights) == ([[4.5, 1.5]], [[26.0, 0.0, 5.0]], None)


@every_dimension
@every_kind
@pytest.mark.parametrize("change", [lambda g, d: g.blur(0.7), lambda g, d: g.to_normalized(SIZES[d])])
def test_what_a_record_draws_after_a_change_has_the_gradient_of_differences(kind, d, change):
    gaussians = scene(kind, d, torch.tensor)
    leaves = [gaussians.means.requires_grad_(), getattr(gaussians, kind).requires_grad_()]

    def numbers(means, widths):
        changed = change(Gaussians(means, **{kind: widths}), d)
        return changed.means, changed.packed_covariances(), changed.factors()

    assert torch.autograd.gradcheck(numbers, leaves)


def test_a_record_blurred_twice_draws_what_the_whole_blur_draws_with_the_same_light():
    gaussians = Gaussians([[20.0, 21.0]], cholesky=[[2.0, -1.0, 1.5]], weights=[3.0])
    images = [
        gaussgrad.render(g.means, g.packed_covariances(), g.weights, size=(41, 43), tolerance=0)
        for g in (gaussians.blur(1.5).blur(2.0), gaussians.blur(2.5))
    ]
    compare_values(*images)
    compare_values(images[0].sum(), np.float64(3.0))


@every_kind
def test_it_works_inside_compiled_functions(kind):
    gaussians = scene(kind, 2, torch.tensor)

    def loss(means, widths):
        moved = Gaussians(means, **{kind: widths}).blur(1.0).to_normalized((8, 10))
        return moved.means.sum() + moved.packed_covariances().square().sum()

    arrays = (gaussians.means, getattr(gaussians, kind))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    compare_values(compiled(*arrays), loss(*arrays))
    compare_gradients(torch.func.grad(loss, 1)(*arrays), torch.autograd.functional.jacobian(loss, arrays)[1])
