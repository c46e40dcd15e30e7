"""What is tried, one file each: `ready(folder, seed)` gives a function from the number of an attempt to its tries."""

from typing import NamedTuple


class Family(NamedTuple):
    """What the table calls it, what a try is, and its share of the time of each of two lanes."""

    title: str
    about: str
    shares: tuple[float, float]


FAMILIES = {
    "calls": Family("calls", "of every public function, beside an oracle of its own", (0.6, 0.16)),
    "gradients": Family("gradients", "of calls with tensors, beside differences of the oracle", (0.12, 0.0)),
    "threads": Family("threads", "calls from several threads at once", (0.06, 0.0)),
    "forks": Family("forks", "in the middle of calls; the child computes", (0.12, 0.0)),
    "memory": Family("held memory", "calls, after which no more is held than before", (0.06, 0.0)),
    "kills": Family("kills", "of train and fit at any moment; they go on to the same bits", (0.04, 0.4)),
    "interrupts": Family("interrupts", "by Ctrl-C at any moment; told in a line, and they go on", (0.0, 0.12)),
    "hostile": Family("hostile inputs", "files and settings: done, or refused in one line", (0.0, 0.2)),
    "caches": Family("damaged caches", "of compiled kernels: right numbers, and a word", (0.0, 0.06)),
    "machines": Family("machine features", "calls compiled for lesser processors", (0.0, 0.06)),
}
