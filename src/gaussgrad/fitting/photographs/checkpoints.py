"""A fit that is not finished, in a file beside its output: photo.gauss.part."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad.files.compact import Steps
from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import fresh_file
from gaussgrad.fitting.photographs.moments import Descending, Moment, Rounding, State
from gaussgrad.fitting.photographs.particles import Memory
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.gaussians import Gaussians
from gaussgrad.picture import Picture

SUFFIX = ".part"
_ARRAYS = ("means", "cholesky", "weights", "background")
_COUNTED = ("step", "seconds", "gaussians", "psnr", "progress", "n", "tried")
_GROWTH = ("begun", "stage", "generator")


@dataclass(frozen=True)
class Checkpoint:
    """What it takes to go on: the Gaussians, what was used, and the settings as the one who wrote them has them."""

    picture: Picture
    moment: Moment
    settings: dict[str, Any]
    state: State | None  # none in the files of earlier versions

    @property
    def begun(self) -> dict[str, Any]:
        """The arguments by which `fit_image` goes on: to the same bits, or where the state is missing, nearly so."""
        return {"start": self.picture, "used": self.moment} if self.state is None else {"start": self.state}


def beside(output: str | os.PathLike[str]) -> Path:
    """The file of what is not finished."""
    output = Path(output)
    return output.with_name(output.name + SUFFIX)


def write(path: Path, picture: Picture, state: State, settings: Mapping[str, Any]) -> None:
    """Write the file, or replace it, in one step; the picture is that of the state."""
    record = {
        "settings": settings,
        "moment": _counted(state.moment),
        "picture": {"size": picture.size, "tolerance": picture.tolerance},
        "state": _beside_arrays(state),
    }
    arrays: dict[str, Any] = dict(zip(_ARRAYS, (*state.gaussians, state.background), strict=True))
    with fresh_file(path, overwrite=True) as partial, partial.open("wb") as file:
        np.savez(file, text=np.array(json.dumps(record)), **arrays | state.memory._asdict())


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
            held = {name: archive[name] for name in ("text", *_ARRAYS, *Memory._fields) if name in archive}
        record = json.loads(str(held.pop("text")))
        means, factors, weights, background = (held[name] for name in _ARRAYS)
        gaussians = Gaussians(means, cholesky=factors, weights=weights)
        picture = Picture(gaussians, tuple(record["picture"].pop("size")), background=background, **record["picture"])
        moment = _moment(record["moment"])
        state = _state(moment, held, record["state"]) if "state" in record else None
        return Checkpoint(picture, moment, dict(record["settings"]), state)
    except Exception as error:  # readers raise whatever they like
        raise ValueError(f"{path} cannot be read as an unfinished fit ({first_line(error)}).") from error


def _counted(moment: Moment) -> dict[str, Any]:
    return {name: getattr(moment, name) for name in _COUNTED}


def _moment(record: Mapping[str, Any]) -> Moment:
    return Moment(**{**record, "tried": tuple(Trial(*each) for each in record["tried"])})


def _beside_arrays(state: State) -> dict[str, Any]:
    """What a state knows beside its moment and its arrays."""
    if isinstance(state, Rounding):
        return {"unrounded": _counted(state.unrounded), "steps": state.steps}
    return {name: getattr(state, name) for name in _GROWTH}


def _state(moment: Moment, held: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> State:
    """The state of arrays by their names, and of what is beside them."""
    means, factors, weights, background = (held[name] for name in _ARRAYS)
    arrays, memory = (means, factors, weights), Memory(*(held[name] for name in Memory._fields))
    if "unrounded" in record:
        unrounded, steps = _moment(record["unrounded"]), Steps(*record["steps"]).checked()
        return Rounding(moment, arrays, memory, background, unrounded, steps)
    state = Descending(moment, arrays, memory, background, **{name: record[name] for name in _GROWTH})
    state.drawing_on()  # refuses what is no state of a generator
    return state
