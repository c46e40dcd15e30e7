"""Compiled kernels on disk. Where the disk is full or a file is damaged, a kernel costs time and no result."""

import hashlib
import pickle
import threading
import warnings
from pathlib import Path
from types import FunctionType
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

SEAL_BYTES = hashlib.sha256().digest_size


def cache_of(function: FunctionType) -> "KernelCache | NowhereToWrite":
    """Where the compiled kernel is kept."""
    try:
        return KernelCache(function)
    except RuntimeError:  # Numba found no folder that can be written
        return NowhereToWrite(function)


class KernelCache(FunctionCache):
    """Numba's cache, without which a kernel is still computed."""

    def __init__(self, function: FunctionType) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = SealedFiles(self._cache_path, self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The kernel, or None where it is not there or cannot be used; the next `save_overload` replaces it."""
        try:
            return super().load_overload(signature, context)
        except Exception as error:  # what a damaged file raises cannot be listed
            trouble = error
        warn_once(self._cache_path, f"holds a compiled kernel that cannot be used ({_described(trouble)})")
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        try:
            super().save_overload(signature, compiled)
        except OSError as error:
            warn_once(self._cache_path, f"cannot keep compiled kernels ({_described(error)})")


class NowhereToWrite(NullCache):
    """No cache, and a word about it when the first kernel has been compiled."""

    def __init__(self, function: FunctionType) -> None:
        self._folder = Path(function.__code__.co_filename).parent / "__pycache__"

    def save_overload(self, signature: Any, compiled: Any) -> None:
        warn_once(self._folder, "cannot keep compiled kernels (neither it nor the user's cache can be written)")


class SealedFiles(IndexDataCacheFile):
    """A file for each compiled signature, named by all it depends on, and sealed with a hash of what it holds.

    Numba has an index in their place. A damaged one stops every later process, two processes that write it at once can
    give a signature the machine code of another, and changed bytes of machine code run as they are.
    """

    def __init__(self, folder: str, base: str, source_stamp: Any) -> None:
        super().__init__(folder, base, source_stamp)
        self._folder, self._base = Path(folder), base

    def load(self, key: tuple[Any, ...]) -> Any:
        try:
            sealed = self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        seal, content = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
        if hashlib.sha256(content).digest() != seal:
            raise ValueError("a file is damaged")
        kept_key, kernel = pickle.loads(content)
        return kernel if kept_key == key else None

    def save(self, key: tuple[Any, ...], kernel: Any) -> None:
        content = self._dump((key, kernel))
        with self._open_for_write(str(self._file(key))) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def flush(self) -> None:
        for path in self._folder.iterdir():
            if path.name.startswith(f"{self._base}.") and path.suffix == ".nbc":
                path.unlink(missing_ok=True)

    def _file(self, key: tuple[Any, ...]) -> Path:
        known_by = hashlib.sha256(repr((self._version, self._source_stamp, key)).encode()).hexdigest()
        return self._folder / f"{self._base}.{known_by[:16]}.nbc"


def warn_once(folder: str | Path, trouble: str) -> None:
    """Tell of the first trouble in this process; the next ones mostly have the same cause."""
    if not _warned.is_set():
        _warned.set()
        cure = "kernels are compiled again; NUMBA_CACHE_DIR can name another folder"
        warnings.warn(f"The folder {folder} {trouble}: {cure}.", RuntimeWarning, stacklevel=2)


_warned = threading.Event()


def _described(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
