"""Legs: a finished run that is extended trains on from its weights, with a learning rate schedule of its own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from gaussgrad import checks
from gaussgrad.training.configuration import Configuration, option_name

OF_A_LEG = ("epochs", "minutes", "learning_rate")  # the settings that an extension may change


@dataclass(frozen=True)
class Leg:
    """A part of a training that came to its end: so many epochs, by these settings, in this environment."""

    epochs: int
    minutes: float | None
    learning_rate: float | None
    environment: Mapping[str, Any]


def extended(configuration: Configuration, trained: int, given: Mapping[str, Any]) -> Configuration:
    """The configuration of a run of so many epochs with another leg; legs differ in the settings `OF_A_LEG` only.

    Raises
    ------
    ValueError
        Where there are as many epochs already.
    """
    if given["epochs"] <= trained:
        wanted = f"more than the {trained} that the run has, to train it on"
        raise ValueError(checks.complain(option_name("epochs"), wanted, given["epochs"]))
    chosen = {name: given[name] for name in OF_A_LEG if name in given}
    return replace(configuration, **{"minutes": None, **chosen})


def ended(configuration: Configuration, epochs: int, environment: Mapping[str, Any]) -> Leg:
    """The leg that a finished run is before it is extended."""
    return Leg(epochs, configuration.minutes, configuration.learning_rate, environment)


def recorded(legs: tuple[Leg, ...]) -> list[dict[str, Any]]:
    """What config.json says of them."""
    return [asdict(leg) for leg in legs]


def read(values: Any) -> tuple[Leg, ...]:
    """The legs of a config.json, or ValueError."""
    if not isinstance(values, list):
        raise ValueError(checks.complain("legs", "a list", f"{values!r:.40}"))
    return tuple(_leg(value) for value in values)


def _leg(value: Any) -> Leg:
    names = {field.name for field in fields(Leg)}
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(
            checks.complain("each of legs", f"an object with {', '.join(sorted(names))}", f"{value!r:.40}")
        )
    epochs = value["epochs"]
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(checks.complain("epochs of legs", "a whole number from 1 on", f"{epochs!r:.40}"))
    return Leg(**value)
