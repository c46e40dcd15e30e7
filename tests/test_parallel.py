"""Threads and processes: the pool, callers on several threads, forks after use, and data-loader workers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from fresh import fresh_process
from torch.utils.data import DataLoader, Dataset

import gaussgrad
from gaussgrad import parallel

T = TypeVar("T")

FORK = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")


@pytest.fixture(scope="module")
def in_fresh_process() -> Iterator[Callable[..., Any]]:
    """One process for all tests that fork: to start it takes longer than what they do in it."""
    with fresh_process() as run:
        yield run


def large_scene() -> tuple[np.ndarray, np.ndarray]:
    """Enough work for two threads."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, 256, size=(2000, 2)), np.array([9.0, 1.0, 8.0])


def draw(_: object = None) -> np.ndarray:
    return gaussgrad.render(*large_scene(), size=(256, 256), threads=2)


def image_and_gradient(seed: int = 0) -> torch.Tensor:
    means = torch.tensor(large_scene()[0] + seed, requires_grad=True)
    gaussgrad.render(means, large_scene()[1].tolist(), size=(256, 256), threads=2).square().sum().backward()
    return means.grad


class Scenes(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return image_and_gradient(index)


def test_a_range_is_covered_once_by_any_number_of_threads():
    for count in (0, 1, 2, 7, 100):
        for threads in (1, 2, 3, 16):
            seen = np.zeros(count, dtype=int)
            lock = threading.Lock()

            def task(start: int, stop: int, seen: np.ndarray = seen, lock: threading.Lock = lock) -> None:
                with lock:
                    seen[start:stop] += 1

            parallel.run(task, count, threads, seconds=1.0)
            assert (seen == 1).all()


def test_small_jobs_stay_on_the_calling_thread():
    names = []
    parallel.run(lambda *_: names.append(threading.current_thread()), 100, 8, seconds=1e-5)
    assert names == [threading.current_thread()]


TWO_CORES = pytest.mark.skipif(parallel.available_cores() < 2, reason="one core gets one thread")


def count_threads(_=None) -> int:
    """How many threads meet in a job of two pieces; a job on one thread fails."""
    names = set()
    barrier = threading.Barrier(2, timeout=30)

    def task(start: int, stop: int) -> None:
        barrier.wait()
        names.add(threading.current_thread())

    parallel.run(task, 2, 2, seconds=1.0)
    return len(names)


@TWO_CORES
def test_large_jobs_leave_the_calling_thread():
    assert count_threads() == 2


def test_there_are_never_more_threads_than_cores():
    names, most = set(), parallel.available_cores()
    parallel.run(lambda *_: names.add(threading.current_thread().name), 2000, 100_000, seconds=1.0)
    assert len(names) <= most
    assert sum(thread.name.startswith("gaussgrad_") for thread in threading.enumerate()) < max(most, 2)


def forked(function: Callable[[int], T], count: int) -> tuple[T, list[T]]:
    """What a function gives here, and then in two processes forked from this one."""
    own = function(0)
    with multiprocessing.get_context("fork").Pool(2) as children:
        return own, children.map_async(function, range(count)).get(timeout=120)


@FORK
@TWO_CORES
def test_a_process_forked_after_use_in_the_parent_has_threads_of_its_own(in_fresh_process: Callable[..., Any]):
    assert in_fresh_process(forked, count_threads, 1) == (2, [2])


def test_an_exception_of_any_piece_comes_out():
    def task(start: int, stop: int) -> None:
        if stop == 100:
            raise ArithmeticError("of the last piece")

    with pytest.raises(ArithmeticError, match="last piece"):
        parallel.run(task, 100, 4, seconds=1.0)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
@pytest.mark.parametrize("bad", [None, 0, 57, 99])
def test_a_check_holds_if_it_holds_everywhere(bad: int | None, seconds: float):
    assert parallel.all_hold(lambda start, stop: bad not in range(start, stop), 100, 2, seconds) is (bad is None)


def test_several_callers_at_once_get_their_own_images():
    expected = draw()
    with ThreadPoolExecutor(8) as callers:
        for image in callers.map(draw, range(24)):
            np.testing.assert_array_equal(image, expected)


@FORK
def test_a_process_forked_after_use_in_the_parent_draws(in_fresh_process: Callable[..., Any]):
    expected, images = in_fresh_process(forked, draw, 4)
    for image in images:
        np.testing.assert_array_equal(image, expected)


def fork_beside_a_compilation() -> tuple[float, int]:
    """The seconds that a fork waits while another thread compiles, and how a child ends that compiles too."""
    from numba.core.compiler_lock import global_compiler_lock

    begun = threading.Event()

    def compile_for_long() -> None:
        with global_compiler_lock:
            begun.set()
            time.sleep(0.5)

    thread = threading.Thread(target=compile_for_long)
    thread.start()
    begun.wait()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for ever
        with global_compiler_lock:
            os._exit(0)
    waited = time.monotonic() - start
    thread.join()
    return waited, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@FORK
def test_a_fork_beside_a_thread_that_compiles_leaves_a_child_that_can_compile(in_fresh_process: Callable[..., Any]):
    waited, code = in_fresh_process(fork_beside_a_compilation)
    assert waited > 0.2
    assert code == 0


def own_and_loaded(start_method: str, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of four scenes, from this process and then from workers."""
    own = [image_and_gradient(index) for index in range(4)]
    options = {"multiprocessing_context": start_method, "timeout": 120}
    loader = DataLoader(Scenes(), batch_size=None, num_workers=workers, **options)
    return torch.stack(own).numpy(), torch.stack(list(loader)).numpy()


@pytest.mark.long
@pytest.mark.parametrize(
    ("start_method", "workers"),
    [pytest.param("fork", 2, marks=FORK), ("spawn", 1)],  # one imports PyTorch again, which takes seconds
)
def test_data_loader_workers_draw_and_differentiate(
    start_method: str, workers: int, in_fresh_process: Callable[..., Any]
):
    np.testing.assert_array_equal(*in_fresh_process(own_and_loaded, start_method, workers))


SCENE = """
import atexit, signal, threading, time
import numpy as np
import gaussgrad

means = np.random.default_rng(0).uniform(0, 256, size=(2000, 2))

def draw():
    return gaussgrad.render(means, [9.0, 1.0, 8.0], size=(256, 256), threads=2)

"""
ENDINGS = {
    "a thread that outlives the main one": """
def outlive():
    threading.main_thread().join()
    print(draw().shape)

threading.Thread(target=outlive).start()
""",
    "the same, which has drawn before": """
draw()
def outlive():
    threading.main_thread().join()
    print(draw().shape)

threading.Thread(target=outlive).start()
""",
    "atexit": "atexit.register(lambda: print(draw().shape))",
    "an executor that is drained at the end": """
from concurrent.futures import ThreadPoolExecutor

executor = ThreadPoolExecutor(1)
executor.submit(time.sleep, 0.5)  # longer than the main thread lives
executor.submit(lambda: print(draw().shape))
""",
    "a signal handler within a call": """
handled = []
def handle(*_):
    handled.append(draw())
    signal.setitimer(signal.ITIMER_REAL, 1e-5 * (len(handled) % 100 + 1))

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 1e-5)
while len(handled) < 1000:
    draw()
signal.setitimer(signal.ITIMER_REAL, 0)
print(handled[-1].shape)
""",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_large_call_works_in(ending: str):
    """`concurrent.futures` raises "cannot schedule new futures" in some of these, and deadlocks in the last."""
    if ending == "a signal handler within a call" and not hasattr(signal, "setitimer"):
        pytest.skip("this system has no timers that send signals")
    code = SCENE + ENDINGS[ending]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout, done.stderr) == ("(256, 256)\n", "")


def test_an_interrupted_job_leaves_nothing_running():
    """The exception comes out when no thread still writes."""
    running = []

    def task(start: int, stop: int) -> None:
        if start == 0:
            raise KeyboardInterrupt
        running.append(start)
        time.sleep(0.05)
        running.remove(start)

    with pytest.raises(KeyboardInterrupt):
        parallel.run(task, 100, 4, seconds=1.0)
    assert running == []
