"""Compiled kernels are kept, found again by later processes, and never used after the source changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gaussgrad
from gaussgrad.simd import compilation

DRAW = """
import numpy as np, gaussgrad
from gaussgrad.ops.render.cpu.forward import draw_bands
image = gaussgrad.render([[2.5, 0.0]], [1.0, 0.0, 1.0], size=(1, 5), amplitude="peak", tolerance=0)
stats = draw_bands.stats
print(image[0, 2], sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture
def copy_of_the_package(tmp_path: Path) -> Path:
    """The package in a folder of its own."""
    source = Path(gaussgrad.__file__).parent
    shutil.copytree(source, tmp_path / "gaussgrad", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def draw(folder: Path, cache: Path) -> tuple[float, int, int]:
    """A pixel drawn by a new process, and how often it found its kernel in the cache and did not."""
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(cache)}
    printed = subprocess.run(
        [sys.executable, "-c", DRAW], env=environment, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.split()
    return float(printed[0]), int(printed[1]), int(printed[2])


def test_a_later_process_finds_the_kernel_and_a_changed_source_does_not(copy_of_the_package: Path):
    """The exponential stands in another file than the kernel, which Numba's own cache would not look at."""
    cache = copy_of_the_package / "cache"
    first, hits, misses = draw(copy_of_the_package, cache)
    assert (hits, misses) == (0, 1)
    assert draw(copy_of_the_package, cache) == (first, 1, 0)
    exponential = copy_of_the_package / "gaussgrad" / "simd" / "exponential.py"
    text = exponential.read_text()
    assert text.count("_times_power(value, shifted)") == 1
    exponential.write_text(text.replace("_times_power(value, shifted)", "_times_power(value + value, shifted)"))
    assert draw(copy_of_the_package, cache) == (2 * first, 0, 1)


def test_without_a_place_to_write_kernels_are_compiled_each_time(monkeypatch: pytest.MonkeyPatch):
    original = compilation.njit

    def njit_without_a_folder(**options: Any) -> Any:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return original(**options)

    monkeypatch.setattr(compilation, "njit", njit_without_a_folder)

    @compilation.kernel
    def double(x):
        return 2 * x

    assert double(21) == 42
    assert not double.stats.cache_path
