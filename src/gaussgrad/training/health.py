"""Warn while training goes wrong: Gaussians that are dead, twice the same, off the frame, and what to try."""

from typing import Any

import lightning
import torch
from rich.console import Console

from gaussgrad.console import say
from gaussgrad.fitting.diagnostics import diagnose

LOOKED_AT = 100  # held-out images
CHECKS = (0.25, 0.5, 1.0)  # shares of the epochs after which it is looked
LEAST = 0.25  # the share of Gaussians that is worth an interruption; `gaussgrad inspect` tells of fewer


class HealthCheck(lightning.Callback):
    """Say each kind of ill Gaussians once, as soon as a quarter of all are of it."""

    def __init__(self, console: Console, held_out: torch.Tensor) -> None:
        self.console = console
        self.images = held_out[:LOOKED_AT]
        self.said: set[str] = set()

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        interval = trainer.check_val_every_n_epoch or 1
        passed = any(epoch - interval < share * epochs <= epoch for share in CHECKS)
        if trainer.sanity_checking or not passed:
            return
        model: Any = module.model
        training = model.training
        model.eval()
        with torch.no_grad():
            gaussians = model.encode(self.images.to(module.device))
        model.train(training)
        for kind, sentence in diagnose(gaussians, model.size).warnings(LEAST).items():
            if kind not in self.said:
                self.said.add(kind)
                say(self.console, f"Warning after epoch {epoch}: {sentence}")
