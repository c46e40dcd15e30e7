"""How many cores this process may use: those it is bound to, and no more than the quota of its container."""

import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path

GROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # of Linux; nowhere else


def available_cores() -> int:
    """The cores this process may use, rounded up.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    return max(1, math.ceil(min(_bound_to(), _quota())))


def _bound_to() -> int:
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _quota() -> float:
    """The quota when it was first asked for: to look at it takes longer than to draw a small image."""
    return quota_of(GROUPS, MEMBERSHIP)


def quota_of(groups: Path, membership: Path) -> float:
    """The least quota, in cores, of the control groups of a process and all above them; infinity without one."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
        return min((quota for line in lines for quota in _quotas(groups, line)), default=math.inf)
    except (OSError, ValueError):
        return math.inf


def _quotas(groups: Path, line: str) -> Iterator[float]:
    """Of a line "number:controllers:/path": version 2 names no controllers and has one tree, version 1 a tree each."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return
    inside = Path(path.lstrip("/"))
    for group in (inside, *inside.parents):  # a container may see its own group as the root
        folder = groups / ("cpu" if controllers else "") / group
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if controllers else ("cpu.max",)
        numbers = [word for name in names for word in _words(folder / name)]
        if len(numbers) == 2 and all(word.isdecimal() and int(word) for word in numbers):  # not "max", nor -1
            yield int(numbers[0]) / int(numbers[1])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except OSError:
        return []
