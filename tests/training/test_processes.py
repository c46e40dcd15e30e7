"""Several processes share each batch and end where one process ends; TensorBoard's log is written when asked for."""

import csv
import json
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trainings
from tiny_images import spots

from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.cli import main
from gaussgrad.training import loop, modules, processes

SCRIPT = "from gaussgrad.cli import main\n\nmain()\n"
FORKED_SCRIPT = "import sys\nfrom trainings import train\n\ntrain(sys.argv[1:])\n"
OPTIONS = ("-n", "2", "--epochs", "2", "--batch-size", "8", "--no-augment", "--looks", "0")


def with_devices(folder, forked, arguments):
    """What the command prints that starts a second process itself."""
    log = folder / "devices.txt"
    number = forked(trainings.start_as_script, log, folder / "script.py", (*arguments, "--devices", 2))
    return printed_by(number, log, forked)


def with_torchrun(folder, forked, arguments):
    """What two processes print that torchrun started."""
    log = folder / "torchrun.txt"
    number = forked(trainings.start_under_torchrun, log, folder / "forked_script.py", arguments)
    return printed_by(number, log, forked)


def printed_by(number, log, forked):
    """What a process printed, which must end without an error."""
    if forked(trainings.exit_code, number, 240) != 0:
        raise AssertionError(log.read_text())
    return log.read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images, scripts, and a run of one process."""
    folder = tmp_path_factory.mktemp("processes")
    np.save(folder / "images.npy", spots())
    (folder / "script.py").write_text(SCRIPT)
    (folder / "forked_script.py").write_text(FORKED_SCRIPT)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["train", str(folder / "images.npy"), "-o", str(folder / "one"), *OPTIONS, "--tensorboard"])
    return folder


def figures(run: Path):
    return json.loads((run / "metrics.json").read_text())


def losses(run: Path):
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


LAUNCHERS = {"devices": with_devices, "torchrun": with_torchrun}


@pytest.mark.long
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
@pytest.mark.skipif(sys.platform != "linux", reason="Lightning's processes on the CPU are tried on Linux")
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_match_one_in_the_figures_that_should(folder, launcher, forked):
    run = folder / launcher
    printed = LAUNCHERS[launcher](folder, forked, ("train", folder / "images.npy", "-o", run, *OPTIONS))
    assert printed.count("to train on") == 1  # one process speaks
    one, two = figures(folder / "one"), figures(run)
    for name in ("pca_psnr", "mean_image_psnr", "epochs", "training_images", "held_out_images", "numbers_per_image"):
        assert two[name] == one[name], name
    # batch norm sees half a batch in each process, so the steps differ a little
    np.testing.assert_allclose(losses(run), losses(folder / "one"), rtol=0.15)
    assert losses(run) != losses(folder / "one")  # as those of two that train alone would be
    np.testing.assert_allclose(two["held_out_psnr"], one["held_out_psnr"], rtol=0, atol=0.5)
    GaussianAutoencoder.load(run / "model")


def test_tensorboard_gets_a_log_when_asked(folder):
    assert len(list((folder / "one" / "tensorboard").rglob("events.out.tfevents.*"))) == 1


def test_tensorboard_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr(loop.importlib.util, "find_spec", lambda name: None)
    loop.refuse_missing_tensorboard(False)
    with pytest.raises(ValueError, match="--tensorboard needs the package tensorboard or tensorboardX"):
        loop.refuse_missing_tensorboard(True)


@pytest.mark.parametrize("count", [2, 3])
def test_the_shares_of_all_processes_make_up_the_batches_of_one(monkeypatch, count):
    whole = list(modules.ShuffledBatches(40, 12, seed=3))
    shares = []
    for rank in range(count):
        monkeypatch.setattr(modules, "share", lambda rank=rank: (rank, count))
        shares.append(list(modules.ShuffledBatches(40, 12, seed=3)))
    joined = [[i for part in parts for i in part] for parts in zip(*shares, strict=True)]
    assert joined == whole


def torchrun(monkeypatch, **values):
    for name, value in {"TORCHELASTIC_RUN_ID": "none", **values}.items():
        monkeypatch.setenv(name, str(value))


def test_torchrun_tells_processes_and_machines(monkeypatch):
    torchrun(monkeypatch, RANK=5, WORLD_SIZE=8, LOCAL_WORLD_SIZE=4)
    assert (processes.rank(), processes.count(1)) == (5, 8)
    assert processes.placement(1) == {"devices": 4, "num_nodes": 2, "strategy": "ddp"}


SLURM = {"SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "1", "SLURM_NODELIST": "127.0.0.1", "SLURM_NODEID": "0"}


def slurm(ntasks, per_node, rank):
    """The variables that srun sets."""
    counts = {"SLURM_NTASKS": ntasks, "SLURM_NTASKS_PER_NODE": per_node, "SLURM_NNODES": ntasks // per_node}
    ranks = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank % per_node}
    return SLURM | {name: str(value) for name, value in (counts | ranks).items()}


def test_srun_tells_processes_and_machines(monkeypatch):
    for name, value in slurm(ntasks=8, per_node=4, rank=5).items():
        monkeypatch.setenv(name, value)
    assert (processes.rank(), processes.count(1), processes.launcher()) == (5, 8, "srun")
    assert processes.placement(1) == {"devices": 4, "num_nodes": 2, "strategy": "ddp"}
    with pytest.raises(ValueError, match="--devices must be left out under srun"):
        processes.refuse_options(2, 8, None, False)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(ValueError, match="--ntasks-per-node"):
        processes.rank()
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")  # one process, typed into a shell of SLURM
    assert (processes.rank(), processes.count(2), processes.launcher()) == (0, 2, None)


def test_torchrun_inside_slurm_is_torchrun(monkeypatch):
    for name, value in slurm(ntasks=2, per_node=1, rank=1).items():
        monkeypatch.setenv(name, value)
    torchrun(monkeypatch, RANK=3, WORLD_SIZE=4, LOCAL_WORLD_SIZE=2)
    assert (processes.rank(), processes.count(1), processes.launcher()) == (3, 4, "torchrun")


def test_jsrun_tells_processes_and_machines(monkeypatch, tmp_path):
    machines = tmp_path / "ranks"
    machines.write_text("\n".join(["launching", *["other"] * 2, *[socket.gethostname()] * 2]))
    for name in ("MASTER_ADDR", "MASTER_PORT"):  # Lightning sets them
        monkeypatch.setenv(name, "1")
    values = {"LSB_JOBID": 1, "LSB_DJOB_RANKFILE": machines, "JSM_NAMESPACE_LOCAL_RANK": 1}
    for name, value in {**values, "JSM_NAMESPACE_SIZE": 4, "JSM_NAMESPACE_RANK": 3}.items():
        monkeypatch.setenv(name, str(value))
    assert (processes.rank(), processes.count(1), processes.launcher()) == (3, 4, "jsrun")
    assert processes.placement(1) == {"devices": 2, "num_nodes": 2, "strategy": "ddp"}


def test_mpirun_tells_processes_and_machines(monkeypatch):
    here = SimpleNamespace(Get_size=lambda: 2)
    world = SimpleNamespace(Get_size=lambda: 6, Get_rank=lambda: 4, Split_type=lambda kind: here)
    mpi = SimpleNamespace(COMM_WORLD=world, COMM_TYPE_SHARED=None)
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=mpi))
    monkeypatch.setattr("lightning.fabric.plugins.environments.mpi._MPI4PY_AVAILABLE", True)
    assert (processes.rank(), processes.count(1), processes.launcher()) == (4, 6, "mpirun")
    assert processes.placement(1) == {"devices": 2, "num_nodes": 3, "strategy": "ddp"}


def test_kubeflow_tells_processes_and_machines(monkeypatch):
    for name, value in {"MASTER_ADDR": "a", "MASTER_PORT": 1, "WORLD_SIZE": 3, "RANK": 2}.items():
        monkeypatch.setenv(name, str(value))
    assert (processes.rank(), processes.count(1), processes.launcher()) == (2, 3, "Kubeflow")
    assert processes.placement(1) == {"devices": 1, "num_nodes": 3, "strategy": "ddp"}


@pytest.mark.parametrize("rank", [0, 1])
def test_processes_that_lightning_starts_are_known_by_their_place(monkeypatch, rank):
    if rank:  # as it starts them
        for name, value in {"MASTER_ADDR": "a", "MASTER_PORT": 1, "WORLD_SIZE": 2, "LOCAL_RANK": rank}.items():
            monkeypatch.setenv(name, str(value))
    assert (processes.rank(), processes.count(2), processes.launcher()) == (rank, 2, None)
    assert processes.placement(2) == {"devices": 2, "num_nodes": 1, "strategy": "ddp"}


@pytest.mark.long
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
@pytest.mark.skipif(sys.platform != "linux", reason="Lightning's processes on the CPU are tried on Linux")
def test_tasks_of_srun_make_one_run(folder, forked):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = ("train", folder / "images.npy", "-o", folder / "srun", *OPTIONS, "--epochs", "1")
    logs = [folder / f"srun-{rank}.txt" for rank in range(2)]
    tasks = [
        forked(trainings.start, log, arguments, slurm(ntasks=2, per_node=2, rank=rank) | {"MASTER_PORT": port})
        for rank, log in enumerate(logs)
    ]
    codes = [forked(trainings.exit_code, task, 240) for task in tasks]
    printed = [log.read_text() for log in logs]
    assert codes == [0, 0], printed
    assert ["to train on" in text for text in printed] == [True, False]  # one process speaks
    assert figures(folder / "srun")["epochs"] == 1


def test_what_processes_cannot_agree_on_is_refused(monkeypatch):
    processes.refuse_options(1, 7, 3.0, True)
    with pytest.raises(ValueError, match="--batch-size must be a multiple of the 2 processes"):
        processes.refuse_options(2, 7, None, False)
    with pytest.raises(ValueError, match="--minutes must be left out for 2 processes"):
        processes.refuse_options(2, 8, 3.0, False)
    torchrun(monkeypatch, WORLD_SIZE=2)
    with pytest.raises(ValueError, match="--overwrite must be left out under torchrun"):
        processes.refuse_options(1, 8, None, True)
