"""Room for results: aligned, lent again after the last view is gone, and never to two at once."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad import arrays

FLOAT = np.dtype(np.float32)
SHAPE = (512, 1024)  # 2 MiB


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> arrays._Store:
    """An empty store of 8 MiB in place of the common one."""
    own = arrays._Store(2**23)
    monkeypatch.setattr(arrays, "_STORE", own)
    return own


def address(array: np.ndarray) -> int:
    return array.ctypes.data


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, 2**14), SHAPE])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_arrays_are_what_numpy_makes(shape, dtype, store):
    array = arrays.empty(shape, np.dtype(dtype))
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.nbytes < arrays.LARGE or arrays.is_large_and_aligned(array)
    assert arrays.empty_like(array).shape == shape


def test_memory_is_lent_again(store):
    first = arrays.empty(SHAPE, FLOAT)
    place = address(first)
    assert address(arrays.empty(SHAPE, FLOAT)) != place  # in use
    del first
    second, third = arrays.empty((1024, 512), FLOAT), arrays.empty(SHAPE, FLOAT)
    assert address(second) == place
    assert address(third) != place


@pytest.mark.parametrize("view_of", [lambda array: array[3:4, ::2], torch.from_numpy, memoryview, np.asarray])
def test_a_view_holds_the_memory(view_of, store):
    array = arrays.empty(SHAPE, FLOAT)
    place, view = address(array), view_of(array)
    del array
    others = [arrays.empty(SHAPE, FLOAT) for _ in range(3)]
    assert place not in map(address, others)
    del view
    assert address(arrays.empty(SHAPE, FLOAT)) == place


def test_what_is_kept_is_bounded(store):
    several = [arrays.empty(SHAPE, FLOAT) for _ in range(4)]
    del several
    assert store.kept == 2**23
    arrays.empty((256, 1024), FLOAT)  # of another shape: those kept make way
    assert store.kept == 2**20
    arrays.empty((4 * 1024, 1024), FLOAT)  # more than is ever kept
    assert store.kept == 2**20 == sum(block.nbytes for held in store.sizes.values() for block in held.blocks)


def test_what_is_kept_is_bounded_however_many_sizes_were_in_use_at_once(store):
    several = [arrays.empty((2**18 * size,), FLOAT) for size in (1, 2, 3, 4, 5)]  # 15 MiB, of which 8 may be kept
    del several
    assert 0 < store.kept <= 2**23


def test_as_much_is_kept_as_was_in_use_at_once(store):
    for _ in range(5):
        arrays.empty(SHAPE, FLOAT)
    assert store.kept == 2**21
    two = [arrays.empty(SHAPE, FLOAT) for _ in range(2)]
    del two
    assert store.kept == 2**22


def test_what_is_in_use_while_memory_is_released_is_not_kept_either(store):
    array = arrays.empty(SHAPE, FLOAT)
    arrays.release()
    del array
    assert store.kept == 0


def test_what_is_kept_can_be_released(store):
    arrays.empty(SHAPE, FLOAT)
    assert store.kept == 2**21
    arrays.release()
    assert store.kept == 0


def test_sizes_that_are_no_longer_asked_for_are_not_kept(store, monkeypatch):
    monkeypatch.setattr(arrays, "UNUSED", 3)
    arrays.empty((256, 1024), FLOAT)
    for kept in (3, 3, 3, 2):
        arrays.empty(SHAPE, FLOAT)
        assert store.kept == kept * 2**20


def test_memory_is_given_back_without_python(store):
    """A Ctrl-C that comes while Python runs in a finaliser is printed and lost."""
    array, calls = arrays.empty(SHAPE, FLOAT), []
    sys.setprofile(lambda frame, event, argument: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        del array
    finally:
        sys.setprofile(None)
    assert store.kept == 2**21
    assert not calls


def test_threads_never_share_memory(store):
    """They take, write and give back at once."""
    together = threading.Barrier(4)

    def work(number: int) -> bool:
        together.wait()
        held = True
        for _ in range(200):
            array = arrays.empty(SHAPE, FLOAT)
            array[::64] = number
            held = held and bool((array[::64] == number).all())
        return held

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_gradients_that_are_kept_are_not_written_over():
    """A training loop that holds on to what earlier steps gave."""
    rng = np.random.default_rng(0)
    shapes = {"points": (9000, 2), "logits": (9000, 20), "means": (9000, 20, 2), "log": (9000, 20, 2), "a": (9000, 20)}
    given = [torch.tensor(rng.normal(size=shape), dtype=torch.float32, requires_grad=True) for shape in shapes.values()]
    values = [gaussgrad.mixture_log_density(*given) for _ in range(3)]
    gradients = [torch.autograd.grad(value.sum(), given) for value in values]
    copies = [[gradient.clone() for gradient in step] for step in gradients]
    for _ in range(3):
        torch.autograd.grad((2 * gaussgrad.mixture_log_density(*given)).sum(), given)
    for step, copied in zip(gradients, copies, strict=True):
        for gradient, copy, first in zip(step, copied, gradients[0], strict=True):
            assert torch.equal(gradient, copy)
            assert torch.equal(gradient, first)
