"""Split a range over a thread pool: fork-aware, and small jobs stay on the calling thread."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

SMALL_JOB_SECONDS = 5e-4  # a hand-off costs 60 to 80 microseconds

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def available_cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(task: Callable[[int, int], None], count: int, threads: int, seconds: float) -> None:
    """Call `task(start, stop)` over [0, count) in up to `threads` pieces; in one piece where `seconds` is short.

    The tasks write to places of their own, so the result does not depend on the number of threads. The first
    exception is raised again here.
    """
    pieces = min(threads, count)
    if pieces <= 1 or seconds < SMALL_JOB_SECONDS:
        task(0, count)
        return
    bounds = [count * piece // pieces for piece in range(pieces + 1)]
    pool = _pool_of(pieces - 1)
    futures = [pool.submit(task, start, stop) for start, stop in pairwise(bounds[1:])]
    try:
        task(bounds[0], bounds[1])
    finally:
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


def _pool_of(workers: int) -> ThreadPoolExecutor:
    """The shared pool, grown to at least `workers`; idle threads cost nothing."""
    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < workers:
            _pool, _pool_size = ThreadPoolExecutor(workers, thread_name_prefix="gaussgrad"), workers
        return _pool


def _forget_pool() -> None:
    """After a fork the parent's threads are gone: start anew."""
    global _lock, _pool, _pool_size
    _lock, _pool, _pool_size = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
