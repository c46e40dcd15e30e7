"""The command `gaussgrad`: parse, call, write. Errors that a user can mend are one line and exit code 2."""

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gaussgrad.cli.codes import INTERRUPTED, USER_ERROR

if TYPE_CHECKING:
    from types import FrameType

SOON = 0.01  # seconds
MOST_TIMES = 500  # that Ctrl-C is sent again
_heeded = threading.Event()  # Ctrl-C has come where it is not lost


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 something the user can mend, 130 interrupted."""
    # Threads of OpenMP that wait do so by spinning. On a machine that others use too this made a training step of small
    # images ten times slower; asleep they cost nothing. OpenMP reads this once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _keep_interrupts()
    with _noticing_interrupts() as interrupts:
        code, refusal = _run(sys.argv[1:] if arguments is None else list(arguments))
    if refusal is not None and interrupts:
        code, refusal = INTERRUPTED, None  # Ctrl-C within a library can come out as an error of another kind
    if refusal is not None:
        sys.stderr.write(f"gaussgrad: {refusal}\n")
    sys.exit(code)


def _send_again() -> None:
    """Ctrl-C for the main thread, which ends what it waits for too, until it comes where it is not lost."""
    for _ in range(MOST_TIMES):
        if _heeded.wait(SOON):  # not at once: that would come in the same place
            return
        handler = signal.getsignal(signal.SIGINT)
        if handler is signal.SIG_IGN:
            continue
        if getattr(handler, "__module__", None) != __name__:
            _heeded.set()  # it will not tell that it came, so it is sent this once
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            _thread.interrupt_main()


def _in_hook(frame: "FrameType | None") -> bool:
    """Whether the code that is interrupted is called by the hook of `_keep_interrupts`, where Ctrl-C is lost."""
    while frame is not None:
        if frame.f_globals is globals() and frame.f_code.co_name == "hook":
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _noticing_interrupts() -> Iterator[list[int]]:
    """What comes by Ctrl-C while it does what it does otherwise."""
    interrupts: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield interrupts  # it is ignored, or nobody may change what it does
        return

    def notice(number: int, frame: "FrameType | None") -> None:
        interrupts.append(number)
        if not _in_hook(frame):
            _heeded.set()
            usual(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, usual)


def _keep_interrupts() -> None:
    """Send Ctrl-C again where it came while Python freed something: that would print a traceback, and go on."""
    others = sys.unraisablehook
    if getattr(others, "__module__", None) == __name__:
        return

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            others(unraisable)
            return
        _heeded.clear()
        with contextlib.suppress(RuntimeError):  # no thread begins while the interpreter ends
            threading.Thread(target=_send_again, daemon=True).start()

    sys.unraisablehook = hook


def _run(arguments: list[str]) -> tuple[int, str | None]:
    """The exit code, and what the user can mend, in one line."""
    try:
        from gaussgrad.cli.app import run

        return run(arguments), None
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
        return INTERRUPTED, None


def _describe(error: OSError) -> str:
    """The system's words and the file, where it is the system that refused."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


def _refuse(message: str) -> tuple[int, str]:
    said = " ".join(message.split()).replace("overwrite=True", "--overwrite")  # what the option is called in Python
    return USER_ERROR, said
