"""All families in two lanes, each in turn for its share of the time; a table, and how to repeat what failed."""

import threading
import time
from collections.abc import Iterable, Sequence

from benchmarks import pages
from benchmarks.endurance import lanes
from benchmarks.endurance.families import FAMILIES
from benchmarks.endurance.tally import Failure, Tally

PAGE, MARK = pages.DOCS / "reliability.md", "endurance"
LANE = 10**9  # attempts of one lane
COLUMNS = ("family", "tries", "failures", "seconds")


def report_on(minutes: float, seed: int, names: Sequence[str], attempt: int | None, docs: bool) -> int:
    """Run the families, print the table, and return the exit code."""
    tallies = {name: Tally() for name in names}
    if attempt is not None:
        for name in names:
            lanes.run(name, seed, range(attempt, attempt + 1), lanes.HANGS, tallies[name])
            _tell(name, seed, tallies[name].failures)
    else:
        _in_lanes(minutes, seed, tallies)
    print(pages.table(COLUMNS, rows(tallies)), flush=True)
    if docs:
        from benchmarks.speed import machine

        where = "; ".join(machine.describe().values())
        text = f"{minutes:g} minutes on two cores, seed {seed} ({where}):\n\n{pages.table(COLUMNS, rows(tallies))}"
        pages.write(PAGE, MARK, text)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _in_lanes(minutes: float, seed: int, tallies: dict[str, Tally]) -> None:
    """Two threads, each of which waits for one process after the other."""
    threads = [threading.Thread(target=_lane, args=(lane, minutes, seed, tallies)) for lane in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _lane(lane: int, minutes: float, seed: int, tallies: dict[str, Tally]) -> None:
    shares = {name: FAMILIES[name].shares[lane] for name in tallies}
    whole = sum(shares.values())
    deadline, left = time.monotonic() + 60 * minutes, whole
    for name, share in shares.items():
        if not share:
            continue
        seconds = max(1.0, (deadline - time.monotonic()) * share / left)
        left -= share
        lanes.run(name, seed, range(lane * LANE, 2**62), seconds, tallies[name])
        failures = tallies[name].failures
        print(f"{FAMILIES[name].title}: {tallies[name].tries:,} tries, {len(failures)} failures", flush=True)
        _tell(name, seed, [failure for failure in failures if failure.attempt // LANE == lane])


def _tell(name: str, seed: int, failures: Iterable[Failure]) -> None:
    """What failed, and how to see it again."""
    for failure in failures:
        again = f"python -m benchmarks endurance --only {name} --seed {seed} --attempt {failure.attempt}"
        print(f"\n{FAMILIES[name].title}: {failure.words}\nAgain: {again}", flush=True)


def rows(tallies: dict[str, Tally]) -> Iterable[tuple[str, ...]]:
    for name, tally in tallies.items():
        family = FAMILIES[name]
        title = f"{family.title}: {family.about}"
        yield title, f"{tally.tries:,}", f"{len(tally.failures):,}", f"{tally.seconds:,.0f}"
