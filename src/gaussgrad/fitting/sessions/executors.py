"""Where the images of a folder are fitted: in processes of this machine, or on a cluster of Dask; used alike."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.process import BaseProcess

from gaussgrad import checks, parallel
from gaussgrad.files.errors import first_line

CONNECT_SECONDS = 5.0  # a scheduler that is there answers in milliseconds
LARGEST_IMAGE = "4 GiB"  # Dask would warn of every image that it sends


@dataclass(frozen=True)
class Workforce:
    """What runs functions, how many of them at once, on how many threads each, and how to say who it is."""

    executor: Executor
    at_once: Callable[[], int]
    threads: int
    name: str


def hired(images: int, *, scheduler: str | None, processes: int | None) -> AbstractContextManager[Workforce]:
    """Whoever fits so many images: a cluster where there is the address of its scheduler, else processes."""
    if scheduler is not None:
        return cluster(scheduler)
    cores = parallel.available_cores()
    return local(min(images, processes or cores), cores)


@contextlib.contextmanager
def local(count: int, cores: int) -> Iterator[Workforce]:
    """Processes of this machine that share its cores. They end with this block, and with this process."""
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin)
    threads = max(1, cores // count)
    try:
        with _ctrl_c_ignored():  # which the processes inherit: a whole terminal gets it
            for _ in range(count):
                executor.submit(os.getpid)
        yield Workforce(executor, lambda: count, threads, f"{count} at once, each on {threads} of {cores} cores")
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        executor.shutdown()


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin() -> None:
    """In a new process: Ctrl-C is for the one who started it, and without that one there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def gone() -> ChildProcessError:
    """What to say where those at work, or their scheduler, ended on the way."""
    cure = "What is done stays. Go on with --resume; by fewer --processes, if memory was short."
    return ChildProcessError(f"those who fitted the images are gone. {cure}")


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Workforce]:
    """The workers of a Dask scheduler, one image on each of their threads."""
    if find_spec("distributed") is None:
        raise ValueError('--scheduler needs Dask. Use: python -m pip install "gaussgrad[cluster]"')
    import dask
    from distributed import Client

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": LARGEST_IMAGE}):
        try:
            _knock(address)  # a client that finds nobody tries for long, and says more than a line
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:  # nobody there, no such address
            wanted = "the address of a Dask scheduler that answers, as tcp://host:8786"
            raise ValueError(checks.complain("--scheduler", wanted, f"{address} ({first_line(error)})")) from error

        def at_once() -> int:
            try:
                return sum(client.nthreads().values())
            except OSError as error:
                raise gone() from error

        with _quiet("distributed.client", "tornado.application"), client:
            workers = client.get_executor(pure=False)
            try:
                yield Workforce(workers, at_once, 1, f"on the workers of {address}")
            finally:
                workers.shutdown(wait=False)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """No words of loggers: what happens to the connection is told in one line."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _knock(address: str) -> None:
    """Connect to where a scheduler should be, and hang up; OSError or ValueError where nobody listens."""
    from distributed.comm import get_address_host_port

    socket.create_connection(get_address_host_port(address, strict=True), timeout=CONNECT_SECONDS).close()
