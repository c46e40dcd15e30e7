"""What only a fresh process can show: `python -m benchmarks.speed.against.probe FOLDER NAME` prints its seconds.

FOLDER is where gaussgrad must come from. Other people's packages are imported before what they would hide is timed.
"""

import contextlib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path


def importing() -> float:
    start = time.perf_counter()
    import gaussgrad  # noqa: F401

    return time.perf_counter() - start


def helping() -> float:
    start = time.perf_counter()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        from gaussgrad.cli import main

        main(["--help"])
    return time.perf_counter() - start


def compiling() -> float:
    """The first image and its gradients; the cache of machine code is empty, for the parent chose a new folder."""
    import numba  # noqa: F401
    import torch  # noqa: F401

    from benchmarks.speed import scenes
    from benchmarks.speed.against.lines import draw_and_learn

    start = time.perf_counter()
    draw_and_learn(scenes.one_call, scenes.DEFAULT)()
    return time.perf_counter() - start


PROBES: dict[str, tuple[Callable[[], float], int]] = {  # how its seconds are found, and how often
    "import gaussgrad": (importing, 15),
    "gaussgrad --help": (helping, 9),
    "first forward + backward, no cache": (compiling, 3),
}


def insist_on(folder: Path) -> None:
    """Raise unless gaussgrad comes from this folder: else one state would be compared with itself."""
    import gaussgrad

    found = Path(gaussgrad.__file__).parents[1]
    if found.resolve() != folder.resolve():
        raise ImportError(f"gaussgrad was imported from {found}, not from {folder}")


def main() -> None:
    folder, name = sys.argv[1:]
    measure, _ = PROBES[name]
    seconds = measure()
    insist_on(Path(folder))
    print(seconds)


if __name__ == "__main__":
    main()
