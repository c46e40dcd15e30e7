"""The torch layers of heatmaps: a map for each Gaussian, and rows from maps."""

import copy

import pytest
import torch
from tolerances import compare_gradients, compare_values

from gaussgrad import moments, render
from gaussgrad.layers.torch import Moments, RenderGaussians

SIZE = (9, 12)


def keypoints(*leading):
    return torch.rand(*leading, 2, dtype=torch.float64) * 8


def draw_one_by_one(means, **options):
    """Maps (b, k, h, w), each drawn alone."""
    covariance = torch.tensor([2.25, 0.0, 2.25], dtype=torch.float64)
    maps = [[render(point[None], covariance, size=SIZE, **options) for point in points] for points in means]
    return torch.stack([torch.stack(of_one) for of_one in maps])


def test_each_gaussian_is_drawn_into_a_map_of_its_own():
    layer = RenderGaussians(SIZE, "x y", stddev=1.5, amplitude="peak", maps="each", batched=True)
    means = keypoints(2, 5)
    expected = draw_one_by_one(means, amplitude="peak")
    compare_values(layer(means), expected)
    compare_values(layer(means.flatten(1)), expected)
    alone = RenderGaussians(SIZE, "x y", stddev=1.5, amplitude="peak", maps="each", batched=False)
    compare_values(alone(means[0]), expected[0])


@pytest.mark.parametrize("parametrization", ["covariance", "cholesky"])
def test_widths_of_rows_are_those_of_their_maps(parametrization):
    means, widths = keypoints(2, 3), torch.tensor([1.5, 0.2, 2.0], dtype=torch.float64) * torch.rand(2, 3, 1).add(0.5)
    layer = RenderGaussians(SIZE, "x y xx xy yy", parametrization=parametrization, maps="each")
    rows = torch.cat([means, widths], dim=-1)
    together = RenderGaussians(SIZE, "x y xx xy yy", parametrization=parametrization)
    compare_values(layer(rows).sum(1, keepdim=True), together(rows))
    compare_values(layer(rows)[:, 1:2], together(rows[:, 1:2]))


@pytest.mark.parametrize("compose", ["sum", "max"])
def test_a_keypoint_of_weight_0_has_an_empty_map_and_no_gradient(compose):
    means = keypoints(2, 3)
    means[0, 1] = torch.tensor([0.0, 1e6])  # where annotators put what they do not see
    visible = torch.tensor([[[1.0], [0.0], [1.0]], [[0.0], [0.0], [1.0]]], dtype=torch.float64)
    layer = RenderGaussians(
        SIZE, "x y weight", stddev=1.5, amplitude="peak", compose=compose, coordinates="normalized", maps="each"
    )
    means.requires_grad_()
    maps = layer(torch.cat([means, visible], dim=-1))
    maps.square().sum().backward()
    hidden = visible[..., 0] == 0
    assert not maps[hidden].any()
    assert torch.isfinite(means.grad).all()
    assert not means.grad[hidden].any()


def test_a_map_for_each_gaussian_is_an_option_that_is_shown_and_kept():
    layer = RenderGaussians(SIZE, stddev=1.5, maps="each")
    assert repr(layer).endswith("tolerance=0.0001, maps='each')")
    assert layer.options.config()["maps"] == "each"


def test_rows_of_maps_are_their_moments():
    images = torch.rand(2, 5, *SIZE, dtype=torch.float64)
    mass, means, covariances = moments(images, softmax=0.5, coordinates="normalized")
    options = {"softmax": 0.5, "coordinates": "normalized"}
    compare_values(Moments(**options)(images), torch.cat([means, covariances], -1))
    compare_values(Moments("x y", **options)(images), means)
    compare_values(Moments("x y weight", **options)(images[0]), torch.cat([means, mass[..., None]], -1)[0])


def test_what_moments_reads_render_gaussians_draws_again():
    rows = torch.cat([keypoints(2, 3) / 8 + 10, torch.tensor([2.0, 0.5, 1.5, 0.7]).double().expand(2, 3, 4)], -1)
    draw = RenderGaussians((22, 23), "x y xx xy yy weight", maps="each", tolerance=0)
    compare_values(Moments("x y xx xy yy weight")(draw(rows)), rows, scale=1e3)
    rows.requires_grad_()
    (grad,) = torch.autograd.grad(Moments("x y xx xy yy weight")(draw(rows)).square().sum(), rows)
    compare_gradients(grad, 2 * rows.detach(), scale=1e3)


def test_half_precision_gives_rows_in_float32():
    logits = torch.randn(2, 3, 4, 300)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = Moments(softmax=1.0)(logits.bfloat16())
    assert found.dtype == torch.float32
    compare_values(found, Moments(softmax=1.0)(logits.bfloat16().float()))


def test_moments_has_no_parameters_and_says_what_it_was_told():
    layer = copy.deepcopy(Moments("x y", softmax=2.0))
    assert not layer.state_dict()
    assert repr(layer) == "Moments(row='x y', softmax=2.0, coordinates='pixel')"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RenderGaussians(SIZE, stddev=1.0, maps="all"), "maps must be one of 'sum', 'each'; got 'all'"),
        (
            lambda: RenderGaussians(SIZE, "x y weight*3", stddev=1.0, maps="each"),
            r"maps must be 'sum' for the 3 channels of row='x y weight\*3'; got 'each'\.",
        ),
        (
            lambda: RenderGaussians(SIZE, stddev=1.0, maps="each", channel=False),
            "channel must be True for maps='each', whose channels are the Gaussians; got False",
        ),
        (lambda: Moments("x y variance"), "row must be one of 'x y', 'x y weight', 'x y xx xy yy', .*; got 'x y var"),
        (lambda: Moments(softmax=0), "softmax must be a temperature from 1e-30 to 1e30, or None; got 0"),
        (lambda: Moments(coordinates="uv"), "coordinates must be one of 'pixel', 'normalized'; got 'uv'"),
        (lambda: Moments(backend="gpu"), "backend must be one of None, 'reference', 'cpu'; got 'gpu'"),
        (lambda: Moments()(torch.rand(5)), r"images must be of shape \(\.\.\., h, w\)"),
    ],
)
def test_options_and_maps_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match=r"images must be a torch tensor; got a list\. Use torch\.as_tensor"):
        Moments()([[1.0]])
