"""Our time beside a peer's, and each scene's place between the bounds of the machine."""

from dataclasses import dataclass

from benchmarks.environments import first_line
from benchmarks.speed import machine, scenes, timing
from benchmarks.speed.processes import WorkerFailed
from benchmarks.speed.render import ours
from benchmarks.speed.render.comparisons import TITLES, Comparison
from benchmarks.speed.render.figures import Figure, relative_difference
from benchmarks.speed.render.partners import Partners, PeerMissing
from benchmarks.speed.spread import Spread
from gaussgrad import parallel

SMALLEST_SHAPE = 1.2e-38  # tolerance 0 draws every normal float32


@dataclass(frozen=True)
class Place:
    """Where a scene stands: its work, our time, and the least time that memory and arithmetic allow, in seconds."""

    scene: str
    measured: str
    pairs: int
    ours: float
    memory: float
    arithmetic: float


def compare(comparison: Comparison, partners: Partners, seconds: float) -> Figure:
    """The figure of one comparison; where the peer cannot be measured, the reason in its place."""
    unit = "× its time" if comparison.bar and comparison.bar.sense == "at most" else "× as fast"
    labels = (comparison.name, comparison.title, comparison.measured)
    titled = {"unit": unit, "peer": TITLES[comparison.peer], "bar": comparison.bar}
    try:
        with partners.ready(comparison) as peer:
            call = ours.prepare(comparison.build(), comparison.entry, comparison.stage, comparison.tolerance)
            mine = timing.Here(call)
            difference = relative_difference(mine.results(), peer.results())
            our_times, peer_times = timing.in_turn(mine, peer, seconds)
    except (PeerMissing, WorkerFailed, ValueError, ImportError) as error:
        return Figure(*labels, None, reason=first_line(str(error)), **titled)
    above, below = (our_times, peer_times) if unit == "× its time" else (peer_times, our_times)
    return Figure(
        *labels,
        Spread.of(timing.ratios(above, below)),
        ours_seconds=Spread.of(our_times),
        peer_seconds=Spread.of(peer_times),
        difference=difference,
        **titled,
    )


def place(comparison: Comparison, figure: Figure, bounds: machine.Bounds) -> Place:
    """Where our time of a measured comparison stands between the bounds."""
    scene = comparison.build()
    pairs = scenes.work(scene, max(comparison.tolerance, SMALLEST_SHAPE)).pairs
    inputs, image = sum(array.nbytes for array in scene.inputs.values()), scene.upstream.nbytes
    # each way once: inputs in, image out; inputs and its gradient in, their gradients out
    moved = {"forward": inputs + image, "backward": 2 * inputs + image, "both": 3 * inputs + 2 * image}
    memory = moved[comparison.stage] / machine.bandwidth(moved[comparison.stage], parallel.available_cores())
    arithmetic = bounds.arithmetic_seconds(pairs, scene.weights.shape[-1], comparison.stage)
    return Place(comparison.title, comparison.measured, pairs, figure.ours_seconds.median, memory, arithmetic)
