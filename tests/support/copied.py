"""A copy of the package in a process of its own. Nothing of ours is imported here: it would be in the copy's place."""

import sys
from pathlib import Path

import numba


def draw(folder: Path, cache: Path) -> tuple[float, int, int]:
    """A pixel drawn by the copy in a folder, and how often it found its kernel in the cache and did not."""
    numba.config.CACHE_DIR = str(cache)
    sys.path.insert(0, str(folder))
    import gaussgrad
    from gaussgrad.ops.render.cpu.forward import draw_bands

    if not Path(gaussgrad.__file__).is_relative_to(folder):
        raise AssertionError(f"{gaussgrad.__file__} is no copy in {folder}")
    image = gaussgrad.render([[2.5, 0.0]], [1.0, 0.0, 1.0], size=(1, 5), amplitude="peak", tolerance=0)
    stats = draw_bands.stats
    return float(image[0, 2]), sum(stats.cache_hits.values()), sum(stats.cache_misses.values())
