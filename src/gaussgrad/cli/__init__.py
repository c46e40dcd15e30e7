"""The command `gaussgrad`: parse, call, write. Errors that a user can mend are one line and exit code 2."""

import _thread
import contextlib
import os
import sys
import threading
from collections.abc import Sequence

from gaussgrad.cli.codes import INTERRUPTED, USER_ERROR

SOON = 0.01  # seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 something the user can mend, 130 interrupted."""
    # Threads of OpenMP that wait do so by spinning. On a machine that others use too this made a training step of small
    # images ten times slower; asleep they cost nothing. OpenMP reads this once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _keep_interrupts()
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _keep_interrupts() -> None:
    """Send Ctrl-C again where it came while Python freed something: that would print a traceback, and go on."""
    others = sys.unraisablehook
    if getattr(others, "__module__", None) == __name__:
        return

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            others(unraisable)
            return
        again = threading.Timer(SOON, _thread.interrupt_main)  # not now: that would come in the same place
        again.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread begins while the interpreter ends
            again.start()

    sys.unraisablehook = hook


def _run(arguments: list[str]) -> int:
    try:
        from gaussgrad.cli.app import run

        return run(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "gaussgrad":
            raise
        return _refuse(f'the command line needs the package {package}. Use: python -m pip install ".[app]"')
    except OSError as error:
        return _refuse(_describe(error))
    except ValueError as error:
        return _refuse(str(error))
    except MemoryError as error:
        return _refuse(f"not enough memory ({str(error).rstrip('.') or 'the system refused more'}).")
    except RuntimeError as error:
        if "allocate memory" not in str(error) and "out of memory" not in str(error):
            raise
        return _refuse("not enough memory (torch could not get what this needs).")  # it has no exception for it
    except KeyboardInterrupt:
        return INTERRUPTED


def _describe(error: OSError) -> str:
    """The system's words and the file, where it is the system that refused."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


def _refuse(message: str) -> int:
    said = " ".join(message.split()).replace("overwrite=True", "--overwrite")  # what the option is called in Python
    sys.stderr.write(f"gaussgrad: {said}\n")
    return USER_ERROR
