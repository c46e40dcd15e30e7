"""Which scenes are compared with which peers, and the bars; read by the driver and by the peers' processes alike."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import scenes
from benchmarks.figures import Bar
from benchmarks.scenes import DEFAULT, THREE_SIGMA, Scene

TITLES = {
    "yardstick": "the outside yardstick",
    "dense_torch": "dense PyTorch, eager",
    "dense_torch_compiled": "dense PyTorch, torch.compile",
    "dense_jax": "dense JAX under jit",
    "keops": "PyKeOps",
    "kornia_heatmaps": "kornia",
    "picasso_spots": "picasso's kernel",
    "through_numpy": "our own call with NumPy",
}


THROUGH = {
    "numpy": "arrays",
    "torch": "torch autograd",
    "jax": "jax.jit",
    "tensorflow": "TensorFlow",
    "tf.function": "tf.function",
}


@dataclass(frozen=True)
class Comparison:
    """A scene through our `entry`, see `THROUGH`, beside a peer. A bar "at most" is on our time as a multiple of
    the peer's, one "at least" on how many times as fast we are."""

    name: str
    title: str
    build: Callable[[], Scene]
    entry: str
    stage: str  # "forward", "backward" or "both"
    tolerance: float
    peer: str
    bar: Bar | None = None

    @property
    def measured(self) -> str:
        stage = "forward + backward" if self.stage == "both" else self.stage
        through = THROUGH[self.entry]
        return f"{stage}, {through}, tolerance {self.tolerance:g}"


def _most(limit: float) -> Bar:
    return Bar("at most", limit)


def _least(limit: float) -> Bar:
    return Bar("at least", limit)


def _ten_thousand() -> Scene:
    return scenes.rotated(10_000, 512, 768, 1.5, 6.0)


def _hundred_thousand() -> Scene:
    return scenes.rotated(100_000, 512, 768, 0.7, 2.0)


def _thousand() -> Scene:
    return scenes.rotated(1_000, 256, 256, 1.5, 6.0)


def _decoder() -> Scene:
    return scenes.rotated(10, 64, 64, 1.5, 6.0, channels=1, batch=(64,))


def _small() -> Scene:
    return scenes.rotated(10, 64, 64, 1.5, 6.0, channels=1)


def _heatmaps() -> Scene:
    return scenes.heatmaps(16, 17, 64, 48, 2.0)


def _few_spots() -> Scene:
    return scenes.spots(1_000, 512, 1.3)


def _many_spots() -> Scene:
    return scenes.spots(100_000, 2048, 1.3)


_10K, _100K = "10,000 Gaussians, stddev 1.5–6, 768×512 RGB", "100,000 Gaussians, stddev 0.7–2, 768×512 RGB"
_1K, _STEP = "1,000 Gaussians, stddev 1.5–6, 256×256 RGB", "decoder step: 64 images 64×64 of 10 Gaussians"
_SPOTS, _MAPS, _SMALL = "spots of stddev 1.3", "heatmaps: 16×17 maps of 64×48", "one call: 10 Gaussians, 64×64"

COMPARISONS = (
    Comparison("yardstick-forward", _10K, _ten_thousand, "numpy", "forward", THREE_SIGMA, "yardstick", _most(1.2)),
    Comparison("yardstick-backward", _10K, _ten_thousand, "numpy", "backward", THREE_SIGMA, "yardstick", _most(1.2)),
    Comparison("yardstick-torch", _10K, _ten_thousand, "torch", "both", DEFAULT, "yardstick", _most(2.2)),
    Comparison("yardstick-small", _100K, _hundred_thousand, "numpy", "both", THREE_SIGMA, "yardstick", _most(0.9)),
    Comparison("dense-three-sigma", _1K, _thousand, "torch", "both", THREE_SIGMA, "dense_torch", _least(800)),
    Comparison("dense-default", _1K, _thousand, "torch", "both", DEFAULT, "dense_torch", _least(550)),
    Comparison("dense-compiled", _1K, _thousand, "torch", "both", DEFAULT, "dense_torch_compiled"),
    Comparison("dense-jax", _1K, _thousand, "torch", "both", DEFAULT, "dense_jax"),
    Comparison("keops", _1K, _thousand, "torch", "both", DEFAULT, "keops"),
    Comparison("decoder-default", _STEP, _decoder, "torch", "both", DEFAULT, "dense_torch", _least(10)),
    Comparison("decoder-zero", _STEP, _decoder, "torch", "both", 0.0, "dense_torch", _least(3)),
    Comparison("decoder-compiled", _STEP, _decoder, "torch", "both", DEFAULT, "dense_torch_compiled"),
    Comparison("decoder-jax", _STEP, _decoder, "torch", "both", DEFAULT, "dense_jax"),
    Comparison(
        "spots-few", f"1,000 {_SPOTS}, 512×512", _few_spots, "numpy", "forward", THREE_SIGMA, "picasso_spots", _most(2)
    ),
    Comparison(
        "spots-many",
        f"100,000 {_SPOTS}, 2048×2048",
        _many_spots,
        "numpy",
        "forward",
        THREE_SIGMA,
        "picasso_spots",
        _most(1.5),
    ),
    Comparison("heatmaps", _MAPS, _heatmaps, "torch", "both", DEFAULT, "kornia_heatmaps", _least(1)),
    Comparison("jax-dense", _1K, _thousand, "jax", "both", DEFAULT, "dense_jax", _least(300)),
    Comparison("jax-call", _1K, _thousand, "jax", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("tensorflow-call", _1K, _thousand, "tensorflow", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("tensorflow-graph", _1K, _thousand, "tf.function", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("small-dense", _SMALL, _small, "torch", "both", DEFAULT, "dense_torch"),
)
BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}
