"""How pictures look: colours that people who are colour-blind tell apart, in print and on dark pages too."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array

INK = "#222222"  # words and axes
QUIET = "#8a8f98"  # what stands beside the point
STRONG = "#d55e00"  # the point
MEASURE = "#0072b2"  # what the point is compared with
DIMMED = 0.55  # brightness of an image under Gaussians, so that the colours show
_LIGHT = (  # after Okabe and Ito, lighter; neighbours differ in lightness
    "#56b4e9", "#ff6a3d", "#f0e442", "#3d8bff", "#e69f00", "#b8f2e6", "#e68ac0", "#1fc58f", "#9f7bff", "#ffcdb2",
)  # fmt: skip


def colours(n: int) -> np.ndarray:
    """n colours (n, 4) that tell neighbours apart, light enough for dark images; the same for the same index."""
    spread = np.arange(n) * 0.618034 % 1  # golden section: neighbours differ in lightness
    chosen = np.asarray(matplotlib.colormaps["plasma"](0.45 + 0.55 * spread)).reshape(n, 4)
    named = min(n, len(_LIGHT))
    chosen[:named] = to_rgba_array(_LIGHT[:named])
    return chosen


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Show an image (1, h, w) or (3, h, w) of values in [0, 1] without ticks."""
    shown = np.clip(np.moveaxis(image, 0, -1), 0, 1)
    if shown.shape[-1] == 1:
        axes.imshow(shown[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(shown, interpolation="nearest")
    height, width = shown.shape[:2]
    axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set_visible(False)
