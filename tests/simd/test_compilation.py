"""Compiled kernels are kept, found again by later processes, and never used after the source changed."""

import gc
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import copied
import numpy as np
import pytest
from cases import mixture_inputs
from fresh import in_fresh_process
from numba import njit, types

import gaussgrad
from gaussgrad import simd
from gaussgrad.ops.impulse.cpu.forward import paint
from gaussgrad.ops.mixture.cpu.forward import mix
from gaussgrad.ops.render.cpu.bands import count_members, touch_rows
from gaussgrad.ops.render.cpu.forward import draw_bands
from gaussgrad.ops.render.cpu.geometry import valid_range
from gaussgrad.simd import compilation


@pytest.fixture
def copy_of_the_package(tmp_path: Path) -> Path:
    """The package in a folder of its own."""
    source = Path(gaussgrad.__file__).parent
    shutil.copytree(source, tmp_path / "gaussgrad", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.long
def test_a_later_process_finds_the_kernel_unless_what_it_is_made_of_changed(copy_of_the_package: Path):
    """Docstrings, comments and kernels of other operations are no part of it; the exponential, in another file, is."""
    cache, package = copy_of_the_package / "cache", copy_of_the_package / "gaussgrad"
    first, hits, misses = in_fresh_process(copied.draw, copy_of_the_package, cache)
    assert (hits, misses) == (0, 1)
    replace_in(package / "simd/exponential.py", '"""', '"""In other words: ')
    replace_in(package / "ops/render/cpu/geometry.py", "# placed at a time\n", "# drawn at a time\n\n\n")
    replace_in(package / "ops/mixture/cpu/pairs.py", "MOST_PAIRS = 16384", "MOST_PAIRS = 8192")
    assert in_fresh_process(copied.draw, copy_of_the_package, cache) == (first, 1, 0)
    power = "_times_power(value, shifted)\n\n    return implementation\n\n\ndef exp_both"  # that of exp2
    replace_in(package / "simd/exponential.py", power, power.replace("value", "value + value"))
    assert in_fresh_process(copied.draw, copy_of_the_package, cache) == (2 * first, 0, 1)


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace the first place where the text stands in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_fingerprint_sees_the_code_and_no_speech():
    source = 'def f(x):\n    """Twice."""\n    return x + "#2"  # two\n'
    assert compilation.without_speech(source) == 'def f(x):\n    return x + "#2"'


@pytest.mark.parametrize("compiler", [simd.inner, simd.inlined])
def test_a_function_inside_kernels_is_compiled_once_for_all_integers(compiler: Callable[..., Any]):
    power = compiler(lambda number, exponent: number**exponent)
    entry = njit(lambda number: power(number, 2) + power(number, 3) + power(number, exponent=5))
    assert entry(2.0) == 44.0
    assert power.signatures == [(types.float64, types.int64)]


@pytest.mark.parametrize("before", [True, False])
def test_python_looks_for_no_cycles_while_a_kernel_compiles(before: bool, monkeypatch: pytest.MonkeyPatch):
    entry, during = simd.kernel(lambda number: number + 1), []

    def fail(*_: object) -> None:
        during.append(gc.isenabled())
        raise RuntimeError("not compiled")

    monkeypatch.setattr(entry._compiler, "compile", fail)
    try:
        if not before:
            gc.disable()
        with pytest.raises(RuntimeError, match="not compiled"):
            entry.compile((types.int64,))
        assert (during, gc.isenabled()) == ([False], before)
    finally:
        gc.enable()


def as_file(values: np.ndarray, *, offset: int = 0) -> np.ndarray:
    """Read-only, as arrays of JAX and of files mapped into memory are, and at an odd address if wanted."""
    return np.frombuffer(bytes(offset) + values.tobytes(), values.dtype, offset=offset).reshape(values.shape)


@pytest.mark.parametrize("n", [5, 30_000])  # copied, or seen through another array
def test_arrays_that_cannot_be_written_compile_nothing_again(n: int):
    """Nor do those at odd addresses: to Numba both are types of their own."""
    rng = np.random.default_rng(0)
    means, weights = rng.uniform(0, 9, size=(n, 2)), rng.uniform(size=n)
    covariances, kernel = np.tile([2.0, 0.5, 1.0], (n, 1)), np.ones((2, 3))
    mixture = mixture_inputs(3, b=n)
    entries = (draw_bands, touch_rows, count_members, valid_range, paint, mix)

    def compute(view: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
        scene = view(means), view(covariances), view(weights)
        impulses = gaussgrad.render_impulses(view(means), view(kernel), view(weights), size=(9, 12), threads=1)
        density = gaussgrad.mixture_log_density(*map(view, mixture), threads=1)
        return [gaussgrad.render(*scene, size=(9, 12), threads=1), impulses, density]

    wanted = compute(lambda array: array)
    known = [len(entry.signatures) for entry in entries]
    for found in (compute(as_file), compute(partial(as_file, offset=1))):
        for ours, same in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(ours, same)
    assert [len(entry.signatures) for entry in entries] == known
