"""Split a range over threads of our own: fork-aware, and small jobs stay on the calling thread.

The threads are daemons behind a queue whose `put` may interrupt itself. So a call also works in a signal handler, in
`atexit`, and on a thread that outlives the main one, where `concurrent.futures` deadlocks or raises.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from gaussgrad.cores import available_cores as available_cores

SMALL_JOB_SECONDS = 2e-4  # a hand-off costs 60 to 80 microseconds
PIECES_PER_THREAD = 4  # at most, so that a thread with less to do takes over from the others
PIECE_SECONDS = 3e-4  # at least, but for the first of each thread: a piece costs 10 to 30 microseconds


def pieces(threads: int, seconds: float) -> int:
    """Into how many pieces a job of so many guessed seconds is best cut, one where it stays on the calling thread."""
    if threads <= 1 or seconds < SMALL_JOB_SECONDS:
        return 1
    return threads * min(PIECES_PER_THREAD, max(1, int(seconds / threads / PIECE_SECONDS)))


def run(task: Callable[[int, int], None], count: int, threads: int, seconds: float) -> None:
    """Call `task(start, stop)` on pieces that cover [0, count), on up to `threads` threads, one for each core at most.

    A job whose guessed `seconds` are few is one piece on the calling thread. The tasks write to places of their own, so
    the result depends on neither the number of threads nor their order. The first exception is raised again here.
    """
    if count == 0:
        return
    threads = min(threads, count)
    if threads > 1 and seconds >= SMALL_JOB_SECONDS:
        threads = min(threads, available_cores())
    parts = min(count, pieces(threads, seconds))
    if parts == 1:
        task(0, count)
        return
    work = _Pieces(task, count, parts)
    _workers.ask(work, threads - 1)
    work.do()
    work.wait()
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
        self.taken = self.running = 0
        self.lock = threading.Lock()
        self.all_done = threading.Event()
        self.error: BaseException | None = None

    def do(self) -> None:
        """Do pieces until none is left."""
        while (piece := self._take()) is not None:
            try:
                self.task(self.count * piece // self.pieces, self.count * (piece + 1) // self.pieces)
            except BaseException as error:
                self.error = error
            finally:
                self._finish()

    def wait(self) -> None:
        """Return when no piece is being done; none is left to be taken."""
        with self.lock:
            if not self.running:
                return
        self.all_done.wait()

    def _take(self) -> int | None:
        with self.lock:
            if self.taken == self.pieces or self.error is not None:
                return None
            self.taken += 1
            self.running += 1
            return self.taken - 1

    def _finish(self) -> None:
        with self.lock:
            self.running -= 1
            if not self.running and (self.taken == self.pieces or self.error is not None):
                self.all_done.set()


class _Workers:
    """Threads that wait for jobs. A job does not need them: whoever brings it does what nobody else takes."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[_Pieces] = SimpleQueue()
        self.count = 0
        self.lock = threading.Lock()

    def ask(self, work: _Pieces, helpers: int) -> None:
        """Offer the pieces to so many threads."""
        if self.count < helpers:
            self._grow(helpers)
        for _ in range(min(helpers, self.count)):
            self.queue.put(work)

    def _grow(self, helpers: int) -> None:
        if not self.lock.acquire(blocking=False):  # this call may have interrupted the one that holds it
            return
        try:
            with contextlib.suppress(RuntimeError):  # no thread begins while the interpreter ends
                while self.count < helpers:
                    threading.Thread(target=self._serve, name=f"gaussgrad_{self.count}", daemon=True).start()
                    self.count += 1
        finally:
            self.lock.release()

    def _serve(self) -> None:
        while True:
            self.queue.get().do()


_workers = _Workers()


def _forget_workers() -> None:
    """After a fork the parent's threads are gone: start anew."""
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
