"""A process of its own for tests that fork: beside JAX or TensorFlow a fork may hang, and JAX warns."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any


@contextmanager
def fresh_process() -> Iterator[Callable[..., Any]]:
    """Runs functions of a module, one after the other, in a process that has imported this module only.

    The first argument is the function; its errors are raised here.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result(timeout=300)


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own."""
    with fresh_process() as run:
        return run(function, *arguments)
