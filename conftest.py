"""What every run needs, of docstrings or of tests: the counting of what it leaves out, and of processes."""

import pytest

from gaussgrad import parallel

pytest_plugins = ["left_out"]  # tests/support/left_out.py


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Every core that this process may use: with psutil, which Dask brings, xdist takes those of the machine."""
    return parallel.available_cores()
