"""Checkpoints that are whole whenever a process is killed or a disk is full, and a look at those that are there."""

import io as memory
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gaussgrad.files.folders import fresh_file

LIGHTNING = {"epoch", "global_step", "loops", "lr_schedulers", "optimizer_states", "state_dict"}  # what it reads again


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, written beside the last one and renamed.

    Lightning writes to the system's folder for temporary files and moves from there; where that folder is on another
    disk, this copies byte by byte over the last good checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        content = memory.BytesIO()
        torch.save(checkpoint, content)
        with fresh_file(path, overwrite=True) as partial:
            partial.write_bytes(content.getbuffer())


def refuse_unfit(path: Path, module: torch.nn.Module) -> None:
    """Refuse a checkpoint that is damaged, or was written for another model than the module."""
    cure = "Start anew with --overwrite."
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what damaged bytes raise cannot be listed
        raise ValueError(f"{path} is damaged. {cure}") from error
    if (
        not isinstance(held, dict)
        or not held.keys() >= LIGHTNING
        or _shapes(held["state_dict"]) != _shapes(module.state_dict())
    ):
        raise ValueError(f"{path} is no checkpoint of this run. {cure}")


def _shapes(state: Any) -> dict[str, Any]:
    """The shapes of what a state holds, by name; nothing for what is no state."""
    if not isinstance(state, dict):
        return {}
    return {name: getattr(value, "shape", None) for name, value in state.items()}
