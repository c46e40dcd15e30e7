"""Whole numbers as few bytes: plane by plane, the bytes compressed; docs/pictures.md tells the layout."""

import lzma
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

# Nothing repeats in such bytes: of LZMA only its arithmetic coder counts, and a window as small as may be does for it.
_LZMA = {"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 0, "pb": 0, "dict_size": 4096}


def fold(codes: np.ndarray) -> np.ndarray:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ...: small numbers of either sign leave the upper planes empty."""
    return (codes << 1 ^ codes >> 63).astype(np.uint64)


def unfold(folded: np.ndarray) -> np.ndarray:
    """The inverse of `fold`."""
    return (folded >> np.uint64(1)).astype(np.int64) ^ -(folded & np.uint64(1)).astype(np.int64)


def compress(fields: Iterable[np.ndarray], planes: int) -> np.ndarray:
    """Fields (n,) of uint64, each as so many planes of bytes, the lowest first; by LZMA, as uint8."""
    parts = [field.astype("<u8").view(np.uint8).reshape(-1, 8).T[:planes].tobytes() for field in fields]
    packed = lzma.compress(b"".join(parts), lzma.FORMAT_RAW, filters=[_LZMA])
    return np.frombuffer(packed, dtype=np.uint8)


def decompress(name: str, tensor: np.ndarray, fields: int, n: int, planes: int, coding: str) -> list[np.ndarray]:
    """The fields of `compress`, or of the zlib streams of older files; never more bytes than they take.

    Raises
    ------
    ValueError
        For bytes that are no such fields; `name` tells which.
    """
    length = fields * planes * n
    stream: Any = zlib.decompressobj() if coding == "zlib" else lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_LZMA])
    try:
        data = stream.decompress(tensor.tobytes(), length + 1)
    except (zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{name} cannot be decompressed ({error})") from error
    if len(data) != length or not stream.eof:
        raise ValueError(f"{name} does not decompress to {length} bytes")
    bytes_of = np.frombuffer(data, dtype=np.uint8).reshape(fields, planes, n)
    return [sum(plane.astype(np.uint64) << np.uint64(8 * k) for k, plane in enumerate(field)) for field in bytes_of]
