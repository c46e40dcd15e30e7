"""Histograms: values beside NumPy's, shapes, weights, density and edges; and mutual information."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from gaussgrad import histogram, mutual_information, parallel
from gaussgrad.ops.histogram import cpu
from gaussgrad.ops.histogram.axes import axes_of

BACKENDS = ("cpu", "reference")
OPTIONS = axes_of([9, [-1.0, 0.0, 0.5, 2.0]], [(-2, 2), None])[0]._asdict() | {"edge": "drop"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("bins", "limits"),
    [
        ([17], [(-2, 2)]),
        ([[-2.0, -0.5, 0.1, 3.0]], None),
        ([5, 4], [(-2, 2), (-1, 1.5)]),
        ([3, (-0.5, 0.0, 1.0), 4], [(-2, 2), None, (-3, 3)]),
    ],
)
def test_narrow_samples_are_counted_as_numpy_counts_them(rng, bins, limits, backend):
    samples, weights = rng.normal(size=(400, len(bins))), rng.normal(size=400)
    edges = np.histogramdd(samples, bins, limits)[1]
    stddev = [1e-9 * np.diff(axis).min() for axis in edges]
    nearest = [np.abs(samples[:, i, None] - axis).min() / stddev[i] for i, axis in enumerate(edges)]
    assert min(nearest) > 10
    for density in (False, True):
        wanted = np.histogramdd(samples, bins, limits, weights=np.abs(weights), density=density)[0]
        found = histogram(
            samples, bins, limits, stddev=stddev, weights=np.abs(weights), density=density, backend=backend
        )
        assert_allclose(found, wanted, rtol=1e-13)
    assert_array_equal(
        histogram(samples, bins, limits, stddev=stddev, backend=backend), np.histogramdd(samples, bins, limits)[0]
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_kept_counts_sum_to_the_weights_and_dropped_ones_are_what_falls_inside(rng, backend):
    samples, weights = rng.normal(size=(3, 50, 2)), rng.uniform(size=(3, 50))
    both = {
        edge: histogram(samples, 4, [(-1, 1), (0, 2)], stddev=0.3, weights=weights, edge=edge, backend=backend)
        for edge in ("keep", "drop")
    }
    assert_allclose(both["keep"].sum((1, 2)), weights.sum(1), rtol=1e-13)
    assert_array_equal(both["keep"][:, 1:-1, 1:-1], both["drop"][:, 1:-1, 1:-1])
    assert (both["drop"].sum((1, 2)) < weights.sum(1)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_bin_that_keeps_everything_counts_the_weights(backend):
    samples = torch.tensor([-50.0, 0.2, 9.0], requires_grad=True)
    counts = histogram(samples, 1, (0, 1), stddev=0.1, edge="keep", backend=backend)
    assert counts.tolist() == [3.0]
    counts.sum().backward()
    assert samples.grad.tolist() == [0, 0, 0]


def test_a_density_integrates_to_one(rng):
    edges = [[-1.0, 0.0, 0.5, 2.0], [-3.0, -1.0, 3.0]]
    density = histogram(rng.normal(size=(2, 30, 2)), edges, stddev=0.4, density=True)
    areas = np.multiply.outer(*map(np.diff, edges))
    assert_allclose((density * areas).sum((1, 2)), 1, rtol=1e-13)


@pytest.mark.parametrize(
    ("samples", "stddev", "weights", "bins", "limits", "shape"),
    [
        ((5,), (), None, 3, (0, 1), (3,)),
        ((2, 5), (5,), (5,), 3, (0, 1), (2, 3)),
        ((2, 5), (2, 1), (2, 1), 3, (0, 1), (2, 3)),
        ((5,), (4, 1), None, 3, (0, 1), (4, 3)),
        ((5, 1), (), None, 3, [(0, 1)], (3,)),
        ((5, 2), (2,), (5,), 3, [(0, 1)] * 2, (3, 3)),
        ((5, 2), (5, 1), (), (3, 4), [(0, 1)] * 2, (3, 4)),
        ((2, 1, 5, 3), (7, 5, 3), (5,), (3, 4, 2), [(0, 1)] * 3, (2, 7, 3, 4, 2)),
        ((0,), (), None, 3, (0, 1), (3,)),
        ((0, 5), (), None, 3, (0, 1), (0, 3)),
    ],
)
def test_shapes_broadcast_and_pairs_decide_about_coordinates(rng, samples, stddev, weights, bins, limits, shape):
    given = rng.uniform(size=samples), np.exp(rng.normal(size=stddev))
    weights = None if weights is None else rng.uniform(size=weights)
    results = [histogram(given[0], bins, limits, stddev=given[1], weights=weights, backend=b) for b in BACKENDS]
    assert results[0].shape == shape
    assert_allclose(*results, rtol=1e-9, atol=1e-15)


def test_half_precision_is_computed_in_float32_and_lists_in_float64():
    samples = torch.rand(100).bfloat16()
    counts = histogram(samples, 5, (0, 1), stddev=0.1)
    assert counts.dtype == torch.bfloat16
    assert_array_equal(counts.float(), histogram(samples.float(), 5, (0, 1), stddev=0.1).bfloat16().float())
    assert histogram([1, 2], 2, (0, 4), stddev=1).dtype == "float64"


def test_every_number_is_written_and_neither_threads_nor_blocks_matter(rng, monkeypatch):
    monkeypatch.setattr(parallel, "SMALL_JOB_SECONDS", 0.0)
    monkeypatch.setattr(cpu.arrays, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    samples, weights = rng.normal(size=(2, 300, 2)), rng.normal(size=(2, 300))
    upstream = rng.normal(size=(2, 1, 27))
    given = samples, np.full((2, 1, 2), 0.3), weights

    def results(block: int, threads: int) -> list[np.ndarray]:
        monkeypatch.setattr(cpu, "SAMPLES_PER_BLOCK", block)
        counts = cpu.forward(*given, **OPTIONS, threads=threads)[0]
        return [counts, *cpu.backward(upstream, (), *given, **OPTIONS, threads=threads)]

    whole, first = results(300, 1), results(43, 1)
    for array, other in zip(first, whole, strict=True):
        assert_allclose(array, other, rtol=1e-9, atol=1e-12)
    for threads in (2, 5):
        for array, other in zip(results(43, threads), first, strict=True):
            assert_array_equal(array, other)


def test_inputs_are_left_alone_and_strides_do_not_matter(rng):
    samples = rng.normal(size=(30, 4))
    copy = samples.copy()
    strided = histogram(samples[::3, 1:3], 4, [(-1, 1)] * 2, stddev=0.2)
    assert_array_equal(samples, copy)
    assert_array_equal(strided, histogram(np.ascontiguousarray(samples[::3, 1:3]), 4, [(-1, 1)] * 2, stddev=0.2))


def test_information_of_a_value_about_itself_is_its_entropy(rng):
    values = (rng.integers(4, size=2000) + 0.5) / 4
    shares = np.bincount((4 * values).astype(int)) / values.size
    found = mutual_information(values, 1 - values, 4, (0, 1), stddev=1e-6)
    assert_allclose(found, -np.sum(shares * np.log(shares)), rtol=1e-12)


def test_information_of_a_product_is_zero_and_never_far_below():
    grid = np.linspace(0, 1, 40)
    a, b = (array.reshape(-1) for array in np.meshgrid(grid, grid**2))
    assert abs(mutual_information(a, b, (8, 5), (0, 1), stddev=0.1)) < 1e-14
    assert abs(mutual_information(a.astype("float32"), b.astype("float32"), 8, (0, 1), stddev=0.1)) < 1e-6


def test_information_is_that_of_correlated_normals(rng):
    """-log(1 - rho^2) / 2 of the joint density; the stddev widens both variances and leaves the covariance."""
    count, rho, stddev = 200_000, 0.8, 0.2
    a = rng.normal(size=count)
    b = rho * a + np.sqrt(1 - rho * rho) * rng.normal(size=count)
    found = mutual_information(a, b, 60, (-6, 6), stddev=stddev)
    assert_allclose(found, -np.log(1 - (rho / (1 + stddev**2)) ** 2) / 2, rtol=0.02)


def test_information_takes_edges_and_a_stddev_per_image_in_a_batch(rng):
    a, b = rng.uniform(size=(2, 3, 200))
    edges = [0.0, 0.2, 0.6, 1.0]
    even = mutual_information(a, b, [edges, [0.0, 0.5, 1.0]], stddev=[0.1, 0.2])
    assert even.shape == (3,)
    assert_allclose(mutual_information(b, a, [[0.0, 0.5, 1.0], edges], stddev=[0.2, 0.1]), even, rtol=1e-9)
    assert_allclose(mutual_information(a, a, edges, stddev=0.1), mutual_information(a, a, [edges] * 2, stddev=0.1))
