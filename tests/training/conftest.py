"""What several files of these tests start."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trainings
from fresh import fresh_process


@pytest.fixture(scope="session")
def forked() -> Iterator[Callable[..., Any]]:
    """Calls functions of `trainings` in the process that trainings are forked from."""
    with fresh_process() as run:
        yield run
        run(trainings.end_all)
