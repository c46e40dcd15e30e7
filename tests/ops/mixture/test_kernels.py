"""The kernels of mixtures, whose points and components fall into vectors, blocks and pieces anyhow."""

import sys

import numpy as np
import pytest
import torch
from cases import mixture_inputs
from dirty_memory import hand_out_full_memory, leave_dirty_memory
from fresh import in_fresh_process

import gaussgrad
from gaussgrad.ops.mixture import cpu
from gaussgrad.ops.mixture.cpu.backward import unmix

COMPONENTS = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 20, 31, 33, 64, 1100]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def inputs(k: int, b: int, dtype: type) -> list[np.ndarray]:
    return [array.astype(dtype) for array in mixture_inputs(k, b=b)]


def results(given: list[np.ndarray], grad: np.ndarray, threads: int = 1) -> list[np.ndarray]:
    """The log densities, what is kept, and all gradients."""
    out, saved = cpu.forward(*given, threads=threads)
    return [out, *saved, *cpu.backward(grad, saved, *given, threads=threads)]


@pytest.mark.parametrize("k", COMPONENTS)
@pytest.mark.parametrize("b", [1, 15, 16, 17, 49, 70])
def test_any_numbers_of_points_and_components_agree_with_the_reference(rng, b, k):
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs(k, b, np.float64)]
    grad = torch.tensor(rng.normal(size=b))
    found, wanted = (
        [value, *torch.autograd.grad(value, tensors, grad)]
        for value in (gaussgrad.mixture_log_density(*tensors, backend=backend) for backend in ("cpu", "reference"))
    )
    for ours, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-11)


@DTYPES
@pytest.mark.parametrize("k", [3, 20, 1100])
def test_threads_and_the_way_to_memory_leave_every_bit(rng, monkeypatch, k, dtype):
    b = 60_000 // k + 7
    given, grad = inputs(k, b, dtype), rng.normal(size=(b, 1)).astype(dtype)
    plain = results(given, grad)
    monkeypatch.setattr(cpu, "NANOSECONDS_PER_PAIR", 1e9)  # any job is worth all threads
    in_pieces = results(given, grad, threads=3)
    monkeypatch.setattr(cpu, "PAST_CACHE", 0)
    ways = []

    def watched(start, stop, block, grad, kept, lowest, past_cache, *others):
        ways.append(past_cache)
        unmix(start, stop, block, grad, kept, lowest, past_cache, *others)

    monkeypatch.setattr(cpu, "unmix", watched)
    streamed = results(given, grad, threads=3)
    assert len(ways) >= 3
    assert ways == [k < 1100] * len(ways)  # blocks of a few points begin anywhere
    for others in (in_pieces, streamed):
        for ours, wanted in zip(others, plain, strict=True):
            np.testing.assert_array_equal(ours, wanted)


@DTYPES
@pytest.mark.parametrize("k", [1, 3, 16, 20, 1100])
def test_no_place_hides_what_is_to_be_refused(rng, k, dtype):
    beyond = cpu.largest_logarithm(np.dtype(dtype))
    bad = [[np.nan, np.inf, -np.inf], [np.nan, np.inf], [np.nan, np.inf, -np.inf]]
    bad += [[np.nan, np.inf, beyond, -beyond]] * 2
    for b in (1, 17, 49):
        given = inputs(k, b, dtype)
        assert cpu.forward_if_valid(*given, threads=1) is not None
        for which, values in enumerate(bad):
            size = given[which].size
            for place in {0, size - 1, *rng.integers(size, size=5).tolist()}:
                spoilt = [array.copy() for array in given]
                spoilt[which].reshape(-1)[place] = rng.choice(values)
                assert cpu.forward_if_valid(*spoilt, threads=1) is None
                assert not cpu.valid(*spoilt)
        weightless = [array.copy() for array in given]
        weightless[1][rng.integers(b)] = -np.inf
        assert cpu.forward_if_valid(*weightless, threads=1) is None
        assert not cpu.valid(*weightless)


def worst_differences() -> list[float]:
    """Of the kernels from the reference, the largest of each number of components, in memory that is full."""
    hand_out_full_memory()
    worst = []
    for k in (1, 3, 20, 33):
        tensors = [torch.tensor(array, requires_grad=True) for array in inputs(k, 37, np.float64)]
        found = []
        for backend in ("cpu", "reference"):
            if sys.platform == "linux":
                leave_dirty_memory()
            value = gaussgrad.mixture_log_density(*tensors, backend=backend)
            found.append(torch.cat([value, *(g.flatten() for g in torch.autograd.grad(value.sum(), tensors))]))
        worst.append(float((found[0] - found[1]).abs().max()))
    return worst


def test_nothing_is_taken_from_memory_that_was_not_written():
    """In a process of its own, whose memory stays as it is; elsewhere than on Linux this asks for nothing more."""
    assert max(in_fresh_process(worst_differences)) < 1e-10
