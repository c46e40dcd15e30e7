"""XLA's foreign function interface, as far as a Python function on NumPy views of XLA's own buffers needs it.

`jax.pure_callback` hands over JAX arrays, and making them from inside a running program can wait for the very thread
that runs it (jax-ml/jax issue 24255). Here nothing of JAX is touched and nothing is copied: XLA calls a C function,
which ctypes makes of a Python one, with pointers to its buffers. The structures are those of xla/ffi/api/c_api.h,
whose version XLA compares on registration.
"""

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Handler", "make_handler"]

MAJOR_VERSION = 0  # of the interface; a minor version only appends
EXECUTE = 3
METADATA = 1
RESOURCE_EXHAUSTED, INTERNAL = 8, 13  # kinds of errors

DTYPES: dict[int, np.dtype[Any]] = {4: np.dtype("int32"), 11: np.dtype("float32"), 12: np.dtype("float64")}

Arrays = list[np.ndarray]
Handler = Callable[[str, Arrays, Arrays], None]
"""Called with the text of a call, the arguments, and the results to fill; where it raises, so does the program."""


class _Extension(ctypes.Structure):
    pass


_Extension._fields_ = [("size", ctypes.c_size_t), ("kind", ctypes.c_int), ("next", ctypes.POINTER(_Extension))]
_HEAD: Any = (("struct_size", ctypes.c_size_t), ("extension", ctypes.POINTER(_Extension)))


class _Version(ctypes.Structure):
    _fields_ = (*_HEAD, ("major", ctypes.c_int), ("minor", ctypes.c_int))


class _Metadata(ctypes.Structure):
    _fields_ = (("struct_size", ctypes.c_size_t), ("version", _Version), ("traits", ctypes.c_uint32))


class _MetadataExtension(ctypes.Structure):
    _fields_ = (("base", _Extension), ("metadata", ctypes.POINTER(_Metadata)))


class _Error(ctypes.Structure):
    _fields_ = (*_HEAD, ("message", ctypes.c_char_p), ("code", ctypes.c_int))


_MakeError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Error))


class _Interface(ctypes.Structure):
    _fields_ = (*_HEAD, ("version", _Version), ("internal", ctypes.c_void_p), ("make_error", _MakeError))


class _Buffer(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        ("dtype", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
    )


class _Text(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Buffers(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        ("size", ctypes.c_int64),
        ("kinds", ctypes.POINTER(ctypes.c_int)),
        ("items", ctypes.POINTER(ctypes.POINTER(_Buffer))),
    )


class _Attributes(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        ("size", ctypes.c_int64),
        ("kinds", ctypes.POINTER(ctypes.c_int)),
        ("names", ctypes.c_void_p),
        ("items", ctypes.POINTER(ctypes.POINTER(_Text))),
    )


class _Frame(ctypes.Structure):
    _fields_ = (
        *_HEAD,
        ("interface", ctypes.POINTER(_Interface)),
        ("context", ctypes.c_void_p),
        ("stage", ctypes.c_int),
        ("arguments", _Buffers),
        ("results", _Buffers),
        ("attributes", _Attributes),
    )


def make_handler(handler: Handler) -> Any:
    """A C function for `jax.ffi.register_ffi_target`, of calls with one attribute, a text. Keep it alive."""

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Frame))
    def call(pointer: Any) -> int | None:
        frame = pointer.contents
        if frame.extension and frame.extension.contents.kind == METADATA:
            _tell_version(frame)
        elif frame.stage == EXECUTE:
            text = frame.attributes.items[0].contents
            try:
                known = ctypes.string_at(text.data, text.length).decode()
                handler(known, _views(frame.arguments), _views(frame.results))
            except BaseException as error:  # nothing may pass through C: XLA raises it again where the program is
                return _told(frame, error)
        return None

    return call


def _told(frame: Any, error: BaseException) -> int | None:
    """The exception as an error of XLA: which, and why."""
    message = f"gaussgrad: {type(error).__name__}: {error}".encode()
    code = RESOURCE_EXHAUSTED if isinstance(error, MemoryError) else INTERNAL
    given = _Error(ctypes.sizeof(_Error), None, message, code)
    return frame.interface.contents.make_error(ctypes.byref(given))


def _tell_version(frame: Any) -> None:
    """Answer the question at registration: which version this file was written for."""
    known = frame.interface.contents.version
    extension = ctypes.cast(frame.extension, ctypes.POINTER(_MetadataExtension)).contents
    version = extension.metadata.contents.version
    version.major = MAJOR_VERSION
    version.minor = known.minor


def _views(buffers: Any) -> Arrays:
    return [_view(buffers.items[index].contents) for index in range(buffers.size)]


def _view(buffer: Any) -> np.ndarray:
    shape = tuple(buffer.dims[: buffer.rank])
    dtype = DTYPES[buffer.dtype]
    count = math.prod(shape) * dtype.itemsize
    if not count:
        return np.empty(shape, dtype)
    return np.frombuffer((ctypes.c_char * count).from_address(buffer.data), dtype).reshape(shape)
