"""gaussgrad fit of a folder: each image is there whole, or named as missing; --resume does the missing ones."""

import contextlib
import signal
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from gaussgrad import Picture
from gaussgrad.files.images import write_image
from gaussgrad.fitting.sessions import executors, folder

SIZE = (12, 16)
QUICK = ("-n", 6, "--steps", 4)
NAMES = ("a.png", "b.tif", "c.npy")


class Here(Executor):
    """Does what it is asked for at once, as long as it is not told to break."""

    def __init__(self):
        self.done, self.breaks = [], False

    def submit(self, function, task):
        future = Future()
        try:
            future.set_result(function(task))
            self.done.append(task)
        except Exception as error:
            future.set_exception(error)
        if self.breaks:
            future = Future()
            future.set_exception(BrokenProcessPool("gone"))
        return future


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of three photographs, of which one has an unknown pixel, and a text, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i, name in enumerate(NAMES):
        image = np.random.default_rng(i).uniform(size=(3, *SIZE))
        image[:, 0, 0] = np.nan if name == "c.npy" else 0
        write_image(tmp_path / "photos" / name, image)
    (tmp_path / "photos" / "notes.txt").write_text("of a journey")
    return tmp_path / "photos"


@pytest.fixture
def here(monkeypatch):
    """In the place of processes: this one."""
    worker = Here()

    @contextlib.contextmanager
    def local(count, cores):
        yield executors.Workforce(worker, lambda: count, 1, "here")

    monkeypatch.setattr(executors, "local", local)
    return worker


def names(path):
    return sorted(file.name for file in path.iterdir() if file.name != ".lock")


ALL = sorted(["fit.json", *(f"{name[0]}{suffix}" for name in NAMES for suffix in (".gauss", ".fit.png"))])


def test_processes_fit_a_folder_as_one_by_one(call, photos):
    code, out, err = call("fit", "photos", *QUICK, "-o", "fits", "--processes", 1)
    assert (code, err) == (0, "")
    assert names(photos.parent / "fits") == ALL
    for i, name in enumerate(NAMES):
        assert call("fit", photos / name, *QUICK, "-o", f"{name}.gauss")[0] == 0
        assert (photos.parent / f"fits/{name[0]}.gauss").read_bytes() == (photos.parent / f"{name}.gauss").read_bytes()
        psnr = Picture.load(f"{name}.gauss").fit_psnr
        assert f"{i + 1} of 3: {name}: PSNR {psnr:.2f} dB, 6 Gaussians, " in out
    assert "3 images in fits, mean PSNR " in out


def test_processes_are_as_many_as_use_the_cores_and_share_them(monkeypatch):
    asked = []
    monkeypatch.setattr(executors.parallel, "available_cores", lambda: 8)
    monkeypatch.setattr(executors, "local", lambda *counts: asked.append(counts))
    for images, processes in ((100, None), (3, None), (100, 2)):
        executors.hired(images, scheduler=None, processes=processes)
    assert asked == [(8, 8), (3, 8), (2, 8)]


@pytest.mark.parametrize(("count", "threads"), [(2, 4), (3, 2), (9, 1)])
def test_threads_are_divided_by_the_processes(monkeypatch, count, threads):
    monkeypatch.setattr(executors, "ProcessPoolExecutor", lambda *_, **__: Here())
    monkeypatch.setattr(executors.os, "getpid", lambda task=None: 0)
    monkeypatch.setattr(Here, "submit", lambda *_: None)
    with executors.local(count, 8) as workforce:
        assert (workforce.threads, workforce.at_once()) == (threads, count)


def test_what_cannot_be_read_is_named_at_the_end_and_resume_does_it_alone(call, photos, here):
    (photos / "b.tif").write_text("no image")
    code, out, err = call("fit", "photos", *QUICK, "-o", "fits")
    assert code == 2
    assert err.startswith(f"gaussgrad: 1 of 3 images are missing: {photos / 'b.tif'} cannot be read as an image (")
    assert err.count("\n") == 1
    assert "b.tif: not fitted" in out
    assert names(photos.parent / "fits") == [name for name in ALL if name[0] != "b"]
    write_image(photos / "b.tif", np.zeros((1, *SIZE)), overwrite=True)
    here.done.clear()
    code, out, _ = call("fit", "-o", "fits", "--resume", "-n", 6)
    assert (code, len(here.done)) == (0, 1)
    assert names(photos.parent / "fits") == ALL
    assert call("fit", "-o", "fits", "--resume")[:2] == (0, "Nothing is missing in fits.\n")


def test_one_image_that_cannot_be_fitted_leaves_the_others(call, photos, here, monkeypatch):
    fit = folder.fit
    monkeypatch.setattr(folder, "fit", lambda task: 1 / 0 if task.photograph.numbers.dtype == np.uint8 else fit(task))
    code, _, err = call("fit", "photos", *QUICK, "-o", "fits")
    assert (code, err) == (2, "gaussgrad: 1 of 3 images are missing: a.png: ZeroDivisionError: division by zero\n")
    assert len(here.done) == 2


def test_after_ctrl_c_what_is_done_stays_and_resume_does_the_others(call, photos, here, monkeypatch):
    fresh_file = folder.fresh_file

    def interrupted(path, overwrite=False):
        if path.name == "b.gauss":
            signal.default_int_handler(signal.SIGINT, None)  # where Ctrl-C is not ignored, as behind `&`
        return fresh_file(path, overwrite)

    monkeypatch.setattr(folder, "fresh_file", interrupted)
    monkeypatch.setattr(folder, "wait", lambda at_work, **_: folder_wait(at_work))
    code, out, _ = call("fit", "photos", *QUICK, "-o", "fits")
    assert code == 130
    assert "Interrupted: 1 of 3 images are done. Go on with: gaussgrad fit -o fits --resume" in out
    assert names(photos.parent / "fits") == ["a.fit.png", "a.gauss", "b.fit.png", "fit.json"]
    before = (photos.parent / "fits/a.gauss").stat().st_mtime_ns
    monkeypatch.setattr(folder, "fresh_file", fresh_file)
    here.done.clear()
    assert call("fit", "-o", "fits", "--resume")[0] == 0
    assert (len(here.done), names(photos.parent / "fits")) == (2, ALL)
    assert (photos.parent / "fits/a.gauss").stat().st_mtime_ns == before


def folder_wait(at_work):
    """The first of those at work, in the order of their names."""
    return type("Done", (), {"done": [next(iter(at_work))]})


def test_processes_that_end_on_their_own_are_told_in_one_line(call, photos, here):
    here.breaks = True
    code, _, err = call("fit", "photos", *QUICK, "-o", "fits")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("gaussgrad: those who fitted the images are gone. What is done stays. Go on with --resume")


def test_overwrite_begins_anew(call, photos, here):
    assert call("fit", "photos", *QUICK, "-o", "fits")[0] == 0
    here.breaks = True
    assert call("fit", "photos", *QUICK, "--seed", 1, "-o", "fits", "--overwrite")[0] == 2
    assert names(photos.parent / "fits") == ["fit.json"]  # --resume does not take old ones for new
    here.breaks = False
    code, _, err = call("fit", "-o", "fits", "--resume", "--seed", 0)
    assert (code, err) == (2, "gaussgrad: --seed must be 1, as the fit was started; got 0. Leave it out.\n")


REFUSED = {
    "one stem": (["twins", "-o", "fits"], "a.jpg and a.png in twins would both become a.gauss. Rename one of them"),
    "no image": (["empty", "-o", "fits"], "empty holds no image that ends in .png"),
    "same folder": (["photos", "-o", "photos"], "--output must be another folder than that of the images"),
    "file": (["photos", "-o", "photos/a.png"], "--output must be a folder"),
    "no folder": (["photoz", "-o", "fits"], "gaussgrad: photoz: No such file or directory."),
    "no parent": (["photos", "-o", "none/fits"], "none for the output fits does not exist"),
    "fits": (["photos", "-o", "there"], "a.gauss exists already. Go on with --resume, or add --overwrite"),
    "mask": (["photos", "-o", "fits", "--mask", "m.png"], "--mask must be left out for a folder of images"),
    "animate": (["photos", "-o", "fits", "--animate", "a.gif"], "--animate must be left out for a folder of images"),
    "processes": (["photos/a.png", "-o", "a.gauss", "--processes", 2], "--processes must be left out for one image"),
    "scheduler": (["photos/a.png", "-o", "a.gauss", "--scheduler", "x"], "--scheduler must be left out for one image"),
    "both": (["photos", "-o", "fits", "--scheduler", "x", "--processes", 2], "--processes must be left out with"),
    "psnr": (["photos", "-o", "fits", "--psnr", "nan"], "psnr must be a number of dB; got nan"),
    "no fits": (["-o", "empty", "--resume"], "fit.json does not exist: there are no fits to go on with"),
    "damaged": (["-o", "damaged", "--resume"], "fit.json cannot be read as the settings of fits"),
    "no image given": (["-o", "empty"], "--output must be a file ending in .gauss"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_user_can_mend_is_one_line_before_any_work(call, photos, here, kind):
    for name in ("twins", "empty", "there", "damaged"):
        (photos.parent / name).mkdir()
    for name in ("twins/a.png", "twins/a.jpg", "there/a.gauss", "damaged/fit.json"):
        (photos.parent / name).write_text("something")
    arguments, words = REFUSED[kind]
    before = {path: names(path) for path in photos.parent.iterdir()}
    code, out, err = call("fit", *arguments)
    assert (code, out, here.done) == (2, "", [])
    assert err.count("\n") == 1
    assert words in err.replace(f"{photos.parent}/", "")
    assert {path: names(path) for path in photos.parent.iterdir()} == before
