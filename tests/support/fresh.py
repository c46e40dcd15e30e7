"""A process of its own for tests that fork: beside JAX or TensorFlow a fork may hang, and JAX warns."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a module gives in a process that has imported this module only; its errors are raised here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result(timeout=300)
