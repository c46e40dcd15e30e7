"""Loads what every run needs, of docstrings or of tests: the count of what it leaves out, and less work for Python."""

import gc
from collections.abc import Generator

import pytest

pytest_plugins = ["left_out"]  # tests/support/left_out.py


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python looks for cycles to free when all tests are imported, and from then on not among what they imported."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
