"""How kernels are compiled: inlined whole, cached on disk, and known by the source of all of them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.extending import overload

INLINE: dict[str, Any] = {"forceinline": True, "nogil": True, "error_model": "numpy"}
"""Options of every function inside a kernel: one that stays a call costs more than a row of pixels."""


def _fingerprint() -> str:
    """A hash of the source of all kernels and of what they are made of."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in ("simd", "ops"):
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


SOURCE = _fingerprint()
"""The default of the last parameter of every kernel.

Numba keeps compiled kernels in a cache that notices a change in the kernel's own file, not in those it is built from.
Default arguments are part of a kernel's signature, and so this one makes the cache notice any change.
"""


def kernel(function: Callable) -> Any:
    """Compile an entry kernel, cached where there is a place to write; its last parameter is `source=SOURCE`."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # Numba found no writable folder
        return njit(**options)(function)


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
