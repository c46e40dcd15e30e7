"""Which scenes are compared with which peers, and the bars; read by the driver and by the peers' processes alike."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed.render.figures import Bar
from benchmarks.speed.scenes import (
    DEFAULT,
    THREE_SIGMA,
    Scene,
    decoder_step,
    few_spots,
    hundred_thousand,
    keypoint_heatmaps,
    many_spots,
    one_call,
    ten_thousand,
    thousand,
)

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


_10K, _100K = "10,000 Gaussians, stddev 1.5–6, 768×512 RGB", "100,000 Gaussians, stddev 0.7–2, 768×512 RGB"
_1K, _STEP = "1,000 Gaussians, stddev 1.5–6, 256×256 RGB", "decoder step: 64 images 64×64 of 10 Gaussians"
_SPOTS, _MAPS, _SMALL = "spots of stddev 1.3", "heatmaps: 16×17 maps of 64×48", "one call: 10 Gaussians, 64×64"

COMPARISONS = (
    Comparison("yardstick-forward", _10K, ten_thousand, "numpy", "forward", THREE_SIGMA, "yardstick", _most(1.2)),
    Comparison("yardstick-backward", _10K, ten_thousand, "numpy", "backward", THREE_SIGMA, "yardstick", _most(1.2)),
    Comparison("yardstick-torch", _10K, ten_thousand, "torch", "both", DEFAULT, "yardstick", _most(2.2)),
    Comparison("yardstick-small", _100K, hundred_thousand, "numpy", "both", THREE_SIGMA, "yardstick", _most(0.9)),
    Comparison("dense-three-sigma", _1K, thousand, "torch", "both", THREE_SIGMA, "dense_torch", _least(800)),
    Comparison("dense-default", _1K, thousand, "torch", "both", DEFAULT, "dense_torch", _least(550)),
    Comparison("dense-compiled", _1K, thousand, "torch", "both", DEFAULT, "dense_torch_compiled"),
    Comparison("dense-jax", _1K, thousand, "torch", "both", DEFAULT, "dense_jax"),
    Comparison("keops", _1K, thousand, "torch", "both", DEFAULT, "keops"),
    Comparison("decoder-default", _STEP, decoder_step, "torch", "both", DEFAULT, "dense_torch", _least(10)),
    Comparison("decoder-zero", _STEP, decoder_step, "torch", "both", 0.0, "dense_torch", _least(3)),
    Comparison("decoder-compiled", _STEP, decoder_step, "torch", "both", DEFAULT, "dense_torch_compiled"),
    Comparison("decoder-jax", _STEP, decoder_step, "torch", "both", DEFAULT, "dense_jax"),
    Comparison(
        "spots-few",
        f"1,000 {_SPOTS}, 512×512",
        few_spots,
        "numpy",
        "forward",
        THREE_SIGMA,
        "picasso_spots",
        _most(2),
    ),
    Comparison(
        "spots-many",
        f"100,000 {_SPOTS}, 2048×2048",
        many_spots,
        "numpy",
        "forward",
        THREE_SIGMA,
        "picasso_spots",
        _most(1.5),
    ),
    Comparison("heatmaps", _MAPS, keypoint_heatmaps, "torch", "both", DEFAULT, "kornia_heatmaps", _least(1)),
    Comparison("jax-dense", _1K, thousand, "jax", "both", DEFAULT, "dense_jax", _least(300)),
    Comparison("jax-call", _1K, thousand, "jax", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("tensorflow-call", _1K, thousand, "tensorflow", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("tensorflow-graph", _1K, thousand, "tf.function", "forward", DEFAULT, "through_numpy", _most(2)),
    Comparison("small-dense", _SMALL, one_call, "torch", "both", DEFAULT, "dense_torch"),
)
BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}
