"""What the console shows while training: one bar, the loss, the held-out PSNR, and that of PCA beside it."""

from typing import Any

import lightning
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gaussgrad.metrics import Baselines

REPORTS = 10  # lines in all where the console is no terminal


class ProgressBar(lightning.Callback):
    """A bar over all epochs; where the output goes to a file, a line every tenth of the way."""

    def __init__(self, console: Console, baselines: Baselines) -> None:
        self.console = console
        self.pca = f"PCA-{baselines.pca_numbers} {baselines.pca:.2f} dB"
        self.figures = ""
        columns = (
            BarColumn(bar_width=10),  # all of it fits 80 columns
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=False, disable=not console.is_terminal)

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        steps = int(trainer.estimated_stepping_batches)
        self.task = self.progress.add_task("", total=steps, epoch=0, epochs=trainer.max_epochs, figures="")
        self.progress.start()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._update(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        values = trainer.callback_metrics
        held_out = f"held out {float(values['held_out_psnr']):.2f} dB, " if "held_out_psnr" in values else ""
        self.figures = f"loss {float(values['loss']):.4f}, {held_out}{self.pca}"
        self._update(trainer)
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        if not self.console.is_terminal and epoch * REPORTS // epochs > (epoch - 1) * REPORTS // epochs:
            self.console.print(f"epoch {epoch}/{epochs}: {self.figures}", soft_wrap=True)

    def _update(self, trainer: lightning.Trainer) -> None:
        epoch = trainer.current_epoch + 1
        self.progress.update(self.task, completed=trainer.global_step, epoch=epoch, figures=self.figures)

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.progress.stop()

    def on_exception(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self.progress.stop()
