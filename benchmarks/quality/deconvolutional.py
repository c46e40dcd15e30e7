"""Our rival: an autoencoder with the same encoder and as many numbers, whose decoder is a deconvolutional network."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from gaussgrad.autoencoder.encoder import ConvolutionalEncoder
from gaussgrad.training import modules
from gaussgrad.training.augment import random_affine
from gaussgrad.training.configuration import Configuration

WIDTHS = (64, 32)  # channels at a quarter and at a half of the image
TIMED_STEPS = 100
BATCH = 500


class DeconvolutionalAutoencoder(nn.Module):
    """Images (b, 1, h, w) to `numbers` numbers and back; sides must be multiples of 4."""

    def __init__(self, size: tuple[int, int], numbers: int) -> None:
        super().__init__()
        height, width = size[0] // 4, size[1] // 4
        encoder = ConvolutionalEncoder(size)
        self.encode = nn.Sequential(encoder, nn.Linear(*encoder.shape, numbers))
        self.decode = nn.Sequential(
            nn.Linear(numbers, WIDTHS[0] * height * width, bias=False),
            nn.BatchNorm1d(WIDTHS[0] * height * width),
            nn.SiLU(),
            nn.Unflatten(1, (WIDTHS[0], height, width)),
            nn.ConvTranspose2d(WIDTHS[0], WIDTHS[1], 4, 2, 1, bias=False),
            nn.BatchNorm2d(WIDTHS[1]),
            nn.SiLU(),
            nn.ConvTranspose2d(WIDTHS[1], 1, 4, 2, 1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(images))


def train(pixels: np.ndarray, numbers: int, steps: int, seed: int) -> DeconvolutionalAutoencoder:
    """A rival trained as ours is: batches, augmentation, optimizer and schedule alike."""
    torch.manual_seed(seed)
    settings = Configuration(seed=seed)
    _, rate = settings.pace
    images = torch.from_numpy(pixels)
    model = DeconvolutionalAutoencoder((images.shape[2], images.shape[3]), numbers).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=modules.WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=modules.WARM_UP)
    batches = _batches(images, settings)
    for _ in range(steps):
        _step(model, optimizer, next(batches))
        schedule.step()
    return model.eval()


def steps_within(seconds: float, pixels: np.ndarray, numbers: int) -> int:
    """How many steps fit, by timing a few."""
    images = torch.from_numpy(pixels[: Configuration().pace[0]])
    model = DeconvolutionalAutoencoder((images.shape[2], images.shape[3]), numbers).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    start = 0.0
    for step in range(TIMED_STEPS + 2):
        if step == 2:  # the first ones compile
            start = time.perf_counter()
        _step(model, optimizer, random_affine(images, generator))
    return max(1, int(seconds * TIMED_STEPS / (time.perf_counter() - start)))


def _batches(images: torch.Tensor, settings: Configuration) -> Iterator[torch.Tensor]:
    sampler = modules.ShuffledBatches(len(images), settings.pace[0], settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    while True:
        for positions in sampler:
            yield random_affine(images[positions], generator)
        sampler.set_epoch(sampler.epoch + 1)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor) -> None:
    optimizer.zero_grad()
    nn.functional.mse_loss(model(images), images).backward()
    optimizer.step()


def reconstruct(model: DeconvolutionalAutoencoder, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        parts = [model(torch.from_numpy(pixels[start : start + BATCH])) for start in range(0, len(pixels), BATCH)]
    return torch.cat(parts).numpy()
