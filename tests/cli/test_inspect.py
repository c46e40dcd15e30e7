"""Refined predictions, inspection of a run, and warnings while it trains."""

import csv
import io as text
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from tiny_images import spots

from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.cli import main
from gaussgrad.gaussians import Gaussians
from gaussgrad.inference import predict
from gaussgrad.training.health import HealthCheck


def call(*arguments):
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with images and a short run."""
    folder = tmp_path_factory.mktemp("inspect")
    np.save(folder / "images.npy", spots())
    options = ("-n", 4, "--epochs", 4, "--batch-size", 16, "--looks", 1)
    assert call("train", folder / "images.npy", "-o", folder / "run", *options) == 0
    return folder


def predicted(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Gaussians(
        *(torch.tensor([[float(row[name]) for name in names] for row in rows]).reshape(40, 4, -1) for names in COLUMNS)
    )


COLUMNS = (("x", "y"), ("xx", "xy", "yy"), ("weight",))


def test_predicting_with_refinement_draws_each_image_better(folder):
    model = GaussianAutoencoder.load(folder / "run" / "model")
    images = torch.from_numpy(spots())
    errors = []
    for steps in (0, 8):
        path = folder / f"{steps}.csv"
        assert call("predict", folder / "run", folder / "images.npy", "-o", path, "--refine", steps) == 0
        drawn = model.decode(predicted(path)).detach()
        errors.append((drawn - images).square().mean(dim=(1, 2, 3)))
    assert (errors[1] < errors[0]).all()
    assert errors[1].mean() < 0.1 * errors[0].mean()


def test_inspection_says_the_shares_and_writes_a_picture(folder, capsys):
    picture = folder / "ill.png"
    assert call("inspect", folder / "run", "-o", picture) == 0
    printed = capsys.readouterr().out
    assert "4 Gaussians in each of 8 images" in printed
    for kind in ("dead", "duplicate", "off-frame", "border", "background"):
        assert kind in printed
    with Image.open(picture) as opened:
        assert np.asarray(opened).std() > 10
    assert call("inspect", folder / "run", "-o", picture) == 2
    assert "exists already" in capsys.readouterr().err


def test_inspection_of_a_model_folder_needs_images(folder, capsys):
    assert call("inspect", folder / "run" / "model") == 2
    assert "is a model without its run: give IMAGES" in capsys.readouterr().err
    assert call("inspect", folder / "run" / "model", folder / "images.npy") == 0
    assert "in each of 40 images" in capsys.readouterr().out


class Ill(torch.nn.Module):
    """A stand-in for an autoencoder, all of whose Gaussians are outside the frame."""

    size = (10, 12)

    def encode(self, images):
        b = len(images)
        return Gaussians(torch.full((b, 2, 2), 40.0), torch.tensor([1.0, 0.0, 1.0]).expand(b, 2, 3), torch.ones(b, 2))


def checked(epochs):
    """What a health check prints over a training of that many epochs."""
    printed = text.StringIO()
    check = HealthCheck(Console(file=printed, width=300), torch.zeros(3, 1, 10, 12))
    module = SimpleNamespace(model=Ill(), device="cpu")
    for epoch in range(epochs):
        trainer = SimpleNamespace(
            current_epoch=epoch, max_epochs=epochs, check_val_every_n_epoch=1, sanity_checking=False
        )
        check.on_validation_end(trainer, module)
    return printed.getvalue()


def test_training_warns_once_of_each_kind_and_says_what_to_try():
    printed = checked(8)
    assert printed.count("100% of the Gaussians have left the frame") == 1
    assert printed.startswith("Warning after epoch 2: ")
    assert "--stddev" in printed
    assert "draw nothing:" not in printed


def test_a_training_of_one_epoch_is_looked_at_too():
    assert "Warning after epoch 1" in checked(1)


def test_presence_comes_through_a_prediction():
    model = GaussianAutoencoder((10, 12), n=2, presence=True, looks=0).eval()
    assert predict(model, spots(5)).gaussians.presence.shape == (5, 2)
