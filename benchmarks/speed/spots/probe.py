"""In a fresh process: find the spots of a stack as the command does; prints what that took as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

from gaussgrad.__main__ import main as gaussgrad

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


def main() -> None:
    began = time.perf_counter()
    try:
        gaussgrad(["spots", "find", *sys.argv[1:]])
    except SystemExit as end:  # which every command ends with
        if end.code:
            raise
    wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"peak": peak(), "cpu": used.ru_utime + used.ru_stime, "wall": wall}))


def peak() -> int:
    """Bytes that this process held at most; on Linux the count of `getrusage` begins with those of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT


if __name__ == "__main__":
    main()
