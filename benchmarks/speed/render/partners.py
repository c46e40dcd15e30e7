"""Peers made ready: in this process where they are installed here, else in a process of their own environment."""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import environments
from benchmarks.environments import first_line
from benchmarks.speed.processes import Elsewhere
from benchmarks.speed.render.comparisons import Comparison
from benchmarks.speed.timing import Here, Timed


class PeerMissing(Exception):
    """A peer that cannot be measured; the message is the reason that the report gives."""


@dataclass(frozen=True)
class Partners:
    """Where peers may be found: here, in the environment of `python`, in the yardstick's folder."""

    threads: int
    python: Path | None = None
    yardstick: Path | None = None
    reasons: dict[str, str] = field(default_factory=dict)  # peer -> why its installation failed

    @contextlib.contextmanager
    def ready(self, comparison: Comparison) -> Iterator[Timed]:
        """The peer's side of a comparison, prepared; PeerMissing with the reason where that fails."""
        if comparison.peer in self.reasons:
            raise PeerMissing(self.reasons[comparison.peer])
        if environments.importable(comparison.peer):
            yield self._here(comparison)
        elif self.python is not None:
            command = [str(self.python), "-m", "benchmarks.speed.render.peer_worker", str(self.threads)]
            with Elsewhere(command) as timed:
                timed.prepare(comparison.name)
                yield timed
        else:
            wanted = ", ".join(environments.requirements(comparison.peer))
            raise PeerMissing(f"not installed here ({wanted}); give --install-peers or --peers-python")

    def _here(self, comparison: Comparison) -> Timed:
        prepare = importlib.import_module(f"benchmarks.peers.{comparison.peer}").prepare
        if comparison.peer == "yardstick":
            if self.yardstick is None:
                raise PeerMissing("its folder was not given; give --yardstick FOLDER")
            prepare = functools.partial(prepare, folder=self.yardstick)
        try:
            timed = Here(prepare(comparison.build(), comparison.stage, self.threads))
            timed.seconds(1)
        except Exception as error:  # whatever stops a peer is the reason to report
            raise PeerMissing(first_line(f"{type(error).__name__}: {error}")) from error
        return timed
