"""What every test gets: a seed, and the folder of real data if there is one."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SEED = 0

# Threads of OpenMP that wait do so by spinning, and take the cores from the tests beside.
# OpenMP reads this once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
