"""Which of several processes this is: Lightning starts them for --devices, a launcher on one machine or many."""

import os
import socket
from pathlib import Path

import torch
from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    KubeflowEnvironment,
    LightningEnvironment,
    LSFEnvironment,
    MPIEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from gaussgrad import checks

LAUNCHERS: dict[type[ClusterEnvironment], str] = {
    TorchElasticEnvironment: "torchrun",  # first, for it may run inside of the others
    SLURMEnvironment: "srun",
    LSFEnvironment: "jsrun",
    MPIEnvironment: "mpirun",
    KubeflowEnvironment: "Kubeflow",
}
KUBEFLOW = {"MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"}  # what a PyTorchJob sets, and no LOCAL_RANK


def cluster() -> ClusterEnvironment:
    """What started this process and its companions, as Lightning asks it."""
    for kind in LAUNCHERS:
        if _started_by(kind):
            try:
                # a job that SLURM queues again would find its own RUN: --resume goes on with it
                return SLURMEnvironment(auto_requeue=False) if kind is SLURMEnvironment else kind()
            except RuntimeError as error:  # SLURM with --ntasks in place of --ntasks-per-node
                raise ValueError(str(error)) from error
    return LightningEnvironment()


def _started_by(kind: type[ClusterEnvironment]) -> bool:
    if kind is KubeflowEnvironment:  # Lightning leaves this question open
        return os.environ.keys() >= KUBEFLOW and "LOCAL_RANK" not in os.environ
    return kind.detect()


def launcher() -> str | None:
    """The name of the launcher that started this process and its companions; None where Lightning starts them."""
    return LAUNCHERS.get(type(cluster()))


def rank() -> int:
    """The number of this process: 0 writes the run, others only train along."""
    start = cluster()
    return start.local_rank() if isinstance(start, LightningEnvironment) else start.global_rank()


def count(devices: int) -> int:
    """How many processes train in all."""
    start = cluster()
    return devices if isinstance(start, LightningEnvironment) else start.world_size()


def placement(devices: int) -> dict[str, int | str]:
    """What Lightning is told: processes on this machine, machines, and how they work together."""
    start = cluster()
    if isinstance(start, LightningEnvironment):
        return {"devices": devices, "num_nodes": 1, "strategy": "ddp" if devices > 1 else "auto"}
    here = _count_here(start)
    return {"devices": here, "num_nodes": start.world_size() // here, "strategy": "ddp"}


def _count_here(start: ClusterEnvironment) -> int:
    """How many of the processes run on this machine, which Lightning does not ask a launcher."""
    if isinstance(start, TorchElasticEnvironment):
        return int(os.environ["LOCAL_WORLD_SIZE"])
    if isinstance(start, SLURMEnvironment):
        return int(os.environ.get("SLURM_NTASKS_PER_NODE", 1))
    if isinstance(start, LSFEnvironment):
        _, *hosts = Path(os.environ["LSB_DJOB_RANKFILE"]).read_text(encoding="utf-8").split()  # first what launches
        return hosts.count(socket.gethostname())
    if isinstance(start, MPIEnvironment):
        from mpi4py import MPI

        return MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
    return 1


def share() -> tuple[int, int]:
    """The number of this process and how many there are, once they have met."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def refuse_options(devices: int, batch_size: int | None, minutes: float | None, overwrite: bool) -> None:
    """Refuse what several processes cannot agree on."""
    processes, started_by = count(devices), launcher()
    if started_by is not None and devices not in (1, processes):
        raise ValueError(checks.complain("--devices", f"left out under {started_by}, which sets it", devices))
    if processes == 1:
        return
    if batch_size is not None and batch_size % processes:
        wanted = f"a multiple of the {processes} processes, which share each batch"
        raise ValueError(checks.complain("--batch-size", wanted, batch_size))
    if minutes is not None:
        cure = "Use --epochs: each process would time steps of its own."
        raise ValueError(checks.complain("--minutes", f"left out for {processes} processes", minutes, cure))
    if overwrite and started_by is not None:
        cure = "Remove RUN first: the processes start at once, and one could still find the old run."
        raise ValueError(checks.complain("--overwrite", f"left out under {started_by}", "it", cure))
