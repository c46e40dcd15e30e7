"""How kernels are compiled: inlined whole, cached on disk, and known by the source of all of them."""

import hashlib
from pathlib import Path
from types import CellType, FunctionType
from typing import Any

from numba import njit
from numba.extending import overload

INNER: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""Options of functions inside a kernel: wrappers to call them from outside would be a quarter of the compile time."""

INLINE = {"forceinline": True, **INNER}
"""Options of those in its loops: one that stays a call costs more than a row of pixels."""


def _fingerprint() -> str:
    """A hash of the source of all kernels and of what they are made of."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in ("simd", *(f"ops/{name}/cpu" for name in ("impulse", "mixture", "render")), "fitting/least_squares"):
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


SOURCE = _fingerprint()


def kernel(function: FunctionType) -> Any:
    """Compile an entry kernel, cached on disk where there is a place to write.

    Numba's cache notices a change in a kernel's own file, not in those it is built from. It does look at the variables
    that a kernel encloses; so each is given one, unused, that holds the fingerprint of all sources.
    """
    code = function.__code__.replace(co_freevars=(*function.__code__.co_freevars, "fingerprint_of_all_kernels"))
    cells = (*(function.__closure__ or ()), CellType(SOURCE))
    known = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, cells)
    known.__doc__ = function.__doc__
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    try:
        return njit(cache=True, **options)(known)
    except RuntimeError:  # Numba found no writable folder
        return njit(**options)(known)


def static(value: int) -> tuple[None, ...]:
    """A small integer that kernels know at compile time, by `value_of`: a tuple of that length."""
    return (None,) * value


def value_of(number):
    """The integer that `static` made (kernels only)."""
    raise NotImplementedError("value_of is for compiled kernels")


@overload(value_of, jit_options=INLINE)
def _value_of(number):
    length = len(number)
    return lambda number: length
