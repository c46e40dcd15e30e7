"""A process of its own for tests that fork, or ask for one that has computed nothing.

Beside JAX or TensorFlow a fork may hang, and JAX warns. So these processes are forked from one that has only imported
PyTorch, once for all tests; where the system does not fork, each begins anew.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any

PRELOADED = ["numba", "pytest", "torch.utils.data"]  # and nothing of ours, which tests may ask for


@contextmanager
def fresh_process(anew: bool = False) -> Iterator[Callable[..., Any]]:
    """Runs functions of a module, one after the other, in a process that else has imported PyTorch only.

    The first argument is the function; its errors are raised here. With `anew` the interpreter starts again, in the
    environment variables of now, and takes some seconds for it.
    """
    with ProcessPoolExecutor(1, mp_context=_context(anew)) as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result(timeout=300)


def in_fresh_process(function: Callable[..., Any], *arguments: Any, anew: bool = False) -> Any:
    """What a function gives in a process of its own."""
    with fresh_process(anew) as run:
        return run(function, *arguments)


def _context(anew: bool) -> BaseContext:
    if anew or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
