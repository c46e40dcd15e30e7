"""The torch layers: rows to images, exactly as the functions they call."""

import copy
import pickle

import numpy as np
import pytest
import torch
from tolerances import compare_gradients, compare_values
from torch import nn

from gaussgrad import covariance, render, render_impulses, to_pixels
from gaussgrad.layers.torch import RenderGaussians, RenderImpulses

SIZES = {1: (11,), 2: (7, 9), 3: (4, 5, 6)}
COVARIANCE = {1: [2.0], 2: [2.0, 0.5, 3.0], 3: [2.0, 0.5, -0.25, 3.0, 0.125, 1.5]}
UNBOUNDED = {"parametrization": "cholesky", "narrowest": 0, "widest": None}
ENTRIES = {1: "xx", 2: "xx xy yy", 3: "xx xy xz yy yz zz"}


def points(d, *leading):
    return torch.rand(*leading, d, dtype=torch.float64) * 5


def rows_of(*parts):
    """Columns side by side, each given as a tensor (b, n, k)."""
    return torch.cat(parts, dim=-1)


def test_two_axes_are_unbatched_rows_or_flat_ones():
    """Ten points (10, 2) are one image; (4, 20) are four; a network that ends in a single row says so."""
    layer = RenderGaussians((7, 9), "x y", stddev=1.5).eval()
    rows = points(2, 4, 10)
    assert layer(rows[0]).shape == (1, 7, 9)
    compare_values(layer(rows[0]), layer(rows)[0])
    compare_values(layer(rows.flatten(1)), layer(rows))
    single = RenderGaussians((7, 9), "x y", stddev=1.5, batched=True)
    compare_values(single(rows[:, 0]), layer(rows[:, :1]))


def test_area_is_passed_on():
    means = torch.tensor([[[3.2, 4.1]]])
    image = RenderGaussians((7, 9), stddev=0.4, pixel="area")(means)
    compare_values(image[:, 0], render(means, torch.tensor([0.16, 0.0, 0.16]), size=(7, 9), pixel="area"))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_coordinates_are_drawn_with_the_fixed_width(d):
    means = points(d, 2, 3)
    layer = RenderGaussians(SIZES[d], stddev=1.5, tolerance=0)
    packed = covariance.isotropic(torch.tensor(2.25, dtype=torch.float64), d)
    expected = render(means, packed, size=SIZES[d], tolerance=0)
    compare_values(layer(means), expected[:, None])
    compare_values(RenderGaussians(SIZES[d], variance=2.25, tolerance=0)(means), expected[:, None])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_number_of_the_row_reaches_its_argument(d):
    means, weights = points(d, 2, 3), torch.randn(2, 3, 4, dtype=torch.float64)
    packed = torch.tensor(COVARIANCE[d], dtype=torch.float64) * torch.rand(2, 3, 1, dtype=torch.float64).add(1)
    layer = RenderGaussians(SIZES[d], row=f"{' '.join('xyz'[:d])} {ENTRIES[d]} weight*4")
    compare_values(layer(rows_of(means, packed, weights)), render(means, packed, weights, size=SIZES[d]))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_variances_in_rows_are_isotropic(d):
    means, variances = points(d, 2, 3), torch.rand(2, 3, 1, dtype=torch.float64) + 1
    layer = RenderGaussians(SIZES[d], row=f"{' '.join('xyz'[:d])} variance weight")
    rows = rows_of(means, variances, 2 * torch.ones_like(variances))
    expected = 2 * render(means, covariance.isotropic(variances[..., 0], d), size=SIZES[d])
    compare_values(layer(rows), expected[:, None])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cholesky_rows_hold_the_factor_in_the_places_of_the_same_names(d):
    factor = torch.tril(torch.randn(d, d, dtype=torch.float64))
    factor.diagonal().copy_(torch.rand(d) + 1)
    raw = factor.clone()
    raw.diagonal().log_()
    entries = torch.stack([raw["xyz".index(name[1]), "xyz".index(name[0])] for name in ENTRIES[d].split()])
    means = points(d, 1, 2)
    layer = RenderGaussians(SIZES[d], row=f"{' '.join('xyz'[:d])} {ENTRIES[d]}", **UNBOUNDED)
    expected = render(means, covariance.from_matrix(factor @ factor.T), size=SIZES[d])
    compare_values(layer(rows_of(means, entries.expand(1, 2, -1))), expected[:, None])


def test_a_cholesky_variance_is_the_logarithm_of_the_standard_deviation():
    means = points(2, 1, 1)
    layer = RenderGaussians((7, 9), row="x y variance", **UNBOUNDED)
    rows = rows_of(means, torch.full((1, 1, 1), 1.5, dtype=torch.float64).log())
    compare_values(layer(rows), render(means, [2.25, 0, 2.25], size=(7, 9))[:, None])


def test_normalized_rows_are_normalized_in_coordinates_and_widths():
    means = torch.rand(2, 3, 2, dtype=torch.float64) * 2 - 1
    packed = torch.tensor([0.2, 0.05, 0.1], dtype=torch.float64).expand(2, 3, 3)
    layer = RenderGaussians((7, 9), row="x y xx xy yy", coordinates="normalized")
    expected = render(*to_pixels(means, packed, size=(7, 9)), size=(7, 9))
    compare_values(layer(rows_of(means, packed)), expected[:, None])


def test_a_fixed_width_is_in_pixels_in_normalized_coordinates_too():
    layer = RenderGaussians((5, 9), stddev=1.5, coordinates="normalized", amplitude="peak")
    centre = torch.zeros(1, 1, 2, dtype=torch.float64)
    compare_values(layer(centre)[0, 0, 2, 4:6], np.exp([0, -1 / 4.5]) - 1e-4)
    compare_values(layer(centre)[0, 0, 2:4, 4], np.exp([0, -1 / 4.5]) - 1e-4)


def test_options_reach_render():
    rows = points(2, 2, 3)
    options = {"amplitude": "peak", "compose": "union", "tolerance": 0.25}
    expected = render(rows, [2.0, 0, 2.0], size=(7, 9), **options)
    compare_values(RenderGaussians((7, 9), variance=2.0, **options)(rows), expected[:, None])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_impulses_are_drawn_as_the_function_draws_them(d):
    kernel = np.random.default_rng(0).normal(size=(2, 3, 4)[:d])
    means, weights = points(d, 2, 3), torch.randn(2, 3, 2, dtype=torch.float64)
    layer = RenderImpulses(SIZES[d], kernel, row=f"{' '.join('xyz'[:d])} weight*2")
    expected = render_impulses(means, torch.tensor(kernel), weights, size=SIZES[d])
    compare_values(layer(rows_of(means, weights)), expected)


def test_the_known_signal_comes_out_bit_for_bit():
    layer = RenderImpulses(10, [0.28, 0.44, 0.28], channel=False, batched=False)
    signal = layer(torch.tensor([3.0, 7.0], dtype=torch.float64))
    assert signal.tolist() == [0, 0, 0.28, 0.44, 0.28, 0, 0.28, 0.44, 0.28, 0]


def test_normalized_impulses_keep_their_kernel_in_pixels():
    layer = RenderImpulses((3, 5), [[1.0, 2.0, 1.0]], coordinates="normalized")
    image = layer(torch.zeros(1, 1, 2, dtype=torch.float64))
    assert image.tolist() == [[[[0] * 5, [0, 1, 2, 1, 0], [0] * 5]]]


@pytest.mark.parametrize(
    ("row", "channel", "batched", "given", "image"),
    [
        ("x y", True, None, (4, 10, 2), (4, 1, 7, 9)),
        ("x y", True, None, (4, 20), (4, 1, 7, 9)),
        ("x y", True, True, (4, 2), (4, 1, 7, 9)),
        ("x y", True, False, (10, 2), (1, 7, 9)),
        ("x y", True, False, (20,), (1, 7, 9)),
        ("x y", False, None, (4, 10, 2), (4, 7, 9)),
        ("x y", False, False, (10, 2), (7, 9)),
        ("x y weight", True, None, (4, 30), (4, 1, 7, 9)),
        ("x y weight", False, None, (4, 30), (4, 7, 9)),
        ("x y weight*3", True, None, (4, 10, 5), (4, 3, 7, 9)),
        ("x y weight*3", True, False, (10, 5), (3, 7, 9)),
        ("x y", True, None, (0, 20), (0, 1, 7, 9)),
        ("x y", True, None, (4, 0, 2), (4, 1, 7, 9)),
        ("x y", True, None, (4, 0), (4, 1, 7, 9)),
    ],
)
@pytest.mark.parametrize("layer_class", [RenderGaussians, RenderImpulses])
def test_input_axes_decide_about_output_axes(layer_class, row, channel, batched, given, image):
    fixed = {"stddev": 2.0} if layer_class is RenderGaussians else {"kernel": [[0.5, 0.5]]}
    layer = layer_class((7, 9), row=row, channel=channel, batched=batched, **fixed)
    assert layer(torch.rand(given)).shape == image


def test_flat_input_is_cut_point_after_point():
    rows = points(2, 3, 4)
    layer = RenderGaussians((7, 9), stddev=1.0)
    assert torch.equal(layer(rows.flatten(1)), layer(rows))


def test_signals_have_one_channel_axis():
    assert RenderGaussians(12, stddev=1.0)(torch.rand(2, 5, 1)).shape == (2, 1, 12)
    assert RenderGaussians((12,), row="x xx")(torch.rand(2, 5, 2) + 1).shape == (2, 1, 12)


def test_a_plain_network_trains_through_raw_cholesky_rows():
    decoder = nn.Sequential(
        nn.Linear(3, 16),
        nn.ReLU(),
        nn.Linear(16, 4 * 6),
        RenderGaussians((8, 8), "x y xx xy yy weight", parametrization="cholesky", coordinates="normalized"),
    )
    target = torch.rand(5, 1, 8, 8)
    latent = torch.randn(5, 3)
    optimizer = torch.optim.Adam(decoder.parameters(), 1e-2)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (decoder(latent) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("parametrization", ["covariance", "cholesky"])
@pytest.mark.parametrize("coordinates", ["pixel", "normalized"])
def test_gradients_reach_every_number_of_the_row(parametrization, coordinates):
    layer = RenderGaussians(
        (7, 9), "x y xx xy yy weight*2", parametrization=parametrization, coordinates=coordinates, tolerance=0
    )
    row = torch.tensor([0.3, 0.4, 0.5, 0.1, 0.6, 1.0, -2.0], dtype=torch.float64)
    rows = (row + 0.1 * torch.rand(1, 2, 7, dtype=torch.float64)).requires_grad_()
    torch.autograd.gradcheck(layer, (rows,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_from_end_to_end(dtype):
    layer = RenderGaussians((7, 9), "x y xx xy yy", parametrization="cholesky", coordinates="normalized")
    rows = torch.rand(2, 3, 5).to(dtype).requires_grad_()
    image = layer(rows)
    assert image.dtype == dtype
    assert torch.equal(image, layer(rows.float()).to(dtype))
    image.sum().backward()
    assert rows.grad.dtype == dtype


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch's own tracer
@pytest.mark.parametrize(
    "layer",
    [
        RenderGaussians((7, 9), stddev=2.0, coordinates="normalized"),
        RenderGaussians((7, 9), "x y xx xy yy", parametrization="cholesky"),
        RenderImpulses((7, 9), [[1.0, 2.0]]),
    ],
    ids=str,
)
def test_layers_compile_without_a_break(layer):
    rows = torch.rand(2, 3, layer.options.layout.length, requires_grad=True)
    compiled = rows.detach().clone().requires_grad_()
    layer(rows).square().sum().backward()
    torch.compile(layer, fullgraph=True, backend="aot_eager")(compiled).square().sum().backward()
    compare_gradients(compiled.grad, rows.grad)


def test_layers_compile_for_flat_rows_of_any_batch():
    layer = RenderGaussians((7, 9), "x y xx xy yy", parametrization="cholesky", batched=True)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    for rows in (torch.rand(2, 3, 5), torch.rand(2, 15), torch.rand(4, 10)):
        assert torch.equal(compiled(rows), layer(rows))


def test_layers_work_under_vmap_of_grad():
    layer = RenderGaussians((7, 9), "x y xx xy yy", parametrization="cholesky", batched=False)
    rows = torch.rand(3, 4, 5, dtype=torch.float64)
    each = torch.func.vmap(torch.func.grad(lambda one: layer(one).square().sum()))(rows)
    rows.requires_grad_()
    torch.stack([layer(one).square().sum() for one in rows]).sum().backward()
    compare_gradients(each, rows.grad)


@pytest.mark.parametrize(
    "make",
    [
        lambda backend: RenderGaussians((7, 9), "x y variance", backend=backend),
        lambda backend: RenderImpulses((7, 9), [[1.0, 2.0]], backend=backend),
    ],
)
def test_the_backend_is_the_one_asked_for(make):
    """Forward mode, which only the reference has, tells them apart."""
    rows = 1 + torch.rand(2, 3, make(None).options.layout.length)
    _, tangent = torch.func.jvp(make("reference"), (rows,), (torch.ones_like(rows),))
    assert tangent.abs().max() > 0
    with pytest.raises(RuntimeError):
        torch.func.jvp(make("cpu"), (rows,), (torch.ones_like(rows),))


@pytest.mark.parametrize(
    "layer", [RenderGaussians((7, 9), stddev=2.0), RenderImpulses(10, [0.25, 0.5, 0.25])], ids=lambda layer: str(layer)
)
def test_layers_store_options_only(layer):
    assert list(layer.parameters()) == []
    assert layer.state_dict() == {}
    nn.Sequential(nn.Linear(2, 2), layer).load_state_dict({"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(2)})
    rows = torch.rand(2, 3, layer.options.layout.length)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(rows), layer(rows))


def test_the_representation_tells_what_is_drawn():
    assert repr(RenderGaussians((28, 28), stddev=1.5, coordinates="normalized")) == (
        "RenderGaussians(size=(28, 28), row='x y', coordinates='normalized', stddev=1.5, amplitude='density', "
        "compose='sum', pixel='point', tolerance=0.0001)"
    )
    assert repr(RenderGaussians((28, 28), "x y xx xy yy weight", channel=False, batched=False)) == (
        "RenderGaussians(size=(28, 28), row='x y xx xy yy weight', coordinates='pixel', channel=False, batched=False, "
        "parametrization='covariance', amplitude='density', compose='sum', pixel='point', tolerance=0.0001)"
    )
    assert repr(RenderImpulses(10, [0.25, 0.5, 0.25])) == (
        "RenderImpulses(size=(10,), row='x', coordinates='pixel', kernel=[0.25, 0.5, 0.25])"
    )
    assert "kernel of shape (9, 9)" in repr(RenderImpulses((20, 20), np.ones((9, 9))))
    assert "backend='reference'" in repr(RenderImpulses((20, 20), np.ones((9, 9)), backend="reference"))
