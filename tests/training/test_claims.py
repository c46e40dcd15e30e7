"""One process writes RUN at a time, and RUN is the old run or the new one whenever that process is killed."""

import contextlib
import json

import pytest
from tiny_images import spots

from gaussgrad import data
from gaussgrad.files.locks import locked
from gaussgrad.training import run as runs
from gaussgrad.training import session
from gaussgrad.training.configuration import Configuration

OLD, NEW = Configuration(n=2, epochs=1), Configuration(n=3, epochs=1)
BUSY = "is being written by another process. Wait until it ends, or choose another folder."


@pytest.fixture(scope="module")
def images():
    pixels = spots()
    return data.Images(pixels, tuple(map(str, range(len(pixels)))), "spots")


@pytest.fixture
def finished(tmp_path, images):
    """A run with every part, and a file that is not gaussgrad's."""
    run = runs.start(tmp_path / "run", OLD, images)
    for name in runs.PARTS:
        part = run.folder / name
        if part.suffix:
            part.write_text("{}")
        else:
            part.mkdir()
            (part / "metrics.csv").write_text("old")
    (run.folder / "letters.txt").write_text("mine")
    return run


def unfinished(run):
    run.metrics.unlink()
    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_in_progress_is_refused(finished, overwrite):
    run = unfinished(finished)
    with locked(run.folder):
        with pytest.raises(FileExistsError, match=BUSY), runs.claim(run.folder, overwrite=overwrite):
            pass
        with pytest.raises(FileExistsError, match=BUSY):
            session.resume(run.folder, {})
    assert {*runs.PARTS, "letters.txt"} - set(names(run.folder)) == {"metrics.json"}


def test_the_folder_is_claimed_before_images_are_loaded_and_let_go_without_a_trace(tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def read(*_, **__):
        with pytest.raises(FileExistsError, match=BUSY):
            session.start(folder, OLD, overwrite=True)
        raise ValueError("no images")

    monkeypatch.setattr(data, "read", read)
    with pytest.raises(ValueError, match="no images"):
        session.start(folder, OLD, overwrite=False)
    assert list(tmp_path.iterdir()) == []
    folder.mkdir()
    with pytest.raises(ValueError, match="no images"):
        session.start(folder, OLD, overwrite=False)
    assert list(folder.iterdir()) == []


@pytest.fixture
def come_to_its_end(finished, monkeypatch):
    """A run that another process finishes while this one waits for the lock."""
    run = unfinished(finished)

    @contextlib.contextmanager
    def locked_late(folder):
        run.metrics.write_text("{}")
        with locked(folder):
            yield

    monkeypatch.setattr(runs, "claimed", locked_late)
    monkeypatch.setattr(runs, "locked", locked_late)
    return run


def test_a_run_that_another_process_finishes_meanwhile_is_kept(come_to_its_end):
    before = names(come_to_its_end.folder)
    with pytest.raises(FileExistsError, match="holds a finished run"):
        session.start(come_to_its_end.folder, NEW, overwrite=False)
    come_to_its_end.metrics.unlink()
    with pytest.raises(FileExistsError, match="holds a finished run"):
        session.resume(come_to_its_end.folder, {})
    assert names(come_to_its_end.folder) == sorted({*before, "metrics.json"})


def test_overwriting_removes_the_run_and_no_file_of_others(finished, images):
    with runs.claim(finished.folder, overwrite=True):
        run = runs.start(finished.folder, NEW, images)
    assert names(run.folder) == ["config.json", "letters.txt"]
    assert runs.open_run(run.folder) == run
    assert "replaces" not in json.loads((run.folder / "config.json").read_text())


def test_overwriting_is_refused_where_a_file_of_others_lies_in_a_folder_of_the_run(finished):
    (finished.model / "notes.txt").write_text("mine")
    before = sorted(finished.folder.rglob("*"))
    with (
        pytest.raises(FileExistsError, match=r"notes\.txt is not gaussgrad's and would be removed"),
        runs.claim(finished.folder, overwrite=True),
    ):
        pass
    assert sorted(finished.folder.rglob("*")) == before


def test_no_process_waits_for_a_first_one_that_finds_a_finished_run(finished, monkeypatch):
    monkeypatch.setattr(session.processes, "rank", lambda: 1)
    monkeypatch.setattr(data, "read", lambda _: pytest.fail("it goes on"))
    with pytest.raises(FileExistsError, match="holds a finished run"):
        session.start(finished.folder, NEW, overwrite=False)


class Killed(BaseException):
    """What nothing catches."""


@pytest.mark.parametrize("steps", [0, 1, 2, 8, len(runs.PARTS) + 1])
def test_a_run_killed_while_it_replaces_another_is_the_old_or_the_new_one(finished, images, monkeypatch, steps):
    """The steps: config.json, each part that is removed, and config.json again."""
    before, left = names(finished.folder), iter(range(steps))

    def or_killed(step):
        def run_or_raise(*given):
            if next(left, None) is None:
                raise Killed
            step(*given)

        return run_or_raise

    with monkeypatch.context() as patch:
        for name in ("_write_record", "_remove"):
            patch.setattr(runs, name, or_killed(getattr(runs, name)))
        with pytest.raises(Killed):
            runs.start(finished.folder, NEW, images)
    run = runs.open_run(finished.folder)
    if steps == 0:
        assert run == finished
        assert run.is_complete
        assert names(run.folder) == before
        return
    assert (run.configuration, run.replaces, run.is_complete) == (NEW, True, False)
    with runs.claim_unfinished(run):
        assert names(run.folder) == ["config.json", "letters.txt"]
    assert not run.replaces


def test_what_a_killed_process_left_half_written_goes(finished):
    run = unfinished(finished)
    for folder in (run.folder, run.checkpoint.parent):
        (folder / ".partial-01234567-x").write_text("half")
    with runs.claim_unfinished(run):
        assert not list(run.folder.rglob(".partial-*"))
    assert (run.checkpoint.parent / "metrics.csv").is_file()


def test_a_folder_of_others_gets_no_lock(tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is no run of gaussgrad"), runs.claim(tmp_path, overwrite=True):
        pass
    assert names(tmp_path) == [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_training_killed_before_its_folder_was_a_run_begins_again_there(tmp_path, images):
    (tmp_path / "run").mkdir()
    for name in (".lock", ".partial-01234567-config.json"):
        (tmp_path / "run" / name).write_text("")
    with runs.claim(tmp_path / "run", overwrite=False):
        assert names(tmp_path / "run") == []
        runs.start(tmp_path / "run", NEW, images)
    assert names(tmp_path / "run") == ["config.json"]
