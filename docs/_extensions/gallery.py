"""The gallery: in which order its scripts stand, and animations as WebP, which needs no JavaScript."""

from pathlib import PurePath
from typing import Any

ORDER = (
    "photograph",
    "points",
    "digits",
    "strokes",
    "latent_walk",
    "spots",
    "no_pull",
    "reparameterization",
    "correlation",
    "histogram",
    "frameworks",
)
"""Each script of examples/gallery, without its ending."""


def place(name: str) -> int:
    """Where a script stands in the gallery."""
    return ORDER.index(PurePath(name).stem)


def pictures(block: Any, variables: dict[str, Any], settings: Any, **options: Any) -> str:
    """What a block of a script has drawn, as reStructuredText; an animation in the place of its figure."""
    import matplotlib.pyplot as plt  # here, so that the tests of the order need neither
    from matplotlib.animation import Animation, PillowWriter
    from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

    paths = []
    for moving in [value for value in variables["example_globals"].values() if isinstance(value, Animation)]:
        if plt.fignum_exists(moving._fig.number):
            path = PurePath(next(variables["image_path_iterator"])).with_suffix(".webp")
            moving.save(path, writer=PillowWriter(fps=12), dpi=80)
            plt.close(moving._fig)
            paths.append(path)
    moved = figure_rst(paths, settings["src_dir"]) if paths else ""
    return moved + matplotlib_scraper(block, variables, settings, **options)
