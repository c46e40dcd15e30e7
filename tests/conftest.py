"""What every test gets: a seed, and the folder of real data if there is one."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SEED = 0

# Threads of OpenMP that wait do so by spinning, and take the cores from the tests beside. Where tests run on
# every core, one for each is enough. OpenMP reads this once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Programs of XLA run once here, so that they need no optimizing: JAX's tests take 60 % of the time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")


@pytest.fixture(scope="session")
def data_file(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """A function from a name in the folder of real data to its path; without a folder the test is skipped."""
    folder: Path | None = request.config.getoption("--data")
    if folder is None:
        pytest.skip("needs real data: pass --data=FOLDER")

    def find(name: str) -> Path:
        path = folder.resolve() / name
        if not path.exists():
            pytest.fail(f"--data: there is no {name} in {folder}", pytrace=False)
        return path

    return find


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command line: (exit code, stdout, stderr)."""
    from gaussgrad import cli

    def run(*arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same random numbers in every run, whichever generator a test draws from."""
    random.seed(SEED)
    np.random.seed(SEED)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first: workers share what is left, and wait for each other only at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
