"""Whatever the shapes, layouts, dtypes and values: results are those of formulas that share no code with ours."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import gaussgrad
from benchmarks.endurance import cases, draws
from benchmarks.endurance.cases import Case
from benchmarks.endurance.oracles import counting, drawing, latents, mixtures

steady = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The same examples in every run; kernels compile in some of them."""

BATCHES = array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
DTYPES = st.sampled_from(("float32", "float64"))
SEEDS = st.integers(0, 2**32 - 1)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats that float32 holds, none so small that it is not normal."""
    return st.floats(low, high, width=32, allow_subnormal=False)


def drawn(draw: Any, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    return draw(arrays(np.float64, shape, elements=numbers(low, high)))


def check(case: Case, dtype: str, seed: int) -> None:
    """In a dtype and a memory layout, with one and two threads."""
    typed = {name: np.asarray(array, dtype) for name, array in case.arrays.items()}
    case = Case(case.function, case.oracle, typed, case.options)
    rng = np.random.default_rng(seed)
    given = {name: draws.disguised(rng, array) for name, array in typed.items()}
    first = cases.results(case.function(**given, **case.options))
    cases.compare(case, first, cases.expected(case))
    if cases.takes_threads(case.function):
        for threads in (1, 2):
            again = cases.results(case.function(**given, **case.options, threads=threads))
            cases.same_bits(case, first, again, f"with {threads} threads")


@st.composite
def scenes(draw: Any) -> Case:
    batch, n = draw(BATCHES), draw(st.integers(0, 4))
    size = draw(st.tuples(st.integers(1, 7), st.integers(1, 40)))
    widths = draw(st.sampled_from(((), (1,), (n,), (*batch, n))))
    stddevs = 2.0 ** drawn(draw, (*widths, 2), -12, 8)
    correlations = drawn(draw, widths, -0.984375, 0.984375)
    packed = np.stack([stddevs[..., 0] ** 2, correlations * stddevs.prod(axis=-1), stddevs[..., 1] ** 2], axis=-1)
    given = {"means": drawn(draw, (*batch, n, 2), -50, 90), "covariances": packed}
    if draw(st.booleans()):
        given["weights"] = drawn(draw, (*batch, n, 2), -4, 4)
    options = {"size": size, "tolerance": draw(st.sampled_from((0.0, 1e-4, 0.0111))), "amplitude": "peak"}
    return Case(gaussgrad.render, drawing.render, given, options)


@steady
@given(scenes(), DTYPES, SEEDS)
def test_images_are_sums_of_gaussians(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def impulses(draw: Any) -> Case:
    batch, n = draw(BATCHES), draw(st.integers(0, 4))
    size = draw(st.tuples(st.integers(2, 7), st.integers(2, 9)))
    kernel = drawn(draw, draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), -3, 3)
    given = {"means": drawn(draw, (*batch, n, 2), -2, 8), "kernel": kernel}
    if draw(st.booleans()):
        given["weights"] = drawn(draw, (*batch, n), -4, 4)
    return Case(gaussgrad.render_impulses, drawing.render_impulses, given, {"size": size})


@steady
@given(impulses(), DTYPES, SEEDS)
def test_images_are_sums_of_impulses(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def mixed(draw: Any) -> Case:
    batch, k = draw(BATCHES), draw(st.integers(1, 5))
    logits = drawn(draw, (*batch, k), -40, 40)
    if draw(st.booleans()):
        logits[..., 1:] = -np.inf
    given = {
        "points": drawn(draw, (*draw(st.sampled_from((batch, (1,) * len(batch)))), 2), -30, 30),
        "logits": logits,
        "means": drawn(draw, (k, 2), -30, 30),
        "log_stddevs": drawn(draw, (*batch, k, 2), -5, 5),
        "atanh_correlations": drawn(draw, (*batch, k), -4, 4),
    }
    return Case(gaussgrad.mixture_log_density, mixtures.mixture_log_density, given)


@steady
@given(mixed(), DTYPES, SEEDS)
def test_log_densities_are_those_of_mixtures(case, dtype, seed):
    check(case, dtype, seed)


@steady
@given(mixed(), DTYPES, SEEDS)
def test_responsibilities_are_shares_of_the_density(case, dtype, seed):
    check(Case(gaussgrad.responsibilities, mixtures.responsibilities, case.arrays), dtype, seed)


@st.composite
def divergences(draw: Any) -> Case:
    shape = draw(BATCHES)
    given = {"mean": drawn(draw, shape, -20, 20), "log_variance": drawn(draw, shape, -15, 15)}
    near = 10.0 ** -draw(st.integers(0, 8))
    given = {name: np.asarray(array * near) for name, array in given.items()}
    priors = {"prior_mean": draw(numbers(-5, 5)), "prior_variance": draw(numbers(0.125, 8))}
    return Case(gaussgrad.kl_divergence, latents.kl_divergence, given, draw(st.sampled_from(({}, priors))))


@steady
@given(divergences(), DTYPES, SEEDS)
def test_divergences_keep_their_digits(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def counted(draw: Any) -> Case:
    batch, n = draw(BATCHES), draw(st.integers(0, 6))
    given = {"samples": drawn(draw, (*batch, n), -20, 20), "stddev": np.asarray(2.0 ** draw(numbers(-12, 6)))}
    if draw(st.booleans()):
        given["weights"] = drawn(draw, (*batch, n), -4, 4)
    options = {"bins": draw(st.integers(1, 9)), "range": (-3.0, draw(numbers(-2.5, 30)))}
    return Case(
        gaussgrad.histogram, counting.histogram, given, options | {"edge": draw(st.sampled_from(("drop", "keep")))}
    )


@steady
@given(counted(), DTYPES, SEEDS)
def test_counts_are_masses_between_edges(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def maps(draw: Any) -> Case:
    shape = (*draw(BATCHES), draw(st.integers(1, 6)), draw(st.integers(1, 25)))
    if draw(st.booleans()):
        options = {"softmax": draw(st.sampled_from((0.25, 1.0, 9.0)))}
        return Case(gaussgrad.moments, counting.moments, {"images": drawn(draw, shape, -9, 9)}, options)
    return Case(gaussgrad.moments, counting.moments, {"images": drawn(draw, shape, 0, 1) + 1e-3})


@steady
@given(maps(), DTYPES, SEEDS)
def test_moments_are_those_of_the_light(case, dtype, seed):
    check(case, dtype, seed)


@steady
@given(st.one_of(scenes(), impulses(), mixed(), divergences(), counted(), maps()), st.data())
def test_a_value_that_is_no_number_is_refused_by_the_name_of_its_argument(case, data):
    assume(all(array.size for array in case.arrays.values()))  # where nothing is computed, values need no look
    name = data.draw(st.sampled_from(sorted(case.arrays)))
    array = case.arrays[name].copy()
    array.flat[data.draw(st.integers(0, array.size - 1))] = np.nan
    with pytest.raises(ValueError, match=name):
        case.function(**{**case.arrays, name: array}, **case.options)
