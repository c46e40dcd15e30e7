"""gaussgrad fit --scheduler: a Dask cluster fits a folder, and its workers may be killed."""

import os
import signal
import time

import numpy as np
import pytest

from gaussgrad import Picture
from gaussgrad.files.images import write_image
from gaussgrad.fitting.sessions import executors, folder

COUNT = 3
SECONDS = 0.8  # of each image: a worker that is killed is in the middle of one


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(COUNT):
        write_image(tmp_path / f"photos/{i}.png", np.random.default_rng(i).uniform(size=(3, 12, 16)))
    return tmp_path


@pytest.fixture
def compiled(call, photos):
    """Kernels on disk, where both workers find them: each would compile its own."""
    assert call("fit", "photos/0.png", "-n", 6, "--steps", 1, "-o", "0.gauss")[0] == 0


@pytest.fixture
def cluster(compiled):
    """Two processes with a worker each, and their scheduler."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster


@pytest.mark.long
def test_a_worker_is_killed_at_its_image_and_each_image_is_there_once(call, photos, cluster, monkeypatch):
    write, killed, written = folder._write, [], []

    def kill(target, answer):
        write(target, answer)
        written.append(target.stem)
        if not killed:
            time.sleep(SECONDS / 4)
            for worker in [worker for worker in cluster.workers.values() if tasks_of(cluster, worker)][:1]:
                killed.extend(tasks_of(cluster, worker))
                worker.close_gracefully("test")  # no other is started in its place, which takes longer than the rest
                os.kill(worker.pid, signal.SIGKILL)

    monkeypatch.setattr(folder, "_write", kill)
    options = ("-n", 6, "--seconds", SECONDS, "-o", "fits", "--scheduler", cluster.scheduler_address)
    code, out, err = call("fit", "photos", *options)
    assert (code, err) == (0, "")
    assert killed
    assert sorted(written) == [str(i) for i in range(COUNT)]
    files = {path.name for path in (photos / "fits").iterdir()} - {".lock"}
    assert files == {"fit.json", *(f"{i}{suffix}" for i in range(COUNT) for suffix in (".gauss", ".fit.png"))}
    assert all(Picture.load(photos / f"fits/{i}.gauss").n == 6 for i in range(COUNT))
    assert f"on the workers of {cluster.scheduler_address}" in out


def tasks_of(cluster, worker):
    """The keys of what a worker is at."""
    return [task.key for task in cluster.scheduler.workers[worker.worker_address].processing]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1"])
def test_a_scheduler_that_does_not_answer_is_one_line(call, photos, address):
    pytest.importorskip("distributed")
    code, out, err = call("fit", "photos", "-o", "fits", "--scheduler", address)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"must be the address of a Dask scheduler that answers, as tcp://host:8786; got {address} (" in err
    assert not (photos / "fits").exists()


def test_without_dask_one_line_says_what_to_install(call, photos, monkeypatch):
    monkeypatch.setattr(executors, "find_spec", lambda _: None)
    code, out, err = call("fit", "photos", "-o", "fits", "--scheduler", "tcp://127.0.0.1:9")
    assert (code, out) == (2, "")
    assert err == 'gaussgrad: --scheduler needs Dask. Use: python -m pip install "gaussgrad[cluster]"\n'
    assert not (photos / "fits").exists()
