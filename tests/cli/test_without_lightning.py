"""Lightning trains and does nothing else: what uses a finished run works where it is not installed."""

import contextlib
import io
import sys

import numpy as np
import pytest
from fresh import in_fresh_process
from tiny_images import spots

from gaussgrad.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with images and a short run that knows of uncertainty."""
    folder = tmp_path_factory.mktemp("trained")
    np.save(folder / "images.npy", spots(count=10))
    options = ("-n", 2, "--epochs", 1, "--batch-size", 8, "--looks", 0, "--objective", "elbo")
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in ("train", folder / "images.npy", "-o", folder / "run", *options)])
    assert stop.value.code == 0
    return folder


def use(folder):
    """Whether Lightning was there before it was taken away, how the commands end, and what they say on stderr."""
    there = "lightning" in sys.modules
    sys.modules["lightning"] = sys.modules["pytorch_lightning"] = None
    from gaussgrad.cli.app import run

    images, said = f"{folder}/images.npy", io.StringIO()
    commands = (
        ["predict", f"{folder}/run", images, "-o", f"{folder}/found.csv", "--overlay", f"{folder}/overlay"],
        ["inspect", f"{folder}/run", "-o", f"{folder}/ill.png"],
        ["sample", f"{folder}/run", "-o", f"{folder}/new.png"],
    )
    with contextlib.redirect_stderr(said):
        return there, [run(command) for command in commands], said.getvalue()


def test_predict_inspect_and_sample_need_no_lightning(folder):
    assert in_fresh_process(use, folder) == (False, [0, 0, 0], "")
    assert len(list((folder / "overlay").glob("*.png"))) == 10
    assert all((folder / name).is_file() for name in ("found.csv", "ill.png", "new.png"))
