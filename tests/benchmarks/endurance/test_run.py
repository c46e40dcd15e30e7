"""The run: what failed, hung or died is in the table, and how to repeat it; the rest goes on."""

import json
import os
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import pages
from benchmarks.endurance import lanes, mutations, run
from benchmarks.endurance.cases import Wrong
from benchmarks.endurance.families import FAMILIES
from benchmarks.endurance.tally import Failure, Tally


class Pipe:
    """Keeps what a process sends."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


def serve(monkeypatch, attempt, numbers, most=10):
    """What a family tells of attempts by number."""

    @contextmanager
    def ready(folder, seed):
        yield attempt

    monkeypatch.setattr(lanes, "import_module", lambda _: SimpleNamespace(ready=ready))
    monkeypatch.setattr(os, "setsid", lambda: None)
    pipe = Pipe()
    lanes._serve("calls", 0, numbers, 60.0, most, pipe)
    return pipe.sent


def test_attempts_go_on_after_a_failure_until_too_many_have_failed(monkeypatch):
    def attempt(number):
        if number % 2:
            raise Wrong(f"number {number}")
        return 7

    sent = serve(monkeypatch, attempt, [2, 3, 4])
    assert sent[1] == ("tries", 7)
    assert ("failure", Failure(3, "number 3")) in sent
    assert sent[-2:] == [("tries", 7), ("end", None)]
    assert [kind for kind, _ in serve(monkeypatch, attempt, [1, 3, 5], most=2)].count("failure") == 2


def die(family, seed, numbers, seconds, most, pipe):
    """In place of a family's process: attempt 5 dies, attempt 6 hangs, the others are right."""
    for number in numbers:
        pipe.send(("begin", number))
        if number == 5:
            os._exit(3)
        if number == 6:
            time.sleep(60)
        pipe.send(("tries", 1))
        if number == 8:
            break
    pipe.send(("end", None))


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no groups of processes")
def test_what_dies_or_hangs_is_told_and_the_next_attempt_goes_on(monkeypatch):
    monkeypatch.setattr(lanes, "_serve", die)
    monkeypatch.setattr(lanes, "HANGS", 8.0)  # a process may take seconds to begin
    tally = Tally()
    lanes.run("calls", 0, range(4, 100), 60.0, tally)
    assert tally.tries == 3  # 4, 7 and 8
    assert tally.failures == [Failure(5, "its process died with 3"), Failure(6, "hung for 8 seconds")]


def test_a_run_prints_what_failed_and_how_to_repeat_it_and_writes_its_table(monkeypatch, capsys, tmp_path):
    def lane(name, seed, numbers, seconds, tally):
        tally.tries += 1000
        tally.seconds += seconds
        if name == "kills" and numbers[0] == 0:
            tally.failures.append(Failure(12, "other bits"))

    monkeypatch.setattr(lanes, "run", lane)
    page = tmp_path / "reliability.md"
    page.write_text("<!-- endurance -->\n<!-- end of endurance -->\n", encoding="utf-8")
    monkeypatch.setattr(run, "PAGE", page)
    assert run.report_on(1.0, 3, list(FAMILIES), None, docs=True) == 1
    said = capsys.readouterr().out
    assert "python -m benchmarks endurance --only kills --seed 3 --attempt 12" in said
    assert "| kills: of train and fit at any moment; they go on to the same bits | 2,000 | 1 |" in said
    assert all(family.title in page.read_text(encoding="utf-8") for family in FAMILIES.values())
    assert run.report_on(1.0, 3, ["calls"], None, docs=False) == 0


def test_the_page_has_the_marks():
    text = (pages.DOCS / "reliability.md").read_text(encoding="utf-8")
    assert text.index(f"<!-- {run.MARK} -->\n") < text.index(f"<!-- end of {run.MARK} -->\n")


def test_files_are_damaged_in_many_ways(tmp_path):
    content = json.dumps({"format": "gaussgrad.run", "n": 2, "data": {"count": 3}})
    found = set()
    for suffix in ("json", "bin"):
        for seed in range(100):
            path = tmp_path / f"a.{suffix}"
            path.write_text(content, encoding="utf-8")
            mutations.damage(np.random.default_rng(seed), path)
            found.add(path.read_bytes())
    assert len(found) > 120
