"""What every test gets: a seed, the folder of real data if there is one, and honest counting of what needs a GPU."""

import random
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

SEED = 0
FRAMEWORKS = ("torch", "jax", "tensorflow", "keras")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data",
        metavar="FOLDER",
        type=Path,
        help="folder of real data, given as --data=FOLDER; without it the tests that read it are skipped",
    )
    parser.addoption(
        "--every-framework",
        action="store_true",
        help="refuse to start where one of the frameworks is missing, whose tests are skipped otherwise",
    )


def pytest_configure(config: pytest.Config) -> None:
    missing = [name for name in FRAMEWORKS if find_spec(name) is None]
    if missing and config.getoption("--every-framework"):
        raise pytest.UsageError(f"--every-framework: {', '.join(missing)} cannot be imported here")


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of real data; without it the test is skipped."""
    folder: Path | None = request.config.getoption("--data")
    if folder is None:
        pytest.skip("needs real data: pass --data=FOLDER")
    if not folder.is_dir():
        pytest.skip(f"needs real data: there is no folder {folder}")
    return folder.resolve()


@pytest.fixture(scope="session")
def data_file(data_folder: Path) -> Callable[[str], Path]:
    """A function from a name in the folder of real data to its path; without the file the test is skipped."""

    def find(name: str) -> Path:
        path = data_folder / name
        if not path.exists():
            pytest.skip(f"needs real data: there is no {name} in the data folder")
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


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


_WITHOUT_GPU = pytest.StashKey[list[pytest.Item]]()


@pytest.hookimpl(trylast=True)  # after -k has taken its pick
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needing = [item for item in items if item.get_closest_marker("gpu")]
    if needing and not _has_gpu():
        for item in needing:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
        config.stash[_WITHOUT_GPU] = needing


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = config.stash.get(_WITHOUT_GPU, [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} not run: they need a GPU")
        for item in skipped:
            terminalreporter.line(item.nodeid)
