"""A model as a folder: settings as JSON, weights as safetensors, nothing that can run code."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from gaussgrad.files.folders import fresh_folder

FORMAT = "gaussgrad.GaussianAutoencoder"
VERSION = 4
ADDED: dict[int, dict[str, Any]] = {  # settings by the last version without them, and what it did
    2: {"black": None, "white": None, "tiled": False, "resized": False, "guided": False},
    3: {"resized": False, "guided": False},
}
SETTINGS_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"


def save(model: nn.Module, settings: dict[str, Any], folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write both files; the folder appears whole or not at all. Only a model folder is replaced."""
    with fresh_folder(folder, overwrite, is_model_folder) as partial:
        content = {"format": FORMAT, "version": VERSION, "settings": settings}
        (partial / SETTINGS_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        try:
            safetensors.torch.save_model(model, str(partial / WEIGHTS_FILE))
        except safetensors.SafetensorError as error:  # a full disk comes as this
            raise OSError(f"the weights cannot be written to {folder} ({error}).") from error


def is_model_folder(path: Path) -> bool:
    """Whether a folder holds a model that `save` wrote, and nothing else that would be lost with it."""
    if path.is_symlink() or not path.is_dir():
        return False
    entries = {entry.name: entry.is_file() for entry in path.iterdir()}
    if not entries.keys() <= {SETTINGS_FILE, WEIGHTS_FILE} or not all(entries.values()):
        return False
    try:
        return _read_json(path / SETTINGS_FILE).get("format") == FORMAT
    except ValueError:
        return False


def read_settings(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings of a model folder, or ValueError."""
    path = Path(folder) / SETTINGS_FILE
    if not path.is_file():
        raise ValueError(f"{folder} is no model folder of gaussgrad: it holds no {SETTINGS_FILE}.")
    content = _read_json(path)
    if content.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by gaussgrad: its format is not {FORMAT!r}.")
    version, settings = content.get("version"), content.get("settings")
    if version not in (VERSION, *ADDED):  # by equality: what is no number need not be hashable
        raise ValueError(f"{path} must be of version {VERSION}; got {version!r}. Use the gaussgrad that wrote it.")
    if not isinstance(settings, dict) or not isinstance(settings.get("encoder"), str):
        raise ValueError(f"{path} is damaged: it holds no settings of a model.")
    return {**ADDED.get(version, {}), **settings}


def _read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file (empty for other JSON), or ValueError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it cannot be read as JSON ({error}).") from error
    return content if isinstance(content, dict) else {}


def build(folder: str | os.PathLike[str], make: Callable[[], Any]) -> Any:
    """`make()`, where settings that do not fit together are the folder's fault."""
    try:
        return make()
    except (TypeError, ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{Path(folder) / SETTINGS_FILE} describes no valid model: {reason.rstrip('.')}.") from error


def refuse_other_settings(taken: dict[str, Any], read: dict[str, Any], folder: str | os.PathLike[str]) -> None:
    """Refuse settings that the model took for others than were read, as null for a default or true for 1."""
    for name, value in read.items():
        if json.dumps(taken[name]) != json.dumps(value):
            reason = f"{name} must be a value that `save` writes; got {json.dumps(value)}"
            raise ValueError(f"{Path(folder) / SETTINGS_FILE} is damaged: {reason}.")


def refuse_other_shapes(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Compare a model, which may be without memory, with what the header of the weights says."""
    with _damage_named(folder) as path, safetensors.safe_open(path, framework="pt") as weights:
        shapes = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    for name, tensor in model.state_dict().items():
        if shapes.get(name, tensor.shape) != tuple(tensor.shape):
            reason = f"{name} has shape {shapes[name]} for {tuple(tensor.shape)}"
            raise ValueError(f"{path} does not fit the model of {SETTINGS_FILE}: {reason}.")


def read_weights(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Fill in the weights of a model folder, or ValueError."""
    with _damage_named(folder) as path:
        try:
            safetensors.torch.load_model(model, str(path), strict=True)
        except RuntimeError as error:  # keys or shapes that differ, told over many lines
            first = next(line.strip() for line in str(error).splitlines()[1:] or str(error).splitlines())
            raise ValueError(f"{path} does not fit the model of {SETTINGS_FILE}: {first.rstrip('.')}.") from error
    if not all(torch.isfinite(tensor).all() for tensor in model.state_dict().values()):
        raise ValueError(f"{path} is damaged: it holds numbers that are not finite.")


@contextmanager
def _damage_named(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """The file of the weights, to be read inside; what goes wrong there is told in one sentence."""
    path = Path(folder) / WEIGHTS_FILE
    if not path.is_file():
        raise ValueError(f"{folder} is damaged: it holds no {WEIGHTS_FILE}.")
    try:
        yield path
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
