"""What every run needs, of docstrings or of tests: what it leaves out, its processes, and less work for Python."""

import contextlib
import gc
from collections.abc import Generator

import pytest

from gaussgrad import parallel

pytest_plugins = ["left_out"]  # tests/support/left_out.py


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Every core that this process may use: with psutil, which Dask brings, xdist takes those of the machine."""
    return parallel.available_cores()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python looks for cycles to free when all tests are imported, and from then on not among what they imported."""
    with contextlib.suppress(ImportError):
        import triton  # noqa: F401  # after TensorFlow it would crash the process
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
