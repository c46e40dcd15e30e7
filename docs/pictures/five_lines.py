"""Run the first lines of Python in the README, and draw the image that they make beside its Gaussians.

python docs/pictures/five_lines.py
"""

import re
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from gaussgrad import plot

HERE = Path(__file__).parent
PICTURE = HERE / "five-lines.png"


def made() -> dict[str, Any]:
    """What the first block of Python in the README makes, by name."""
    readme = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")
    (code, *_) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def draw(path: Path = PICTURE) -> None:
    """Two panes: the image, and the Gaussians on it."""
    names = made()
    figure = Figure(figsize=(7.2, 3.1), dpi=120, facecolor="white", layout="constrained")
    drawn, outlined = figure.subplots(1, 2)
    drawn.imshow(names["image"].clip(0, 1).transpose(1, 2, 0))
    drawn.set(title="image", xticks=[], yticks=[])
    plot.overlay(outlined, names["image"], names["means"], names["covariances"], colour="white")
    outlined.set_title("its Gaussians, two standard deviations")
    figure.savefig(path)


if __name__ == "__main__":
    draw()
