"""gaussgrad train: refuse early, train, report."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gaussgrad import checks, data, metrics
from gaussgrad.cli.codes import INTERRUPTED
from gaussgrad.training import loop, processes, report, variational
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration

NOT_CONFIGURED = ("output", "resume", "overwrite")


def start(folder: Path, settings: dict[str, Any], *, overwrite: bool) -> int:
    """Train anew; the exit code."""
    first = processes.rank() == 0
    if first:
        runs.refuse_folder(folder, overwrite=overwrite)
    processes.refuse_options(settings["devices"], settings["batch_size"], settings["minutes"], overwrite)
    loop.refuse_missing_tensorboard(settings["tensorboard"])
    if settings["data"] is not None and settings["data"].resolve().is_relative_to(folder.resolve()):
        raise ValueError(checks.complain("RUN", f"a folder that does not hold DATA {settings['data']}", folder))
    loop.refuse_missing_device(settings["device"])
    variational.refuse_options(settings)
    configuration = Configuration(**{**settings, "data": _absolute(settings["data"])})
    console = Console(quiet=not first)
    images = data.load(configuration.data)
    split = data.split(len(images.pixels), configuration.held_out)
    configuration = loop.with_epochs(configuration, images, split)
    run = runs.start(folder, configuration, images) if first else runs.Run(folder, configuration)
    return _train(run, images, split, console)


def resume(folder: Path, settings: dict[str, Any]) -> int:
    """Go on with a run as it was configured; the exit code."""
    run = runs.open_run(folder)
    for name, value in settings.items():
        wanted = getattr(run.configuration, name)
        if (_absolute(value) if name == "data" else value) != wanted:
            option = name if name == "data" else f"--{name}".replace("_", "-")
            raise ValueError(
                f"{option} must be {wanted}, as the run in {folder} was started; got {value}. Leave it out."
            )
    console = Console(quiet=processes.rank() > 0)
    if run.is_complete:
        console.print(f"The run in {folder} is finished.", soft_wrap=True)
        return 0
    loop.refuse_missing_device(run.configuration.device)
    images = data.load(run.configuration.data)
    runs.refuse_other_images(run, images)
    return _train(run, images, data.split(len(images.pixels), run.configuration.held_out), console)


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _train(run: runs.Run, images: data.Images, split: data.Split, console: Console) -> int:
    start_time = time.perf_counter()
    numbers = loop.new_model(run.configuration, images).numbers_per_image
    baselines = metrics.baselines(images.pixels[split.training], images.pixels[split.held_out], numbers)
    _announce(run, images, split, numbers, console)
    try:
        model = loop.fit(run, images, split, baselines, console)
    except KeyboardInterrupt:
        console.print(f"Interrupted. Go on with: gaussgrad train -o {run.folder} --resume", soft_wrap=True)
        return INTERRUPTED
    if processes.rank() > 0:
        return 0
    figures = report.write(run, model, images, split, baselines, time.perf_counter() - start_time)
    runs.remove_checkpoints(run)
    _conclude(run, figures, console)
    return 0


def _announce(run: runs.Run, images: data.Images, split: data.Split, numbers: int, console: Console) -> None:
    height, width = images.size
    console.print(
        f"{images.source}: {len(split.training)} to train on, {len(split.held_out)} held out, {height} x {width}.\n"
        f"{run.configuration.n} Gaussians ({run.configuration.latent}), {numbers} numbers per image, "
        f"{run.configuration.epochs} epochs. PSNR of held-out images, beside that of PCA with as many numbers:",
        soft_wrap=True,
        highlight=False,
    )


def _conclude(run: runs.Run, figures: report.Figures, console: Console) -> None:
    table = Table("held-out images, one pass", "numbers per image", "PSNR (dB)", title_justify="left")
    rows = (
        (f"{run.configuration.n} Gaussians", figures.numbers_per_image, figures.held_out_psnr),
        ("PCA", figures.pca_numbers, figures.pca_psnr),
        ("mean image", 0, figures.mean_image_psnr),
    )
    for name, numbers, psnr in rows:
        table.add_row(name, str(numbers), f"{psnr:.2f}")
    console.print(table)
    console.print(f"{run.folder / 'held_out.png'} shows them.", soft_wrap=True, highlight=False)
    if run.configuration.objective == "elbo":
        console.print(variational.describe(run), soft_wrap=True, highlight=False)
