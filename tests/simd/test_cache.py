"""A kernel is computed whatever happens to the files it is kept in, and one warning says so."""

import errno
import io
import warnings
from pathlib import Path

import numba
import pytest
from numba.core import caching

from gaussgrad.simd import cache
from gaussgrad.simd.compilation import kernel


def double(x):
    return 2 * x


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, of a process that has warned of nothing."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache._warned, "_flag", False)
    return tmp_path


def compute() -> tuple[int, int]:
    """The numbers of kernels found and compiled by a process that begins."""
    compiled = kernel(double)
    assert compiled(21) == 42
    return sum(compiled.stats.cache_hits.values()), sum(compiled.stats.cache_misses.values())


def kept_in(folder: Path) -> Path:
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


def turn(content: bytes, place: int) -> bytes:
    """One byte changed."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut within the seal": lambda content: content[:9],
    "cut": lambda content: content[: len(content) // 2],
    "garbled": lambda content: b"no pickle" * 20,
    "one byte of the seal": lambda content: turn(content, 0),
    "one byte of the machine code": lambda content: turn(content, len(content) // 2),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_replaced(folder, damage):
    assert compute() == (0, 1)
    file = kept_in(folder)
    whole = file.read_bytes()
    file.write_bytes(DAMAGES[damage](whole))
    with pytest.warns(RuntimeWarning, match="holds a compiled kernel that cannot be used") as told:
        assert compute() == (0, 1)
    assert str(file.parent) in str(told[0].message)
    assert compute() == (1, 0)  # without a warning, which would be an error


class FileOnFullDisk(io.FileIO):
    def __init__(self, path, mode):
        super().__init__(path, mode.replace("b", ""))

    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_on_a_full_disk_kernels_are_computed_and_the_first_warns(folder, monkeypatch):
    monkeypatch.setattr(caching, "open", FileOnFullDisk, raising=False)
    with pytest.warns(RuntimeWarning, match=r"cannot keep compiled kernels \(No space left on device\)") as told:
        assert compute() == (0, 1)
    assert len(told) == 1
    assert compute() == (0, 1)
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_folder_that_becomes_a_file_is_no_cache(folder):
    compiled = kernel(double)
    place = Path(compiled.stats.cache_path)
    place.rmdir()
    place.write_text("mine")
    with pytest.warns(RuntimeWarning, match="cannot"):
        assert compiled(21) == 42
    assert place.read_text() == "mine"


def test_without_a_folder_to_write_kernels_are_compiled_each_time(monkeypatch):
    monkeypatch.setattr(cache.KernelCache._impl_class, "_locator_classes", [])
    compiled = kernel(double)
    with pytest.warns(RuntimeWarning, match="neither it nor the user's cache can be written"):
        assert compiled(21) == 42
    assert not compiled.stats.cache_path
    assert compute() == (0, 1)


def test_each_signature_has_a_file_of_its_own(folder):
    for value in (1, 1.0):
        kernel(double)(value)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
    compiled = kernel(double)
    assert [type(compiled(value)) for value in (1, 1.0)] == [int, float]
    assert sum(compiled.stats.cache_hits.values()) == 2
    compiled._cache.flush()
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_kernel_kept_under_another_name_is_not_taken(folder, monkeypatch):
    """As where two hashes agree."""
    monkeypatch.setattr(cache.SealedFiles, "_file", lambda self, key: self._folder / "one.nbc")
    assert kernel(double)(1) == 2
    compiled = kernel(double)
    assert compiled(0.25) == 0.5
    assert not compiled.stats.cache_hits


def test_nothing_is_told_where_all_is_well(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (compute(), compute()) == ((0, 1), (1, 0))
