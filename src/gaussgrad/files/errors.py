"""What libraries that read files say of a damaged one, in one line and nowhere else."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator


def first_line(error: Exception) -> str:
    """What went wrong, without the details that follow and without a full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


@contextlib.contextmanager
def unsaid(library: str) -> Iterator[None]:
    """Warnings and log lines of a library inside stay unsaid; ValueError in the end where it logged an error.

    A library that logs an error goes on with what it could read: pages would be missing.
    """
    caller, errors = threading.get_ident(), []

    def hold_back(record: logging.LogRecord) -> bool:
        if record.thread != caller:
            return True
        if record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        return False

    logger = logging.getLogger(library)
    logger.addFilter(hold_back)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(hold_back)
    if errors:
        raise ValueError(errors[0].rpartition("> ")[2])  # without the object that it came from
