"""Random cases are right, and a case that is wrong in any way is told."""

from dataclasses import replace

import numpy as np
import pytest

import gaussgrad
from benchmarks.endurance import cases, draws, gradients, kinds
from benchmarks.endurance.cases import Case, Wrong
from benchmarks.endurance.families import calls
from benchmarks.endurance.oracles import latents

QUICK = tuple(name for name in kinds.KINDS if name not in ("render", "render_impulses"))  # their kernels are many


def test_random_calls_are_right():
    assert sum(calls.one(0, 0, place, QUICK) for place in range(120)) >= 120


def test_random_gradients_are_right():
    pytest.importorskip("torch")
    checked = 0
    for place in range(30):
        rng = np.random.default_rng([0, place])
        case = kinds.case(rng, wild=False, only=QUICK)
        checked += 0 if case.steps is None else gradients.check(case, rng)
    assert checked > 15


def entropy(change) -> Case:
    """A case whose function is not quite the library's."""

    def changed(log_variance):
        return change(gaussgrad.entropy(log_variance), log_variance)

    arrays = {"log_variance": np.array([[0.5, -2.0], [1.0, 3.0]], np.float32)}
    return Case(changed, latents.entropy, arrays, steps={"log_variance": 0.1})


def noisy(value, _, rng=np.random.default_rng(0)):  # noqa: B008 (other noise at each call)
    return value * np.float32(1 + 1e-6 * rng.random())


def spoiled(value, given):
    if given.flags.writeable:
        given[...] = 0
    return value


def check_often(case):
    """Only some calls are repeated, and only some given as they are."""
    for seed in range(60):
        cases.check(case, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value, _: value * np.float32(1 + 1e-4), "result 0 at"),
        (lambda value, _: np.where(value > 2, np.float32(np.nan), value), "is np.float32.nan"),
        (lambda value, _: value.astype(np.float64), "is of float64"),
        (lambda value, _: value[0], "is of shape"),
        (lambda value, _: (value, value), "2 results, not 1"),
        (noisy, "other bits"),
        (spoiled, "log_variance was changed"),
    ],
)
def test_what_is_wrong_is_told(change, words):
    with pytest.raises(Wrong, match=words):
        check_often(entropy(change))
    cases.check(entropy(lambda value, _: value), np.random.default_rng(0))


@pytest.mark.parametrize(
    "change", [lambda value, given: value + 1e-3 * (given - given.detach()), lambda value, _: value.detach()]
)
def test_a_wrong_gradient_is_told(change):
    pytest.importorskip("torch")
    case = entropy(change)
    case = replace(case, arrays={"log_variance": case.arrays["log_variance"].astype(np.float64)})
    with pytest.raises(Wrong, match=r"slope|no result has a gradient"):
        gradients.check(case, np.random.default_rng(0))


def test_another_layout_holds_the_same_numbers():
    rng = np.random.default_rng(0)
    array = np.broadcast_to(rng.normal(size=(3, 4)), (2, 3, 4))
    found = [draws.disguised(rng, array) for _ in range(100)]
    for each in found:
        np.testing.assert_array_equal(each, array)
    assert len({(each.strides, each.flags.aligned, each.flags.writeable) for each in found}) >= 5
