"""A fit that is not finished, in a file beside its output: photo.gauss.part."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import fresh_file
from gaussgrad.fitting.photographs.descent import Moment
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.gaussians import Gaussians
from gaussgrad.picture import Picture

SUFFIX = ".part"
_ARRAYS = ("means", "cholesky", "weights", "background")
_COUNTED = ("step", "seconds", "gaussians", "psnr", "n", "tried")


@dataclass(frozen=True)
class Checkpoint:
    """What it takes to go on: the Gaussians, what was used, and the settings as the one who wrote them has them."""

    picture: Picture
    moment: Moment
    settings: dict[str, Any]


def beside(output: str | os.PathLike[str]) -> Path:
    """The file of what is not finished."""
    output = Path(output)
    return output.with_name(output.name + SUFFIX)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file, or replace it, in one step; the picture must be one of `fit_image`."""
    picture, moment = checkpoint.picture, checkpoint.moment
    held, used = picture.gaussians, {name: getattr(moment, name) for name in _COUNTED}
    options = {"size": picture.size, "tolerance": picture.tolerance}
    text = json.dumps({"settings": checkpoint.settings, "moment": used, "picture": options})
    arrays = dict(zip(_ARRAYS, (held.means, held.factors(), held.weights, picture.background), strict=True))
    with fresh_file(path, overwrite=True) as partial, partial.open("wb") as file:
        np.savez(file, text=np.array(text), **arrays)


def read(path: Path) -> Checkpoint:
    """What the file holds.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    ValueError
        Where it is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: there is no fit to go on with. Leave --resume out.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            means, factors, weights, background = (archive[name] for name in _ARRAYS)
            held = json.loads(str(archive["text"]))
        gaussians = Gaussians(means, cholesky=factors, weights=weights)
        picture = Picture(gaussians, tuple(held["picture"].pop("size")), background=background, **held["picture"])
        tried = tuple(Trial(*each) for each in held["moment"].pop("tried"))
        return Checkpoint(picture, Moment(**held["moment"], tried=tried), dict(held["settings"]))
    except Exception as error:  # readers raise whatever they like
        raise ValueError(f"{path} cannot be read as an unfinished fit ({first_line(error)}).") from error
