"""gaussgrad predict: the Gaussians of images as a table, and as pictures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from gaussgrad import checks, data, inference, plot
from gaussgrad.autoencoder import variational_storage
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.files.folders import fresh_file, fresh_folder, refuse_existing, refuse_foreign
from gaussgrad.files.tables import write_table
from gaussgrad.gaussians import Gaussians
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration

COLUMNS = ("image", "index", "x", "y", "xx", "xy", "yy")
POSITION_STDDEVS = ("x_stddev", "y_stddev")  # of a run with the objective elbo
OVERLAY_RECORD = "overlay.json"
OVERLAY_FORMAT = "gaussgrad.overlay"
WEIGHTS = {1: ("weight",), 3: ("weight_red", "weight_green", "weight_blue")}


def predict(
    folder: Path, source: Path, output: Path, overlay: Path | None, *, refine: int = 0, overwrite: bool = False
) -> None:
    """Write the table and, if asked, the pictures; nothing of either where something is wrong."""
    _refuse_outputs(folder, source, output, overlay, overwrite)
    model = GaussianAutoencoder.load(model_folder(folder))
    images = data.load(source)
    refuse_other_shape(model, images)
    reconstructions, gaussians = inference.predict(model, images.pixels, refine)
    stddevs = _position_stddevs(folder, model, images)
    columns = [*COLUMNS, *WEIGHTS[model.channels], *(POSITION_STDDEVS if stddevs is not None else ())]
    with fresh_file(output, overwrite) as partial:
        write_table(partial, columns, _rows(images, gaussians, stddevs))
        if overlay is not None:
            _write_overlays(overlay, model, images, reconstructions, gaussians, overwrite)
    console = Console()
    console.print(f"{len(images.pixels)} images, {model.n} Gaussians each: {output}", soft_wrap=True, highlight=False)


def _refuse_outputs(folder: Path, source: Path, output: Path, overlay: Path | None, overwrite: bool) -> None:
    """Refuse outputs that exist or stand in the way of the inputs or of each other."""
    if output.resolve() == source.resolve():
        raise ValueError(checks.complain("--output", "another file than IMAGES", output))
    if overlay is not None:
        cure = "Choose another folder."
        for name, path in (("IMAGES", source), ("RUN", folder)):
            if _overlap(overlay, path):
                raise ValueError(checks.complain("--overlay", f"a folder apart from {name} {path}", overlay, cure))
        if output.resolve().is_relative_to(overlay.resolve()):
            raise ValueError(checks.complain("--overlay", f"a folder apart from --output {output}", overlay, cure))
        refuse_foreign(overlay, overwrite, _is_overlay)
    refuse_existing(output, overwrite)


def _overlap(first: Path, second: Path) -> bool:
    """Whether two paths are equal, or one lies within the other."""
    first, second = first.resolve(), second.resolve()
    return first.is_relative_to(second) or second.is_relative_to(first)


def _is_overlay(folder: Path) -> bool:
    """Whether a folder holds pictures that `_write_overlays` wrote, and nothing else."""
    try:
        record = json.loads((folder / OVERLAY_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(record, dict) or record.get("format") != OVERLAY_FORMAT:
        return False
    return {path.name for path in folder.iterdir()} <= {OVERLAY_RECORD, *record.get("files", ())}


def model_folder(folder: Path) -> Path:
    """The folder itself, or the model in a run."""
    if not (folder / "config.json").is_file():
        return folder
    run = runs.open_run(folder)
    if not run.is_complete:
        raise FileNotFoundError(f"{folder} holds an unfinished run. Use: gaussgrad train -o {folder} --resume")
    return run.model


def refuse_other_shape(model: GaussianAutoencoder, images: data.Images) -> None:
    wanted, got = (model.channels, *model.size), images.pixels.shape[1:]
    if got != wanted:
        shape = f"of shape (channels, height, width) = {wanted}, as the model was trained on"
        raise ValueError(checks.complain(images.source, shape, got, "Resize or convert the images."))


def _position_stddevs(folder: Path, model: GaussianAutoencoder, images: data.Images) -> Any:
    """How uncertain each position is, (b, n, 2) in pixels, where the run knows; else None."""
    run_folder = runs.Run(folder, Configuration()).variational
    if not run_folder.is_dir():
        return None
    variational, _ = variational_storage.load(run_folder, model)
    return inference.position_stddev(variational, images.pixels)


def _rows(images: data.Images, gaussians: Gaussians, stddevs: Any) -> Iterator[list[Any]]:
    """One row per Gaussian; the numbers as float32 prints them, which reads back the same."""
    b, n, _ = gaussians.means.shape
    means, covariances = gaussians.means.numpy(), gaussians.covariances.numpy()
    weights = gaussians.weights.numpy().reshape(b, n, -1)
    for i, name in enumerate(images.names):
        for j in range(n):
            numbers = (*means[i, j], *covariances[i, j], *weights[i, j], *(() if stddevs is None else stddevs[i, j]))
            yield [name, j, *(str(number) for number in numbers)]


def _write_overlays(
    folder: Path,
    model: GaussianAutoencoder,
    images: data.Images,
    reconstructions: Any,
    gaussians: Gaussians,
    overwrite: bool,
) -> None:
    files = [name if name.endswith(".png") else f"{name}.png" for name in images.names]
    with fresh_folder(folder, overwrite, _is_overlay) as partial:
        record_text = json.dumps({"format": OVERLAY_FORMAT, "files": files}, indent=2)
        (partial / OVERLAY_RECORD).write_text(record_text + "\n", encoding="utf-8")
        for i, name in enumerate(files):
            record = (gaussians.means[i].numpy(), gaussians.covariances[i].numpy(), gaussians.weights[i].numpy())
            plot.write_overlay(
                partial / name, images.pixels[i], reconstructions[i], record, points=model.latent == "points"
            )
