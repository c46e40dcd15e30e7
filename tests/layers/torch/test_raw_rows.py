"""Raw rows of a network: whatever finite numbers come, the torch layer draws them, and they train."""

import pytest
import torch
from tolerances import compare_values
from torch import nn

from gaussgrad import covariance, render, to_pixels
from gaussgrad.layers.torch import RenderGaussians

ROWS = {9: "x xx", (7, 9): "x y xx xy yy", (4, 5, 6): "x y z xx xy xz yy yz zz"}
UNBOUNDED = {"narrowest": 0, "widest": None}
EXTREMES = [0.0, 1.0, -3.0, 8.0, -50.0, 50.0, 1e4, -1e4, 1e19, -1e19, 1e30, -1e30, 3e38, -3e38]


def raw_layer(size=(64, 64), row="x y xx xy yy", **options):
    return RenderGaussians(size, row, parametrization="cholesky", **options)


def normal_rows(batches):
    """Batches of three times the normal distribution, the first of them with a row so narrow that covariances fail."""
    generator = torch.Generator().manual_seed(0)
    for batch in range(batches):
        rows = 3 * torch.randn(32, 10, 5, generator=generator)
        if batch == 0:
            rows[0] = torch.tensor([32.0, 32.0, 0.0, 2.0, -8.0])
        yield rows


def closed_form(rows, size=(64, 64)):
    """The image (b, h, w) of the rows' factors in float32, in float64 from the density: no operation of ours."""
    factors = torch.cat((rows[..., :2], rows[..., 2:].exp()[..., ::2], rows[..., 3:4]), dim=-1)
    x, y, a, c, b = factors.double()[..., None, None].unbind(2)  # (b, n, 1, 1)
    down, across = (torch.arange(length, dtype=torch.float64) for length in size)
    u = (across - x) / a
    v = (down[:, None] - y - b * u) / c
    shape = torch.exp(-0.5 * (u * u + v * v))
    shape = torch.where(shape > 1e-4, shape - 1e-4, 0.0)
    return (shape / (2 * torch.pi * a * c)).sum(1)


@pytest.mark.parametrize("size", ROWS, ids=["1-D", "2-D", "3-D"])
@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        (torch.float32, {}),
        (torch.float32, {"coordinates": "normalized", "tolerance": 0}),
        (torch.float16, {"coordinates": "normalized"}),
        (torch.bfloat16, {"amplitude": "peak", "tolerance": 0}),
        (torch.float64, {"widest": 3.0}),
    ],
)
def test_no_finite_row_is_refused_or_gives_what_is_not_finite(size, dtype, options):
    values = torch.tensor(EXTREMES).to(dtype)
    values = values[values.isfinite()]
    for row in (ROWS[size], f"{ROWS[size].split(' xx')[0]} variance"):
        layer = raw_layer(size, row, **options)
        generator = torch.Generator().manual_seed(0)
        choice = torch.randint(len(values), (150, 2, layer.options.layout.length), generator=generator)
        rows = values[choice].requires_grad_()
        image = layer(rows)
        image.backward(torch.ones_like(image))
        assert image.isfinite().all()
        assert rows.grad.isfinite().all()


def test_normal_rows_are_drawn_finite_with_finite_gradients():
    layer = raw_layer()
    for rows in normal_rows(6):
        image = layer(rows.requires_grad_())
        image.square().sum().backward()
        assert image.isfinite().all()
        assert rows.grad.isfinite().all()


def test_the_narrowest_spot_trains_from_between_the_pixel_centres():
    rows = torch.tensor([[[10.4, 10.45, -50.0]]], requires_grad=True)
    image = raw_layer(row="x y variance")(rows)
    assert image.max() > 0.01 / (2 * torch.pi * 0.25**2)
    image[0, 0, 10, 11].backward()
    assert (rows.grad[0, 0, :2].abs() > 0.1).all()


def test_normal_rows_without_bounds_are_drawn_as_their_factors_say():
    layer = raw_layer(**UNBOUNDED)
    for rows in normal_rows(3):
        exact = closed_form(rows)
        errors = (layer(rows)[:, 0] - exact).abs().amax(dim=(1, 2)) / exact.amax(dim=(1, 2)).clamp_min(1e-30)
        assert float(errors.max()) < 1e-5
        assert float(errors.median()) < 1e-6


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("coordinates", ["pixel", "normalized"])
def test_bounds_are_those_of_the_documented_formula(d, coordinates):
    """Equations 56 and 57, with a covariance."""
    size = list(ROWS)[d - 1]
    lengths = torch.tensor([size] if d == 1 else size[::-1], dtype=torch.float64)
    rows = torch.randn(2, 3, len(ROWS[size].split()), dtype=torch.float64)
    raw = torch.zeros(2, 3, d, d, dtype=torch.float64)
    for name, entry in zip(ROWS[size].split()[d:], rows[..., d:].unbind(-1), strict=True):
        raw[..., "xyz".index(name[1]), "xyz".index(name[0])] = entry
    units, identity = torch.ones(d, 1, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    if coordinates == "normalized":
        units = lengths[:, None] / 2
    factor = units * torch.where(identity > 0, raw.exp(), raw)
    factor = factor / (1 + (factor / 2.5).square()).sqrt()
    packed = covariance.from_matrix(factor @ factor.mT + 0.6**2 * identity)
    means = to_pixels(rows[..., :d], size=(size,) if d == 1 else size) if coordinates == "normalized" else rows[..., :d]
    image = raw_layer(size, ROWS[size], narrowest=0.6, widest=2.5, coordinates=coordinates)(rows)
    compare_values(image, render(means, packed, size=(size,) if d == 1 else size)[:, None])


def test_a_raw_variance_is_bounded_along_each_axis_in_pixels():
    rows = torch.tensor([[[0.1, -0.2, -0.7]]], dtype=torch.float64)
    layer = raw_layer((8, 40), "x y variance", narrowest=0.5, widest=6.0, coordinates="normalized")
    stddevs = torch.exp(rows[0, 0, 2]) * torch.tensor([20.0, 4.0], dtype=torch.float64)
    variances = 1 / (1 / stddevs**2 + 1 / 36) + 0.25
    means = to_pixels(rows[..., :2], size=(8, 40))
    compare_values(layer(rows), render(means, covariance.diagonal(variances), size=(8, 40))[:, None])


def test_usual_widths_are_hardly_changed_by_the_bounds():
    """The figure of the docstring."""
    rows = torch.tensor([[[31.0, 31.0, 2.0]]], dtype=torch.float64)
    rows[..., 2].log_()
    peak = raw_layer(row="x y variance", tolerance=0)(rows).max()
    assert float((2 * torch.pi * peak).rsqrt()) == pytest.approx(2.015, abs=5e-4)


def test_gradients_to_raw_rows_agree_with_finite_differences():
    layer = raw_layer((7, 9), narrowest=0.6, widest=4.0, tolerance=0)
    row = torch.tensor([3.0, 4.0, 0.5, 0.1, 0.6], dtype=torch.float64)
    rows = (row + 0.5 * torch.randn(1, 4, 5, dtype=torch.float64)).requires_grad_()
    torch.autograd.gradcheck(layer, (rows,))


def test_a_layer_shows_and_stores_its_bounds():
    layer = raw_layer((20, 30), narrowest=0.5)
    assert "parametrization='cholesky', narrowest=0.5, widest=60.0, amplitude='density'" in repr(layer)
    config = layer.options.config()
    assert (config["narrowest"], config["widest"]) == (0.5, 60.0)
    covariances = RenderGaussians((20, 30), "x y xx xy yy", **UNBOUNDED)
    assert covariances.options == RenderGaussians((20, 30), "x y xx xy yy").options
    assert "narrowest" not in repr(covariances)


def test_a_network_of_keypoints_trains_under_autocast():
    """Adam at 0.1 throws rows as far in a few steps as in hundreds at 0.01; without bounds the fifth is refused."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=4),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(50),
    )
    layer = raw_layer((32, 32))
    spots = 8 + 16 * torch.rand(8, 10, 2)
    images = 20 * render(spots, [4.0, 0.0, 4.0], size=(32, 32))[:, None]
    network(images)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (20 * layer(network(images)) - images).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("options", [{"stddev": 1.5}, {"stddev": 1.5, "coordinates": "normalized", "pixel": "area"}])
def test_autocast_does_not_move_coordinates_in_float32(options):
    rows = torch.tensor([[[200.4, 100.3]]])
    layer = RenderGaussians((128, 256), **options)
    if layer.options.normalized:
        rows = (rows + 0.5) * 2 / torch.tensor([256.0, 128.0]) - 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = layer(rows)
    assert image.dtype == torch.float32
    assert torch.equal(image, layer(rows))
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(256.0), indexing="ij")
    means = torch.stack([(image * axis).sum() / image.sum() for axis in (x, y)])
    torch.testing.assert_close(means, torch.tensor([200.4, 100.3]), rtol=0, atol=2e-3)
