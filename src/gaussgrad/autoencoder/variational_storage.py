"""What a variational autoencoder has beside its model, as a folder: settings as JSON, weights as safetensors."""

import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from gaussgrad.autoencoder.aggregate import AggregatePosterior
from gaussgrad.autoencoder.model import GaussianAutoencoder
from gaussgrad.autoencoder.variational import VariationalGaussianAutoencoder
from gaussgrad.files.folders import fresh_folder

FORMAT = "gaussgrad.VariationalGaussianAutoencoder"
VERSION = 1
SETTINGS_FILE = "variational.json"
WEIGHTS_FILE = "variational.safetensors"
_AGGREGATE = "aggregate."


def save(
    variational: VariationalGaussianAutoencoder,
    aggregate: AggregatePosterior,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> None:
    """Write both files; the folder appears whole or not at all. The model goes elsewhere, by its own `save`."""
    tensors = {name: value.contiguous() for name, value in variational.own_state().items()}
    tensors |= {f"{_AGGREGATE}{name}": value.contiguous() for name, value in vars(aggregate).items()}
    content = {"format": FORMAT, "version": VERSION, "likelihood": variational.likelihood_name}
    with fresh_folder(folder, overwrite, is_variational_folder) as partial:
        (partial / SETTINGS_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        try:
            safetensors.torch.save_file(tensors, str(partial / WEIGHTS_FILE))
        except safetensors.SafetensorError as error:  # a full disk comes as this
            raise OSError(f"the weights cannot be written to {folder} ({error}).") from error


def is_variational_folder(path: Path) -> bool:
    """Whether a folder holds what `save` wrote, and nothing else that would be lost with it."""
    if path.is_symlink() or not path.is_dir() or not {e.name for e in path.iterdir()} <= {SETTINGS_FILE, WEIGHTS_FILE}:
        return False
    try:
        return _read_settings(path).get("format") == FORMAT
    except ValueError:
        return False


def load(
    folder: str | os.PathLike[str], model: GaussianAutoencoder
) -> tuple[VariationalGaussianAutoencoder, AggregatePosterior]:
    """What `save` wrote, around its model, in evaluation mode.

    Raises
    ------
    ValueError
        For a folder that is damaged, foreign, of another version, or of another model.
    """
    path = Path(folder)
    settings = _read_settings(path)
    if settings.get("format") != FORMAT or settings.get("version") != VERSION:
        got = f"format {settings.get('format')!r}, version {settings.get('version')!r}"
        raise ValueError(f"{path / SETTINGS_FILE} must be of format {FORMAT!r}, version {VERSION}; got {got}.")
    try:
        tensors = safetensors.torch.load_file(path / WEIGHTS_FILE)
        variational = VariationalGaussianAutoencoder(model, settings.get("likelihood"))  # type: ignore[arg-type]
        parts = {name: tensors.pop(f"{_AGGREGATE}{name}") for name in AggregatePosterior.__dataclass_fields__}
        missing, unexpected = variational.load_state_dict(tensors, strict=False)
    except (safetensors.SafetensorError, OSError, KeyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{path} is damaged, or does not fit its model: {reason}.") from error
    lacking = [*(name for name in missing if not name.startswith("model.")), *unexpected]
    if lacking or not all(torch.isfinite(tensor).all() for tensor in (*tensors.values(), *parts.values())):
        reason = ", ".join(lacking) or "numbers that are not finite"
        raise ValueError(f"{path} is damaged: {WEIGHTS_FILE} lacks, or should not hold, {reason}.")
    return variational.eval(), AggregatePosterior(**parts)


def _read_settings(folder: Path) -> dict[str, Any]:
    """The object of the settings file, or ValueError."""
    path = folder / SETTINGS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}).") from error
    return content if isinstance(content, dict) else {}
