"""RUN, the folder of one training: what stands where, what may be replaced, what can be resumed."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gaussgrad import checks, data
from gaussgrad.autoencoder import GaussianAutoencoder, variational_storage
from gaussgrad.files.folders import PARTIAL, clear_partial_files, fresh_file, is_alone, refuse_existing, refuse_foreign
from gaussgrad.files.locks import claimed, locked
from gaussgrad.files.records import read_record
from gaussgrad.inference import Trained
from gaussgrad.scaling import Scale
from gaussgrad.training import intake, legs
from gaussgrad.training.configuration import ADDED, Configuration, configured
from gaussgrad.training.legs import Leg

FORMAT = "gaussgrad.run"
VERSION = 4
PARTS = (  # what stands in RUN beside config.json
    *("checkpoints", "logs", "metrics.csv", "metrics.json", "model", "tensorboard", "variational", "variational.json"),
    *("held_out.png", "learning_curve.png", "samples.png", "worst.png"),
)
WRITTEN = (  # what is in folders among them
    *("*.ckpt", "metrics.csv", "hparams.yaml", "events.out.tfevents.*"),
    *("model.json", "weights.safetensors", "variational.json", "variational.safetensors"),
    f"{PARTIAL}*",
)
REPLACES = "replaces"  # in config.json while parts of the run before are still there
RECORDED_PACKAGES = ("gaussgrad", "lightning", "mlxtend", "numba", "numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Run:
    """A folder and the configuration in it."""

    folder: Path
    configuration: Configuration
    scale: Scale | None = None  # which numbers are black and white; None where their type says it
    legs: tuple[Leg, ...] = ()  # those before this one, which starts from their weights

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def trained(self) -> int:
        """Epochs of the legs before this one."""
        return sum(leg.epochs for leg in self.legs)

    @property
    def epochs(self) -> int:
        """Epochs that this leg is to have; `Configuration.epochs` counts those of all."""
        return (self.configuration.epochs or 1) - self.trained

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def variational(self) -> Path:
        """What a run of the objective elbo has beside its model."""
        return self.folder / "variational"

    @property
    def bound(self) -> Path:
        """The figures of the evidence lower bound."""
        return self.folder / "variational.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def is_complete(self) -> bool:
        """The metrics are written last, and say of how many legs they are."""
        return len(self.legs) < _finished_legs(self.metrics) and not self.replaces

    @property
    def replaces(self) -> bool:
        """Whether what stands beside config.json is of the run before."""
        return bool(_record(self.folder).get(REPLACES))


def logs_of_leg(run: Run, leg: int) -> Path:
    """Where Lightning logs a leg, its epochs counted from 0; the first has no folder of its own."""
    return run.logs / f"leg_{leg}" if leg else run.logs


@contextlib.contextmanager
def claim(folder: str | os.PathLike[str], *, overwrite: bool) -> Iterator[None]:
    """Hold RUN for a new training; refused where something is that may not be replaced, or another process writes."""
    folder = Path(folder)
    if not _is_run(folder) or _is_finished(folder):
        refuse_folder(folder, overwrite=overwrite)  # at once, and what is not ours gets no lock
    with claimed(folder):
        clear_partial_files(folder / "config.json")  # of who was killed before this was a run
        refuse_folder(folder, overwrite=overwrite)  # another process may have come to its end
        yield


@contextlib.contextmanager
def claim_unfinished(run: Run) -> Iterator[None]:
    """Hold RUN to go on with it, cleared of what killed processes left."""
    with locked(run.folder):
        if run.is_complete:
            raise FileExistsError(f"{run.folder} holds a finished run: another process has come to its end.")
        _clear(run)
        yield


def refuse_folder(folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse to start a training where something is that may not be replaced."""
    folder = Path(folder)
    if not folder.exists() or is_alone(folder / "config.json"):
        refuse_existing(folder, overwrite=True)  # the folder above must be there
        return
    if not _is_run(folder):
        raise FileExistsError(f"{folder} exists already and is no run of gaussgrad. Choose another folder.")
    if overwrite:
        _refuse_foreign_within(folder)
        return
    refuse_finished(folder)
    raise FileExistsError(f"{folder} holds an unfinished run. Add --resume to go on, or --overwrite to start anew.")


def refuse_finished(folder: Path) -> None:
    """Refuse to start a training where another has come to its end."""
    if _is_finished(folder):
        cure = "Choose another folder, or add --overwrite; --resume --epochs N trains it on."
        raise FileExistsError(f"{folder} holds a finished run. {cure}")


def _refuse_foreign_within(folder: Path) -> None:
    """Refuse to remove a folder of a run with a file that no run writes."""
    for part in PARTS:
        for path in (folder / part).rglob("*"):
            if not path.is_dir() and not any(path.match(name) for name in WRITTEN):
                raise FileExistsError(f"{path} is not gaussgrad's and would be removed with the run. Move it first.")


def _record(folder: Path) -> dict[str, Any]:
    """What config.json says; nothing where it cannot be read."""
    try:
        return read_record(folder / "config.json")
    except (OSError, ValueError):
        return {}


def _is_finished(folder: Path) -> bool:
    """Whether RUN is finished, as far as it can be read."""
    before = _record(folder).get("legs")
    return (
        len(before if isinstance(before, list) else ()) < _finished_legs(folder / "metrics.json")
        and not Run(folder, Configuration()).replaces
    )


def _finished_legs(metrics: Path) -> int:
    """How many legs the metrics are of; 0 where there are none."""
    if not metrics.is_file():
        return 0
    try:
        count = read_record(metrics).get("legs", 1)  # none is named by versions up to 3, which knew one only
    except (OSError, ValueError):
        return 1
    return count if isinstance(count, int) else 1


def _is_run(folder: Path) -> bool:
    """Whether gaussgrad wrote this folder, of whatever version."""
    return _record(folder).get("format") == FORMAT


def start(folder: str | os.PathLike[str], configuration: Configuration, images: data.Images) -> Run:
    """An empty run, its exact configuration written; what `refuse_folder` let pass is replaced.

    The new config.json takes the place of the old one in one step, and says so until the other parts of the old run are
    gone. So RUN is the old run or the new one whenever this process is killed, and files that are not ours stay.
    """
    run = Run(refuse_foreign(folder, overwrite=True, ours=_is_run), configuration, images.scale)
    run.folder.mkdir(exist_ok=True)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "configuration": asdict(configuration),
        "legs": [],
        "scale": None if images.scale is None else asdict(images.scale),
        "data": _fingerprint(images),
        "split": split_rule(configuration),
        "environment": environment(),
        REPLACES: True,
    }
    _write_record(run.folder, record)
    _clear(run)
    return run


def _clear(run: Run) -> None:
    """Remove partial files, and what is still there of a run that was replaced."""
    for folder in (run.folder, run.checkpoint.parent):
        for left in folder.glob(f"{PARTIAL}*"):
            _remove(left)
    record = _record(run.folder)
    if record.pop(REPLACES, False):
        for name in PARTS:
            _remove(run.folder / name)
        _write_record(run.folder, record)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    with fresh_file(folder / "config.json", overwrite=True) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def extended(run: Run, given: Mapping[str, Any]) -> Run:
    """The finished run with another leg by the settings given, not yet written; ValueError where they do not fit."""
    trained = epochs_of(run)
    configuration = legs.extended(run.configuration, trained, given)
    leg = legs.ended(run.configuration, trained - run.trained, _read_record(run.folder).get("environment", {}))
    return replace(run, configuration=configuration, legs=(*run.legs, leg))


def epochs_of(run: Run) -> int:
    """Epochs that a finished run was trained; fewer than planned where its minutes ended it."""
    epochs = read_record(run.metrics).get("epochs")
    if not isinstance(epochs, int) or epochs <= run.trained:
        raise ValueError(f"{run.metrics} is damaged: it does not say how many epochs were trained.")
    return epochs


def write_extension(run: Run) -> None:
    """Make a finished run the unfinished one that `extended` gave, in one step."""
    record = _read_record(run.folder)
    record |= {"version": VERSION, "configuration": asdict(run.configuration)}
    record |= {"legs": legs.recorded(run.legs), "environment": environment()}
    _write_record(run.folder, record)


def split_rule(configuration: Configuration) -> str:
    share, seed = configuration.held_out, data.SPLIT_SEED
    return f"gaussgrad.data.split(count, held_out={share}, seed={seed})"


def environment() -> dict[str, Any]:
    """Versions and threads, on which the last digits may depend."""
    versions = {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "versions": versions,
    }


def open_run(folder: str | os.PathLike[str]) -> Run:
    """The run in a folder, or an error."""
    record = _read_record(Path(folder))
    settings, scale = record.get("configuration"), record.get("scale")
    try:
        configuration = configured(settings if isinstance(settings, dict) else {})
        return Run(Path(folder), configuration, _scale(scale), legs.read(record.get("legs", [])))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{Path(folder) / 'config.json'} is damaged: {error}") from error


def _scale(levels: Any) -> Scale | None:
    """What a record says of black and white, or an error."""
    if levels is None:
        return None
    if not isinstance(levels, dict) or levels.keys() != {"black", "white"}:
        raise ValueError(checks.complain("scale", "null, or hold black and white", repr(levels)))
    return Scale(**levels)


def open_finished(folder: str | os.PathLike[str]) -> Run:
    """The run in a folder, or an error where its training has not come to its end."""
    run = open_run(folder)
    if not run.is_complete:
        raise FileNotFoundError(f"{folder} holds an unfinished run. Use: gaussgrad train -o {folder} --resume")
    return run


def load_trained(folder: str | os.PathLike[str]) -> Trained:
    """What a finished run trained, or the model of a model folder."""
    if not (Path(folder) / "config.json").is_file():
        return Trained(GaussianAutoencoder.load(folder))
    run = open_finished(folder)
    model = GaussianAutoencoder.load(run.model)
    if not run.variational.is_dir():
        return Trained(model)
    return Trained(model, *variational_storage.load(run.variational, model))


def load_held_out(run: Run) -> data.Images:
    """The images that a run was not trained on."""
    images, split = intake.load_again(run.configuration, run.scale)
    refuse_other_images(run, images)
    names = tuple(images.names[i] for i in split.held_out)
    return data.Images(images.pixels[split.held_out], names, images.source, images.scale)


def refuse_other_images(run: Run, images: data.Images) -> None:
    """Refuse to go on with other images than the run was started with."""
    if _read_record(run.folder).get("data") != _fingerprint(images):
        raise ValueError(f"the images are not those that the run in {run.folder} was started with. Start a new run.")


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no run of gaussgrad: it holds no config.json.")
    record = read_record(path)
    if record.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by gaussgrad: its format is not {FORMAT!r}.")
    if record.get("version") not in (*ADDED, VERSION):
        raise ValueError(checks.complain(str(path), f"of version {VERSION}", repr(record.get("version"))))
    if isinstance(record.get("configuration"), dict):
        record["configuration"] = {**ADDED.get(record["version"], {}), **record["configuration"]}
    return record


def _fingerprint(images: data.Images) -> dict[str, Any]:
    return {
        "source": images.source,
        "count": len(images.pixels),
        "size": list(images.size),
        "channels": images.channels,
        "sha256": hashlib.sha256(images.pixels.tobytes()).hexdigest(),
    }


def remove_checkpoints(run: Run) -> None:
    """A finished run needs none; its model folder has the weights."""
    shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
