"""What Lightning trains: the autoencoder with its loss and schedule, and the images in batches."""

from collections.abc import Iterator

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.utils.data import DataLoader, Sampler, TensorDataset

from gaussgrad import metrics
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.data import Split
from gaussgrad.training.augment import random_affine
from gaussgrad.training.configuration import Configuration
from gaussgrad.training.objective import objective
from gaussgrad.training.processes import share

WARM_UP = 0.2  # share of the steps in which the learning rate rises; then it falls along a cosine
WEIGHT_DECAY = 0.01
HELD_OUT_BATCH = 500


class AutoencoderModule(lightning.LightningModule):
    """The objective, AdamW, and one cycle of the learning rate over all steps; the loss that is logged is the error.

    Every random number of step i comes from the seed, the leg and i, so that a resumed training goes on as if never
    stopped.
    """

    def __init__(self, model: GaussianAutoencoder, configuration: Configuration, leg: int = 0) -> None:
        super().__init__()
        self.model = model
        self.configuration = configuration
        self.leg = leg
        self._squared_errors: list[torch.Tensor] = []

    def training_step(self, batch: list[torch.Tensor], batch_index: int) -> torch.Tensor:
        (images,) = batch
        rank, processes = share()
        generator = _generator(self.configuration.seed, self.leg, self.global_step * processes + rank)
        if self.configuration.augment:
            images = random_affine(images, generator)
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))  # what layers draw by themselves
        wanted, error = self.objective(images)
        self.log(
            "loss", error, on_step=False, on_epoch=True, logger=False, batch_size=len(images), sync_dist=processes > 1
        )
        return wanted

    def objective(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a step makes smaller, and the mean squared error to be watched."""
        return objective(self.model, images, self.configuration.presence_cost)

    def on_train_epoch_end(self) -> None:
        """Log the loss now: Lightning does so after the checkpoint, and a run killed in between would miss a row."""
        values = {"epoch": self.current_epoch, "loss": float(self.trainer.callback_metrics["loss"])}
        for logger in self.loggers:
            logger.log_metrics(values, step=self.global_step)

    def on_validation_epoch_start(self) -> None:
        self._squared_errors.clear()

    def validation_step(self, batch: list[torch.Tensor], batch_index: int) -> None:
        (images,) = batch
        self._squared_errors.append((self.model(images) - images).square().double().mean(dim=(1, 2, 3)))

    def on_validation_epoch_end(self) -> None:
        error = torch.cat(self._squared_errors).mean()
        self.log("held_out_psnr", torch.tensor(metrics.decibels(float(error))), sync_dist=share()[1] > 1)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        rate = self.configuration.pace[1]
        optimizer = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=WARM_UP)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class ImageBatches(lightning.LightningDataModule):
    """Training images shuffled anew each epoch by the seed, held-out images in order."""

    def __init__(self, pixels: np.ndarray, split: Split, configuration: Configuration, leg: int = 0) -> None:
        super().__init__()
        self.training = torch.from_numpy(pixels[split.training])
        self.held_out = torch.from_numpy(pixels[split.held_out])
        self.sampler = ShuffledBatches(len(self.training), configuration.pace[0], configuration.seed, leg)

    def train_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        return DataLoader(TensorDataset(self.training), batch_size=None, sampler=self.sampler)

    def val_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        return DataLoader(TensorDataset(self.held_out), batch_size=HELD_OUT_BATCH)


class ShuffledBatches(Sampler[list[int]]):
    """Positions in batches of one size, those left over left out; Lightning tells it the epoch."""

    def __init__(self, count: int, batch_size: int, seed: int, leg: int = 0) -> None:
        self.count, self.seed, self.leg, self.epoch = count, seed, leg, 0
        self.batch_size = min(batch_size, count)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(self.count, generator=_generator(self.seed, self.leg, self.epoch)).tolist()
        rank, processes = share()  # each takes its share of every batch, so that a step sees the same images
        size = self.batch_size // processes
        for batch in range(len(self)):
            first = batch * self.batch_size + rank * size
            yield order[first : first + size]


def _generator(seed: int, leg: int, position: int) -> torch.Generator:
    """A generator for one step or epoch of a leg."""
    mixed = np.random.SeedSequence((seed, leg, position) if leg else (seed, position)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed))
