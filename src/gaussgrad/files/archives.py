"""Arrays from files of NumPy and idx: what is damaged is told in one line, and little never unpacks to much."""

import contextlib
import gzip
import math
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from gaussgrad import checks
from gaussgrad.files.errors import first_line

MOST_UNPACKED = 2**33  # bytes: a thousandth of them in a file can claim all of them
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_IDX_UNSIGNED_BYTES = 0x08
_TELLING = (ValueError, EOFError, MemoryError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_npy(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of an .npy file; OSError where the system refuses, ValueError for any damage, without the path."""
    with open(path, "rb") as file, _told_in_a_line():
        if file.read(2) == _ZIP:
            raise ValueError("it is an archive of arrays: name it .npz or save one array")
        file.seek(0)
        return np.load(file, allow_pickle=False)


def read_npz(path: str | os.PathLike[str], name: str) -> np.ndarray:
    """The only array of an .npz file, or the one of a name; errors as for `read_npy`."""
    with open(path, "rb") as file, _told_in_a_line(), np.load(file, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive: name it .npy")
        names = archive.files
        chosen = names[0] if len(names) == 1 else name
        if chosen not in names:
            wanted, got = f'an archive of one array, or with one called "{name}"', ", ".join(names)
            raise ValueError(checks.complain("it", wanted, f"the arrays {got}" if got else "none"))
        _refuse_bomb(_member(archive.zip, chosen).file_size, "Save the array as .npy.")
        array = archive[chosen]
        if not isinstance(array, np.ndarray):
            raise ValueError(f"its member {chosen} is no array of NumPy")
        return array


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of an idx file of unsigned bytes, which may be compressed; errors as for `read_npy`.

    Zero, zero, the type and the number of axes are a byte each; then come their lengths, big-endian, and the bytes.
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == _GZIP
    with (gzip.open if compressed else open)(path, "rb") as file, _told_in_a_line():
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] != _IDX_UNSIGNED_BYTES:
            wanted = "a folder of images, an .npy, an .npz or an idx file of unsigned bytes"
            raise ValueError(checks.complain("it", wanted, "something else"))
        lengths = file.read(4 * head[3])
        shape = tuple(int(length) for length in np.frombuffer(lengths[: len(lengths) // 4 * 4], dtype=">u4"))
        needed = math.prod(shape)
        if compressed:
            _refuse_bomb(needed, "Unpack it first: gunzip.")
        content = file.read(min(needed, MOST_UNPACKED if compressed else os.path.getsize(path)) + 1)  # is there more?
        if len(content) != needed or len(shape) != head[3]:
            got = f"{'more' if len(content) > needed else len(content)} bytes where {shape} needs {needed}"
            raise ValueError(checks.complain("it", "a whole idx file", got))
        return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _member(archive: Any, name: str) -> zipfile.ZipInfo:
    """What is said of a member, whose name lacks the .npy that NumPy gave it."""
    return archive.getinfo(name if name in archive.namelist() else f"{name}.npy")


def _refuse_bomb(size: int, cure: str) -> None:
    if size > MOST_UNPACKED:
        most = f"more than the {MOST_UNPACKED:,} that are read"
        raise ValueError(f"unpacked it would have {size:,} bytes, {most}. {cure}")


@contextlib.contextmanager
def _told_in_a_line() -> Iterator[None]:
    """Whatever NumPy and zipfile raise at damaged bytes, as ValueError in one line; their warnings stay unsaid."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # they raise whatever they like
        reason = first_line(error) if isinstance(error, _TELLING) else "its header is damaged"
        raise ValueError(reason) from error
