"""Files and folders appear whole, replace only what they may, and heal what a killed process left."""

import contextlib
from pathlib import Path

import pytest

from gaussgrad.files import folders
from gaussgrad.files.exchange import exchange
from gaussgrad.files.folders import clear_leftovers, clear_partial_files, fresh_file, fresh_folder


class Killed(BaseException):
    """What nothing catches."""


def ours(folder):
    return (folder / "ours").is_file()


def write(path, text):
    with fresh_folder(path, overwrite=True, ours=ours) as partial:
        (partial / "ours").write_text(text)


def kill_writing(path, monkeypatch, renames):
    """As if the process were killed after so many renames: nothing is cleaned up, and its locks are free."""
    left, rename = iter(range(renames)), Path.rename

    def rename_or_die(self, target):
        if next(left, None) is None:
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(folders, "_settle", lambda *_: None)
        patch.setattr(folders.shutil, "rmtree", lambda *_, **__: None)
        patch.setattr(Path, "rename", rename_or_die)
        write(path, "new")


@pytest.mark.parametrize(("swaps", "renames"), [(True, 0), (False, 0), (False, 1), (False, 2)])
def test_a_kill_while_a_folder_is_replaced_loses_neither(tmp_path, monkeypatch, swaps, renames):
    out = tmp_path / "out"
    write(out, "old")
    monkeypatch.setattr(folders, "exchange", exchange if swaps else lambda *_: False)
    if swaps and not exchange(*[tmp_path] * 2):
        pytest.skip("this file system swaps no folders")
    kill_writing(out, monkeypatch, renames)
    assert len(list(tmp_path.glob(".partial-*-out"))) == 1
    assert out.exists() or (not swaps and renames == 1)
    clear_leftovers(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "ours").read_text() == ("new" if swaps or renames == 2 else "old")
    kill_writing(out, monkeypatch, renames)
    write(out, "next")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "ours").read_text() == "next"


def test_a_first_write_that_is_killed_leaves_nothing_for_the_next(tmp_path, monkeypatch):
    kill_writing(tmp_path / "out", monkeypatch, 0)
    assert [path.name[:9] for path in tmp_path.iterdir()] == [".partial-"]
    write(tmp_path / "out", "next")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_another_process_is_making_is_left_alone(tmp_path):
    with fresh_folder(tmp_path / "out") as ours_of_one:
        (ours_of_one / "ours").write_text("one")
        with fresh_folder(tmp_path / "a-out"), fresh_folder(tmp_path / "out", overwrite=True):
            assert (ours_of_one / "ours").is_file()
        (tmp_path / "out").rmdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-out", "out"]


def test_what_appears_meanwhile_is_kept(tmp_path):
    def folder():
        with fresh_folder(tmp_path / "out") as partial:
            (partial / "ours").write_text("late")
            write(tmp_path / "out", "first")

    def file():
        with fresh_file(tmp_path / "out.txt") as partial:
            partial.write_text("late")
            (tmp_path / "out.txt").write_text("first")

    for late in (folder, file):
        with pytest.raises(FileExistsError, match="exists already"):
            late()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.txt"]
    assert [(tmp_path / name).read_text() for name in ("out/ours", "out.txt")] == ["first", "first"]


def test_what_killed_writers_of_a_file_left_is_cleared_and_no_more(tmp_path):
    for name in (".partial-0123abcd-out.txt", ".partial-0123abcd-a-out.txt", ".partial-notatoken-out.txt", "out.txt"):
        (tmp_path / name).touch()
    clear_partial_files(tmp_path / "out.txt")
    kept = [".partial-0123abcd-a-out.txt", ".partial-notatoken-out.txt", "out.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_two_writers_of_one_place_have_two_partial_files(tmp_path):
    """Also where their processes have the same number, as in containers."""
    with fresh_file(tmp_path / "out.txt", overwrite=True) as one, fresh_file(tmp_path / "out.txt") as other:
        assert one != other
        assert one.suffix == other.suffix == ".txt"
        one.touch()
        other.touch()
