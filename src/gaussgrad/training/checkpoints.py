"""Checkpoints that are whole whenever a process is killed or a disk is full."""

import io as memory
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gaussgrad.files.folders import fresh_file


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
