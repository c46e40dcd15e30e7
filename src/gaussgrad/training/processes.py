"""Which of several processes this is: Lightning starts them for --devices, torchrun on one machine or many."""

import os

import torch

from gaussgrad import checks


def started_by_torchrun() -> bool:
    """Whether torchrun started this process and its companions."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """The number of this process: 0 writes the run, others only train along."""
    return int(os.environ.get("RANK" if started_by_torchrun() else "LOCAL_RANK", 0))


def count(devices: int) -> int:
    """How many processes train in all."""
    return int(os.environ["WORLD_SIZE"]) if started_by_torchrun() else devices


def placement(devices: int) -> dict[str, int | str]:
    """What Lightning is told: processes on this machine, machines, and how they work together."""
    if not started_by_torchrun():
        return {"devices": devices, "num_nodes": 1, "strategy": "ddp" if devices > 1 else "auto"}
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return {"devices": here, "num_nodes": count(devices) // here, "strategy": "ddp"}


def share() -> tuple[int, int]:
    """The number of this process and how many there are, once they have met."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def refuse_options(devices: int, batch_size: int, minutes: float | None, overwrite: bool) -> None:
    """Refuse what several processes cannot agree on."""
    processes = count(devices)
    if processes == 1:
        return
    if batch_size % processes:
        wanted = f"a multiple of the {processes} processes, which share each batch"
        raise ValueError(checks.complain("--batch-size", wanted, batch_size))
    if minutes is not None:
        cure = "Use --epochs: each process would time steps of its own."
        raise ValueError(checks.complain("--minutes", f"left out for {processes} processes", minutes, cure))
    if overwrite and started_by_torchrun():
        cure = "Remove RUN first: the processes start at once, and one could still find the old run."
        raise ValueError(checks.complain("--overwrite", "left out under torchrun", "it", cure))
