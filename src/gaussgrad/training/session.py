"""One training from its first check to its report, told on a console."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gaussgrad import data, metrics
from gaussgrad.console import say, waiting
from gaussgrad.scaling import Scale
from gaussgrad.training import evidence_bound, intake, loop, processes, report
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration, option_name


def start(folder: Path, configuration: Configuration, *, overwrite: bool) -> None:
    """Train anew; what cannot work is refused before anything is written.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the run then goes on with `resume`.
    """
    processes.refuse_options(configuration.devices, configuration.batch_size, configuration.minutes, overwrite)
    loop.refuse_missing_tensorboard(configuration.tensorboard)
    loop.refuse_missing_device(configuration.device)
    evidence_bound.refuse_options(configuration)
    first = processes.rank() == 0
    if not first and not overwrite:
        runs.refuse_finished(folder)  # as the first process does: none waits for it
    with runs.claim(folder, overwrite=overwrite) if first else contextlib.nullcontext():
        with waiting("reading the images", _aside(first)):
            configuration, images, split = intake.load(configuration)
            configuration = loop.planned(configuration, images, split)
        run = runs.start(folder, configuration, images) if first else runs.Run(folder, configuration)
        _train(run, images, split, Console(quiet=not first))


def resume(folder: Path, given: Mapping[str, Any]) -> None:
    """Go on with a run as it was configured; settings that are given again must be the same.

    A finished run is extended where more epochs are given than it has.
    """
    run = runs.open_run(folder)
    extends = (
        run.is_complete and "epochs" in given and given["epochs"] not in (run.configuration.epochs, runs.epochs_of(run))
    )
    if extends:
        run = runs.extended(run, given)
        configuration = run.configuration
        processes.refuse_options(
            configuration.devices, configuration.batch_size, configuration.minutes, overwrite=False
        )
    for name, value in given.items():
        wanted = getattr(run.configuration, name)
        if value != wanted:
            cure = f"as the run in {folder} was started; got {value}. Leave it out."
            raise ValueError(f"{option_name(name)} must be {wanted}, {cure}")
    first = processes.rank() == 0
    console = Console(quiet=not first)
    if run.is_complete:
        say(console, f"The run in {folder} is finished. Add --epochs N to train it on, to N epochs in all.")
        return
    loop.refuse_missing_device(run.configuration.device)
    with runs.claim_unfinished(run) if first else contextlib.nullcontext():
        with waiting("reading the images", _aside(first)):
            images, split = intake.load_again(run.configuration, run.scale)
        runs.refuse_other_images(run, images)
        if extends and first:
            runs.write_extension(run)
        _train(run, images, split, console)


def _train(run: runs.Run, images: data.Images, split: data.Split, console: Console) -> None:
    start_time = time.perf_counter()
    numbers = loop.new_model(run.configuration, images).numbers_per_image
    with waiting("measuring PCA", _aside(not console.quiet)):
        baselines = metrics.baselines(images.pixels[split.training], images.pixels[split.held_out], numbers)
    _announce(run, images, split, numbers, console)
    try:
        model = loop.fit(run, images, split, baselines, console)
    except KeyboardInterrupt:
        say(console, f"Interrupted. Go on with: gaussgrad train -o {run.folder} --resume")
        raise
    if processes.rank() > 0:
        return
    with waiting("drawing pictures"):
        figures = report.write(run, model, images, split, baselines, time.perf_counter() - start_time)
    runs.remove_checkpoints(run)
    _conclude(run, figures, images.scale, console)


def _aside(first: bool) -> Console:
    """The console for what is gone in the end; only the first process of several writes there."""
    return Console(stderr=True, quiet=not first)


def _announce(run: runs.Run, images: data.Images, split: data.Split, numbers: int, console: Console) -> None:
    height, width = images.size
    for line in intake.describe(run.configuration, images):
        say(console, line)
    say(
        console,
        f"{images.source}: {len(split.training)} to train on, {len(split.held_out)} held out, {height} x {width}.\n"
        f"{run.configuration.n} Gaussians ({run.configuration.latent}), {numbers} numbers per image, "
        f"{_length(run)}. PSNR of held-out images, beside that of PCA with as many numbers:",
    )


def _length(run: runs.Run) -> str:
    return f"{run.epochs} epochs more, after {run.trained}" if run.legs else f"{run.epochs} epochs"


def _conclude(run: runs.Run, figures: report.Figures, scale: Scale | None, console: Console) -> None:
    columns = ["held-out images, one pass", "numbers per image", "PSNR (dB)"]
    table = Table(*columns, *([] if scale is None else ["error (counts)"]), title_justify="left")
    rows = (
        (f"{run.configuration.n} Gaussians", figures.numbers_per_image, figures.held_out_psnr),
        ("PCA", figures.pca_numbers, figures.pca_psnr),
        ("mean image", 0, figures.mean_image_psnr),
    )
    for name, numbers, psnr in rows:
        error = [] if scale is None else [scale.range * metrics.root_mean_square(psnr)]
        table.add_row(
            name, str(numbers), f"{psnr:.2f}", *(f"{each:.3g}" if each < 100 else f"{each:.0f}" for each in error)
        )
    console.print(table)
    if warning := report.warning(figures):
        say(console, warning)
    say(console, f"{run.folder / 'held_out.png'} shows them.")
    if run.configuration.objective == "elbo":
        say(console, evidence_bound.describe(run))
