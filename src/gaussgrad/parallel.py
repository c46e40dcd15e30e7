"""Split a range over a thread pool: fork-aware, and small jobs stay on the calling thread."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SMALL_JOB_SECONDS = 2e-4  # a hand-off costs 60 to 80 microseconds
PIECES_PER_THREAD = 4  # at most, so that a thread with less to do takes over from the others
PIECE_SECONDS = 3e-4  # at least, but for the first of each thread: a piece costs 10 to 30 microseconds

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def available_cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pieces(threads: int, seconds: float) -> int:
    """Into how many pieces a job of so many guessed seconds is best cut, one where it stays on the calling thread."""
    if threads <= 1 or seconds < SMALL_JOB_SECONDS:
        return 1
    return threads * min(PIECES_PER_THREAD, max(1, int(seconds / threads / PIECE_SECONDS)))


def run(task: Callable[[int, int], None], count: int, threads: int, seconds: float) -> None:
    """Call `task(start, stop)` on pieces that cover [0, count), on up to `threads` threads.

    A job whose guessed `seconds` are few is one piece on the calling thread. The tasks write to places of their own, so
    the result depends on neither the number of threads nor their order. The first exception is raised again here.
    """
    if count == 0:
        return
    threads = min(threads, count)
    parts = min(count, pieces(threads, seconds))
    if parts == 1:
        task(0, count)
        return
    work = _Pieces(task, count, parts)
    pool = _pool_of(threads - 1)
    helpers = [pool.submit(work.do) for _ in range(threads - 1)]
    work.do()
    for helper in helpers:
        if not helper.cancel():  # not started: all is done without it
            helper.result()
    if work.error is not None:
        raise work.error


def all_hold(check: Callable[[int, int], bool], count: int, threads: int, seconds: float) -> bool:
    """Whether `check(start, stop)` holds for all pieces of [0, count)."""
    if seconds < SMALL_JOB_SECONDS:
        return check(0, count)
    verdicts: list[bool] = []
    run(lambda start, stop: verdicts.append(check(start, stop)), count, threads, seconds)
    return all(verdicts)


class _Pieces:
    """A range cut into pieces, which any number of threads take one by one."""

    def __init__(self, task: Callable[[int, int], None], count: int, pieces: int) -> None:
        self.task, self.count, self.pieces = task, count, pieces
        self.taken = 0
        self.lock = threading.Lock()
        self.error: BaseException | None = None

    def _take(self) -> int | None:
        with self.lock:
            if self.taken == self.pieces or self.error is not None:
                return None
            self.taken += 1
            return self.taken - 1

    def do(self) -> None:
        """Do pieces until none is left."""
        while (piece := self._take()) is not None:
            try:
                self.task(self.count * piece // self.pieces, self.count * (piece + 1) // self.pieces)
            except BaseException as error:
                self.error = error


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
