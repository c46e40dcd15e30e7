"""How kernels are compiled: inlined whole, cached on disk, and known by the source of all they are made of."""

import functools
import gc
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import CellType, FunctionType
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from gaussgrad.simd.cache import cache_of

INNER: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""Options of functions inside a kernel: wrappers to call them from outside would be a quarter of the compile time."""

INLINE = {"forceinline": True, **INNER}
"""Options of those in its loops: one that stays a call costs more than a row of pixels."""

APART = {"forceinline": False, **INNER}
"""Options of those that stay a call: else they would be inlined where the function that calls them is."""


PACKAGE = Path(__file__).parent.parent
DOCSTRING, COMMENT = r'^[ \t]*"{3}.*?"{3}', r"#[^\n]*"
OTHER_STRING = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"  # may hold a #
SPEECH = re.compile(f"{DOCSTRING}|{COMMENT}|({OTHER_STRING})", re.DOTALL | re.MULTILINE)
IMPORTED = re.compile(r"^\s*(?:from|import)\s+gaussgrad\.([\w.]+)", re.MULTILINE)


def without_speech(source: str) -> str:
    """Python source without what the compiler does not see: comments, docstrings and empty lines."""
    bare = SPEECH.sub(lambda found: found[1] or "", source)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())


@functools.cache
def _room(folder: Path) -> tuple[str, frozenset[Path]]:
    """The source of a folder, and the folders that it imports from."""
    source = "\n".join(without_speech(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py")))
    modules = {PACKAGE.joinpath(*name.split(".")) for name in IMPORTED.findall(source)}
    return source, frozenset(path if path.is_dir() else path.parent for path in modules)


@functools.cache
def fingerprint(folder: Path) -> str:
    """A hash of what the kernels of a folder are made of: its source, that of simd, and of the folders they import."""
    wanted, found = {folder, PACKAGE / "simd"}, set[Path]()
    while wanted:
        found |= wanted
        wanted = set().union(*(_room(one)[1] for one in wanted)) - found - {PACKAGE}
    text = "\0".join(_room(one)[0] for one in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def inner(function: FunctionType) -> Any:
    """Compile a function that kernels call."""
    return _for_any_number(njit(**INNER)(function))


def apart(function: FunctionType) -> Any:
    """Compile a function that stays a call: its loops then have all registers to themselves."""
    return _for_any_number(njit(**APART)(function))


def inlined(function: FunctionType) -> Any:
    """Compile a function that kernels call in their loops."""
    return _for_any_number(njit(**INLINE)(function))


def _for_any_number(compiled: Any) -> Any:
    """The same, compiled once for all integers: Numba would compile it again for each that stands in a call."""
    of_types = compiled.get_call_template

    def of_plain_types(arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        plain = {name: types.unliteral(argument) for name, argument in named.items()}
        return of_types(tuple(map(types.unliteral, arguments)), plain)

    compiled.get_call_template = of_plain_types
    return compiled


def kernel(function: FunctionType) -> Any:
    """Compile an entry kernel, cached on disk where there is a place to write.

    Numba's cache notices a change in a kernel's own file, not in those it is built from. It does look at the variables
    that a kernel encloses; so each is given one, unused, that holds the fingerprint of all it is made of.
    """
    code = function.__code__.replace(co_freevars=(*function.__code__.co_freevars, "fingerprint_of_its_source"))
    cells = (*(function.__closure__ or ()), CellType(fingerprint(Path(function.__code__.co_filename).parent)))
    known = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, cells)
    known.__doc__ = function.__doc__
    compiled = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(known)
    compiled._cache = cache_of(known)  # as Numba's own enable_caching does
    compiled.compile = _without_collections(compiled.compile)
    return compiled


def _without_collections(compile_signature: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same while Python looks for no cycles to free: each search would walk through all that torch imported."""

    def compile_one(signature: Any) -> Any:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return compile_signature(signature)
        finally:
            if collecting:
                gc.enable()

    return compile_one


if hasattr(os, "register_at_fork"):
    # A fork waits for what another thread compiles: in the child nobody would finish it, and give its lock back.
    given_back = global_compiler_lock.release
    os.register_at_fork(before=global_compiler_lock.acquire, after_in_parent=given_back, after_in_child=given_back)


def static(value: int) -> tuple[None, ...]:
    """A small integer that kernels know at compile time, by `value_of`: a tuple of that length."""
    return (None,) * value


@intrinsic
def value_of(typing_context, number):
    """The integer that `static` made, known at compile time."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(ir.IntType(types.intp.bitwidth), len(number))

    return types.intp(number), generate
