"""A finished run is extended: another leg from its weights, which a kill does not change."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from tiny_images import spots

from gaussgrad.autoencoder import GaussianAutoencoder, variational_storage
from gaussgrad.training import loop, report, session
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration


class Killed(BaseException):
    """What stops a training in the middle, as if the process were gone."""


def _finished(tmp_path, name="run", **settings):
    """A run that came to its end."""
    path = tmp_path / "images.npy"
    if not path.exists():
        np.save(path, spots())
    chosen = {"n": 2, "looks": 1, "epochs": 2, "batch_size": 16, **settings}
    session.start(tmp_path / name, Configuration(data=str(path), **chosen), overwrite=False)
    return tmp_path / name


def _files(folder):
    """What every file of a run holds that training decides."""
    weights = GaussianAutoencoder.load(folder / "model").state_dict()
    figures = {**json.loads((folder / "metrics.json").read_text()), "seconds": 0}
    return {name: value.tolist() for name, value in weights.items()}, figures, (folder / "metrics.csv").read_text()


@pytest.mark.parametrize("objective", ["mse", "elbo"])
def test_another_leg_starts_from_the_weights_with_a_schedule_of_its_own(tmp_path, monkeypatch, objective):
    folder = _finished(tmp_path, objective=objective)
    trained = runs.load_trained(folder)
    seen = []
    fit = loop.lightning.Trainer.fit

    def look(trainer, module, *arguments, **options):
        seen.append({name: value.clone() for name, value in module.state_dict().items()})
        fit(trainer, module, *arguments, **options)
        seen.append((trainer.max_epochs, trainer.optimizers[0].state_dict()["param_groups"][0]["max_lr"]))

    monkeypatch.setattr(loop.lightning.Trainer, "fit", look)
    session.resume(folder, {"epochs": 5, "learning_rate": 1e-3})
    start, (epochs, rate) = seen[:2]
    assert (epochs, rate) == (3, 1e-3)
    model = trained.variational if objective == "elbo" else trained.model
    before = {f"{'variational' if objective == 'elbo' else 'model'}.{n}": v for n, v in model.state_dict().items()}
    for name, value in before.items():
        torch.testing.assert_close(start[name], value, rtol=0, atol=0)

    run = runs.open_finished(folder)
    assert (run.configuration.epochs, run.configuration.learning_rate) == (5, 1e-3)
    assert [(leg.epochs, leg.learning_rate, leg.minutes) for leg in run.legs] == [(2, 3e-3, None)]
    assert "torch" in run.legs[0].environment["versions"]
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert all(row["loss"] and row["held_out_psnr"] for row in rows)
    if objective == "elbo":
        variational_storage.load(run.variational, GaussianAutoencoder.load(run.model))

    session.resume(folder, {"epochs": 5})
    assert len(seen) == 2  # nothing was left to do
    if objective == "mse":
        session.resume(folder, {"epochs": 6})
        assert [leg.epochs for leg in runs.open_finished(folder).legs] == [2, 3]


def test_a_leg_that_is_killed_again_and_again_goes_on_as_if_never_stopped(tmp_path, monkeypatch):
    whole, stopped = _finished(tmp_path, "whole"), tmp_path / "stopped"
    shutil.copytree(whole, stopped)
    session.resume(whole, {"epochs": 5})

    def killed(*_, **__):
        raise Killed

    def killed_in_the_second_epoch(self, epoch, set_epoch=loop.ShuffledBatches.set_epoch):
        set_epoch(self, epoch)
        if epoch == 1:
            raise Killed

    moments = [
        (loop.lightning.Trainer, "fit", killed),
        (loop.ShuffledBatches, "set_epoch", killed_in_the_second_epoch),
        (report, "answer", killed),
        (report, "_write_pictures", killed),
    ]
    for place, name, stop in moments:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, stop)
            with pytest.raises(Killed):
                session.resume(stopped, {"epochs": 5})
        run = runs.open_run(stopped)
        assert not run.is_complete
        assert run.checkpoint.is_file() == (name != "fit")
        with pytest.raises(FileNotFoundError, match="holds an unfinished run"):
            runs.load_trained(stopped)
        with pytest.raises(FileExistsError, match=r"unfinished run\. Add --resume"):
            session.start(stopped, run.configuration, overwrite=False)
    session.resume(stopped, {})
    assert _files(stopped) == _files(whole)


def test_what_legs_share_too_few_epochs_and_damaged_legs_are_refused(tmp_path):
    folder = _finished(tmp_path)
    before = (folder / "config.json").read_bytes()
    for given, words in [
        ({"epochs": 1}, "--epochs must be more than the 2 that the run has, to train it on; got 1"),
        ({"epochs": 4, "n": 3}, "-n must be 2, as the run"),
        ({"learning_rate": 1e-3}, "--learning-rate must be 0.003, as the run"),
    ]:
        with pytest.raises(ValueError, match=words):
            session.resume(folder, given)
    np.save(tmp_path / "images.npy", spots(seed=1))
    with pytest.raises(ValueError, match="the images are not those"):
        session.resume(folder, {"epochs": 4})
    assert (folder / "config.json").read_bytes() == before
    assert runs.open_run(folder).is_complete

    for legs in (7, [3], [{"epochs": 2}], "one"):
        (folder / "config.json").write_text(json.dumps({**json.loads(before), "legs": legs}))
        with pytest.raises(ValueError, match=r"config\.json is damaged: (each of )?legs must be"):
            runs.open_run(folder)
