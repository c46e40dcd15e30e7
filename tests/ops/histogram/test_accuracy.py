"""Digits of histograms and their gradients, against differences of error functions in 40 digits."""

import exact_histogram as exact
import mpmath
import numpy as np
import pytest
import torch

from gaussgrad import histogram
from gaussgrad.ops.histogram.cpu import tails

BARS = {torch.float64: (1e-12, 1e-9), torch.float32: (1e-6, 1e-5)}  # of the largest value, of the largest gradient
EVEN, UNEVEN = (0.1, 0.9), (-0.3, 0.05, 0.1, 0.35, 0.8, 1.3)


def scene(d: int, dtype: torch.dtype, stddevs: tuple[float, ...]) -> tuple[torch.Tensor, ...]:
    """Samples inside, outside, far away and on edges, of narrow to wide stddevs, weights of both signs."""
    samples = torch.rand(12, d, dtype=torch.float64) * 1.6 - 0.3
    samples[0], samples[1], samples[2] = 0.1, 1e3, 0.5
    widths = torch.tensor(stddevs, dtype=torch.float64).repeat(12)[: 12 * d].reshape(12, d)
    return tuple(array.to(dtype).requires_grad_() for array in (samples, widths, torch.randn(12)))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("dtype", BARS)
@pytest.mark.parametrize(("d", "edge"), [(1, "drop"), (2, "keep"), (3, "drop")])
def test_values_and_gradients_agree_with_40_digits(d, edge, dtype, backend):
    samples, stddevs, weights = scene(d, dtype, (0.004, 0.05, 0.3, 1e-7, 2.0))
    bins = [19, UNEVEN, 4][:d]
    edges = [np.linspace(*EVEN, 20), np.array(UNEVEN), np.linspace(*EVEN, 5)][:d]
    limits = [EVEN, None, EVEN][:d]
    counts = histogram(samples, bins, limits, stddev=stddevs, weights=weights, edge=edge, backend=backend)
    upstream = torch.randn(counts.shape).to(dtype)
    grads = torch.autograd.grad(counts, (samples, stddevs, weights), upstream)
    given = (array.detach().numpy() for array in (samples, stddevs, weights))
    wanted = exact.histogram(*given, edges, edge, upstream.numpy())
    bars = (BARS[dtype][0], *(BARS[dtype][1],) * 3)
    for found, truth, bar in zip((counts, *grads), wanted, bars, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found.detach().numpy(), truth, rtol=0, atol=bar * np.abs(truth).max())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_bins_in_float32_agree_with_float64(d):
    """Of stddevs of about half a bin: a vector of float32 holds all that a sample reaches, on both sides of it."""
    found = []
    samples, stddevs, weights = torch.rand(40, d) * 1.2 - 0.1, (torch.rand(40, d) + 1) / 60, torch.randn(40)
    upstream = torch.randn((40, 30, 20)[-d:], dtype=torch.float64)
    for dtype in BARS:
        leaves = [array.to(dtype).requires_grad_() for array in (samples, stddevs, weights)]
        counts = histogram(leaves[0], (40, 30, 20)[-d:], [(0, 1)] * d, stddev=leaves[1], weights=leaves[2])
        found.append([counts.detach(), *torch.autograd.grad(counts, leaves, upstream.to(dtype))])
    for wanted, close in zip(*found, strict=True):
        torch.testing.assert_close(close.double(), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("dtype", BARS)
def test_a_wide_sample_on_narrow_bins_keeps_its_digits(dtype):
    """The masses of neighbouring edges differ in their third digit only."""
    sample, stddev = torch.tensor([0.4], dtype=dtype), 0.3
    counts = histogram(sample, 1000, (0, 1), stddev=torch.tensor([stddev], dtype=dtype))
    given = (array.numpy() for array in (sample[:, None], torch.tensor([[stddev]], dtype=dtype), torch.ones(1)))
    truth = exact.histogram(*given, [np.linspace(0, 1, 1001)], "drop", np.zeros(1000))[0]
    np.testing.assert_allclose(counts, truth, rtol=1e-6 if dtype == torch.float32 else 1e-12, atol=0)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_edges_between_the_numbers_of_float32_lose_no_digits(backend):
    """Rounded, an edge at 100 would be off by 1e-6, a thousandth of the stddev."""
    samples = np.linspace(100.1, 100.9, 10, dtype="float32")
    counts = histogram(samples, 9, (100.1, 100.9), stddev=np.float32(0.004) * np.ones(1, "float32"), backend=backend)
    given = samples[:, None], np.full((10, 1), np.float32(0.004)), np.ones(10)
    truth = exact.histogram(*given, [np.linspace(100.1, 100.9, 10)], "drop", np.zeros(9))[0]
    np.testing.assert_allclose(counts, truth, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "far", "rtol"), [("float64", 35.0, 1e-10), ("float32", 12.0, 1e-5)])
def test_tails_keep_their_digits_down_to_the_smallest_numbers(dtype, far, rtol):
    edges = np.linspace(-far, -2, 12)  # below the sample the distribution function itself is small
    counts = histogram(np.zeros(1, dtype), list(edges), stddev=np.ones(1, dtype))
    wanted = [float(mass) for mass, _, _ in exact.masses(0, 1, edges, "drop")]
    assert counts[0] > 0
    np.testing.assert_allclose(counts, wanted, rtol=rtol)
    above = histogram(np.zeros(1, dtype), list(-edges[::-1]), stddev=np.ones(1, dtype))
    np.testing.assert_array_equal(above[::-1], counts)


def test_the_series_of_the_tail_is_that_of_its_definition():
    """Chebyshev's, in 60 digits, turned into powers."""
    mp = mpmath.mp.clone()
    mp.dps = 60

    def scaled(u):
        z = tails.CENTRE * (1 - u) / (1 + u)
        return (z + tails.CENTRE) * mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2)) / 2

    for u in (1, mp.mpf(1) / 3, 0, -mp.mpf(1) / 2, -mp.mpf(3) / 4):
        series = mp.polyval([mp.mpf(term) for term in reversed(tails.TERMS)], u)
        assert abs(series / scaled(u) - 1) < 3e-16


def test_a_million_samples_lose_no_digit_of_their_sum():
    samples = np.linspace(0, 1, 1_000_001, dtype="float32")
    counts = histogram(samples, 4, (0, 1), stddev=1e-3, edge="keep")
    assert counts.dtype == "float32"
    np.testing.assert_allclose(counts.astype(float).sum(), samples.size, rtol=2e-7)
