"""Train: from a run and its images to a trained model, with Lightning's checkpoints, log and timer."""

import contextlib
import copy
import datetime
import importlib.util
import logging
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from rich.console import Console

from gaussgrad import checks, metrics
from gaussgrad.autoencoder import variational_storage
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.data import Images, Split
from gaussgrad.training import evidence_bound, processes
from gaussgrad.training.checkpoints import WholeCheckpoints, refuse_unfit
from gaussgrad.training.configuration import DEFAULT_STEPS, GUIDED_PACE, PACE, Configuration
from gaussgrad.training.evidence_bound import VariationalModule
from gaussgrad.training.health import HealthCheck
from gaussgrad.training.modules import AutoencoderModule, ImageBatches, ShuffledBatches
from gaussgrad.training.objective import objective
from gaussgrad.training.progress import ProgressBar
from gaussgrad.training.run import Run, logs_of_leg

INTERVALS = 200  # at most so many validations and checkpoints, so that tiny data sets do not drown in them
TIMED_STEPS = 12
LOOKED_AT = 1000  # images, for the usual pixel
_ADVICE = (
    ".*does not have many workers",  # the images are in memory
    ".*Checkpoint directory .* exists and is not empty",  # when resuming
    ".*LeafSpec",  # between Lightning and torch
)
LONGEST_GRADIENT = 1.0  # of all parameters together: an image that fits badly moves them no further
TIME_SHARE = 0.9  # of the minutes given, to be planned with


def refuse_missing_device(device: str) -> None:
    """Refuse a GPU that torch does not find."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(checks.complain("--device", "cpu where torch finds no GPU", device, "Leave it out."))


def new_model(configuration: Configuration, images: Images) -> GaussianAutoencoder:
    """An untrained model for the images, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        model = GaussianAutoencoder(
            images.size,
            channels=images.channels,
            black=images.scale.black if images.scale else None,
            white=images.scale.white if images.scale else None,
            tiled=configuration.tile is not None,
            resized=configuration.resize is not None,
            **configuration.model_arguments,
        )
    if model.guided:  # a look adds and takes away light: it has least to do around the usual pixel
        usual = np.median(images.pixels[:LOOKED_AT], axis=(0, 2, 3))
        model.background.data.copy_(torch.from_numpy(usual))
    return model


def planned(configuration: Configuration, images: Images, split: Split) -> Configuration:
    """The configuration with what it leaves open: images per step, learning rate and number of epochs.

    Several processes take equal shares of a batch, which is made larger for it.
    """
    pace = dict(GUIDED_PACE if new_model(configuration, images).guided else PACE)
    count = processes.count(configuration.devices)
    pace["batch_size"] = count * math.ceil(pace["batch_size"] / count)
    open_ones = {name: value for name, value in pace.items() if getattr(configuration, name) is None}
    return _with_epochs(replace(configuration, **open_ones), images, split)


def _with_epochs(configuration: Configuration, images: Images, split: Split) -> Configuration:
    """The number of epochs as given, or what fits the minutes, or what makes DEFAULT_STEPS.

    Minutes are turned into epochs by timing a few steps once; the number is recorded with the run, which `epochs` then
    repeats exactly.
    """
    if configuration.epochs is not None:
        return configuration
    steps_per_epoch = len(ShuffledBatches(len(split.training), configuration.pace[0], seed=0))
    if configuration.minutes is None:
        return replace(configuration, epochs=math.ceil(DEFAULT_STEPS / steps_per_epoch))
    seconds = steps_per_epoch * _step_seconds(configuration, images, split)
    return replace(configuration, epochs=max(1, int(TIME_SHARE * 60 * configuration.minutes / seconds)))


def _step_seconds(configuration: Configuration, images: Images, split: Split) -> float:
    """The time of one training step, the held-out images' share of it included."""
    model = new_model(configuration, images).train().to(configuration.device)
    batch = torch.from_numpy(images.pixels[split.training[: configuration.pace[0]]]).to(configuration.device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    start = 0.0
    for step in range(TIMED_STEPS):
        if step == 2:  # the first ones compile
            start = _seconds_when_settled(configuration.device)
        optimizer.zero_grad()
        objective(model, batch, configuration.presence_cost)[0].backward()
        optimizer.step()
    validation = 1 + len(split.held_out) / len(split.training) / 3
    return validation * (_seconds_when_settled(configuration.device) - start) / (TIMED_STEPS - 2)


def _seconds_when_settled(device: str) -> float:
    """The clock, read when the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def fit(run: Run, images: Images, split: Split, baselines: metrics.Baselines, console: Console) -> GaussianAutoencoder:
    """The trained model; goes on from the run's checkpoint where there is one.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the checkpoint of the last whole interval is there to go on from.
    """
    module = _new_module(run, images)
    with _quiet(), torch.random.fork_rng(devices=[]):  # Lightning and data loaders draw from the global generator
        held_out = torch.from_numpy(images.pixels[split.held_out])
        trainer = _trainer(run, baselines, console, held_out, guided=module.model.guided)
        resumed = _checkpoint(run, module)
        try:
            batches = ImageBatches(images.pixels, split, run.configuration, len(run.legs))
            trainer.fit(module, batches, ckpt_path=resumed, weights_only=True)
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    if isinstance(module, VariationalModule) and trainer.is_global_zero:
        evidence_bound.write(run, copy.deepcopy(module.variational).to("cpu").eval(), images, split)
    return copy.deepcopy(module.model).to("cpu").eval()


def _new_module(run: Run, images: Images) -> AutoencoderModule:
    """What Lightning trains, the same for the same seed; with the weights of the leg before, if there is one."""
    configuration, leg = run.configuration, len(run.legs)
    model = GaussianAutoencoder.load(run.model).train() if leg else new_model(configuration, images)
    if configuration.objective == "mse":
        return AutoencoderModule(model, configuration, leg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        module = VariationalModule(model, configuration, leg)
    if leg:
        module.variational = variational_storage.load(run.variational, model)[0].train()
    return module


def _loggers(run: Run) -> list[Logger]:
    """The table that the report reads, and TensorBoard's if wanted."""
    table = CSVLogger(logs_of_leg(run, len(run.legs)), name="", flush_logs_every_n_steps=1)
    return [table, TensorBoardLogger(run.folder, name="tensorboard")] if run.configuration.tensorboard else [table]


def refuse_missing_tensorboard(wanted: bool) -> None:
    """Refuse a log that no package can write."""
    if wanted and not any(importlib.util.find_spec(name) for name in ("tensorboard", "tensorboardX")):
        cure = "Use: python -m pip install tensorboard"
        raise ValueError(f"--tensorboard needs the package tensorboard or tensorboardX. {cure}")


def _checkpoint(run: Run, module: AutoencoderModule) -> str | None:
    """The checkpoint to go on from, if there is one, whole, and of this model."""
    if run.replaces or not run.checkpoint.is_file():  # asked in this order: the process of rank 0 may be removing it
        return None
    refuse_unfit(run.checkpoint, module)
    return str(run.checkpoint)


def _trainer(
    run: Run, baselines: metrics.Baselines, console: Console, held_out: torch.Tensor, *, guided: bool
) -> lightning.Trainer:
    configuration = run.configuration
    interval = math.ceil(run.epochs / INTERVALS)
    checkpoint = ModelCheckpoint(
        dirpath=run.checkpoint.parent,
        filename=run.checkpoint.stem,
        monitor=None,
        save_top_k=1,
        enable_version_counter=False,
        every_n_epochs=interval,
        save_on_train_epoch_end=True,
    )
    minutes = configuration.minutes
    return lightning.Trainer(
        accelerator=configuration.device,
        **processes.placement(configuration.devices),  # type: ignore[arg-type]
        use_distributed_sampler=False,  # ours shares batches out
        max_epochs=run.epochs,
        max_time=None if minutes is None else datetime.timedelta(minutes=minutes),
        check_val_every_n_epoch=interval,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        logger=_loggers(run),
        callbacks=[checkpoint, ProgressBar(console, baselines), HealthCheck(console, held_out)],
        plugins=[WholeCheckpoints(), processes.cluster()],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=run.folder,
        gradient_clip_val=LONGEST_GRADIENT if guided else None,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice off the console; errors still come through."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            for message in _ADVICE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
