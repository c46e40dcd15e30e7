"""Model folders: what is saved comes back to the bit, and what is damaged or foreign is refused in one sentence."""

import inspect
import json
import os
import pickletools
import re

import pytest
import torch
from torch import nn

from gaussgrad.autoencoder import GaussianAutoencoder, storage


class SmallEncoder(nn.Module):
    """An encoder of the user's own, with weights tied."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.second = nn.Linear(64, 8)
        self.second.weight = self.first.weight

    def forward(self, images):
        flat = images.flatten(1)
        return torch.tanh(self.first(flat) - self.second(flat) + 0.5)


@pytest.fixture
def folder(tmp_path):
    GaussianAutoencoder((8, 8), n=3).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"channels": 3, "latent": "points", "stddev": 1.5},
        {"latent": "points+covariance", "compose": "union", "tolerance": 0.0},
        {"head": "heatmap", "looks": 1, "presence": True},
        {"looks": 0},
        {"channels": 3, "looks": 2},
        {"black": 120, "white": 989.5, "tiled": True},
        {"looks": 0, "resized": True},
    ],
)
def test_a_loaded_model_reconstructs_to_the_bit(tmp_path, arguments):
    model = GaussianAutoencoder((8, 12), n=3, **arguments)
    images = torch.rand(4, model.channels, 8, 12)
    model(images)  # moves the running statistics
    model.save(tmp_path / "model")
    loaded = GaussianAutoencoder.load(tmp_path / "model")
    assert not loaded.training
    assert loaded.settings() == model.settings()
    torch.testing.assert_close(loaded(images), model.eval()(images), rtol=0, atol=0)


VERSION_2 = """{
  "format": "gaussgrad.GaussianAutoencoder",
  "version": 2,
  "settings": {
    "size": [
      8,
      8
    ],
    "channels": 1,
    "n": 3,
    "latent": "points+covariance+weight",
    "stddev": 1.0,
    "compose": "sum",
    "tolerance": 0.0001,
    "head": "linear",
    "looks": 5,
    "presence": false,
    "encoder": "default"
  }
}
"""


def test_a_model_json_of_version_2_loads(folder):
    (folder / "model.json").write_text(VERSION_2)
    loaded = GaussianAutoencoder.load(folder)
    added = {"black": None, "white": None, "tiled": False, "resized": False, "guided": False}
    assert loaded.settings() == {**json.loads(VERSION_2)["settings"], **added}


def test_a_model_json_of_version_3_loads_as_a_model_without_guidance(folder):
    GaussianAutoencoder((8, 8), channels=3, n=3, guided=False).save(folder, overwrite=True)
    content = json.loads((folder / "model.json").read_text())
    del content["settings"]["guided"], content["settings"]["resized"]
    (folder / "model.json").write_text(json.dumps({**content, "version": 3}))
    assert GaussianAutoencoder.load(folder).guided is False


def test_a_model_of_tiles_is_not_of_resized_images():
    with pytest.raises(ValueError, match=r"resized must be False where tiled is True; got True\."):
        GaussianAutoencoder((8, 8), n=3, tiled=True, resized=True)


def test_the_settings_are_the_arguments_of_the_model(folder):
    arguments = inspect.signature(GaussianAutoencoder).parameters
    assert GaussianAutoencoder.load(folder).settings().keys() == arguments.keys()


def test_the_folder_holds_json_and_safetensors_only(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    with pytest.raises(ValueError, match="opcode"):  # no pickle
        list(pickletools.genops((folder / "weights.safetensors").read_bytes()))


def test_a_custom_encoder_comes_back_through_load(tmp_path):
    model = GaussianAutoencoder((8, 8), n=3, encoder=SmallEncoder())
    model.save(tmp_path / "model")
    images = torch.rand(2, 1, 8, 8)
    loaded = GaussianAutoencoder.load(tmp_path / "model", encoder=SmallEncoder())
    torch.testing.assert_close(loaded(images), model.eval()(images), rtol=0, atol=0)


def test_a_custom_encoder_must_be_given_to_load(tmp_path):
    GaussianAutoencoder((8, 8), n=3, encoder=SmallEncoder()).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"encoder must be the encoder .* Use load\(folder, encoder=YourEncoder\(\)\)"):
        GaussianAutoencoder.load(tmp_path / "model")


def test_an_encoder_is_refused_where_the_default_was_saved(folder):
    with pytest.raises(ValueError, match="encoder must be None for a model with the default encoder"):
        GaussianAutoencoder.load(folder, encoder=SmallEncoder())


def test_another_encoder_than_the_saved_one_is_refused(tmp_path):
    GaussianAutoencoder((8, 8), n=3, encoder=SmallEncoder()).save(tmp_path / "model")
    other = nn.Sequential(nn.Flatten(), nn.Linear(64, 8))
    with pytest.raises(ValueError, match=r"weights.safetensors does not fit the model of model.json"):
        GaussianAutoencoder.load(tmp_path / "model", encoder=other)


def test_an_existing_folder_is_kept_unless_told_otherwise(folder):
    before = (folder / "weights.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        GaussianAutoencoder((8, 8), n=3).save(folder)
    assert (folder / "weights.safetensors").read_bytes() == before
    GaussianAutoencoder((8, 8), n=4).save(folder, overwrite=True)
    assert GaussianAutoencoder.load(folder).n == 4


def _only_thesis(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "thesis.txt").write_text("years of work")


def _link(folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def _file(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("years of work")


NOT_ONLY_MODELS = {
    "another file": _only_thesis,
    "a model and another file": lambda folder: (folder / "thesis.txt").write_text("years of work"),
    "a model and a folder": lambda folder: (folder / "thesis").mkdir(),
    "a folder named like the weights": lambda folder: (
        (folder / "weights.safetensors").unlink(),
        (folder / "weights.safetensors").mkdir(),
    ),
    "no model.json": lambda folder: (folder / "model.json").unlink(),
    "json of others": lambda folder: (folder / "model.json").write_text('{"format": "other"}'),
    "no json": lambda folder: (folder / "model.json").write_text("years of work"),
    "a link": _link,
    "a file": _file,
}


@pytest.mark.parametrize("content", NOT_ONLY_MODELS)
def test_what_is_not_only_a_model_is_never_replaced(folder, content):
    NOT_ONLY_MODELS[content](folder)
    before = sorted((path, path.is_file() and path.read_bytes()) for path in folder.parent.rglob("*"))
    with pytest.raises(FileExistsError, match="holds files that are not gaussgrad's; choose another folder") as refusal:
        GaussianAutoencoder((8, 8), n=4).save(folder, overwrite=True)
    assert "\n" not in str(refusal.value)
    assert sorted((path, path.is_file() and path.read_bytes()) for path in folder.parent.rglob("*")) == before


def test_a_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.safetensors.torch, "save_model", full)
    with pytest.raises(OSError, match="No space left"):
        GaussianAutoencoder((8, 8), n=3).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_overwrite_keeps_the_old_model(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.safetensors.torch, "save_model", full)
    with pytest.raises(OSError, match="No space left"):
        GaussianAutoencoder((8, 8), n=5).save(folder, overwrite=True)
    assert GaussianAutoencoder.load(folder).n == 3


def _edit(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _edit_settings(folder, **changes):
    _edit(folder, settings={**json.loads((folder / "model.json").read_text())["settings"], **changes})


def _spoil_weights(folder):
    weights = storage.safetensors.torch.load_file(folder / "weights.safetensors")
    weights["background"].fill_(float("nan"))
    storage.safetensors.torch.save_file(weights, folder / "weights.safetensors")


DAMAGES = {
    "no json": (lambda folder: (folder / "model.json").unlink(), "is no model folder of gaussgrad"),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "it holds no weights.safetensors"),
    "cut json": (lambda folder: os.truncate(folder / "model.json", 40), "cannot be read as JSON"),
    "binary json": (lambda folder: (folder / "model.json").write_bytes(b"\xff\xfe\x00"), "cannot be read as JSON"),
    "deep json": (lambda folder: (folder / "model.json").write_text("[" * 100_000), "cannot be read as JSON"),
    "json list": (lambda folder: (folder / "model.json").write_text("[]"), "was not written by gaussgrad"),
    "foreign json": (lambda folder: _edit(folder, format="other"), "was not written by gaussgrad"),
    "other version": (lambda folder: _edit(folder, version=99), "must be of version 4; got 99"),
    "a version that is no number": (lambda folder: _edit(folder, version={"a": []}), "must be of version 4; got {"),
    "no settings": (lambda folder: _edit(folder, settings=None), "holds no settings"),
    "unknown setting": (lambda folder: _edit_settings(folder, colour=1), "should not hold, colour"),
    "wrong setting": (lambda folder: _edit_settings(folder, latent="dots"), "describes no valid model: latent must be"),
    "other n": (lambda folder: _edit_settings(folder, n=4), "does not fit the model of model.json"),
    "immense n": (
        lambda folder: _edit_settings(folder, n=10**9),
        "n must be an integer from 1 to 100,000; got 1000000000",
    ),
    "n beyond all integers": (lambda folder: _edit_settings(folder, n=10**30), "describes no valid model: "),
    "immense size": (
        lambda folder: _edit_settings(folder, size=[10**7, 10**7]),
        "does not fit the model of model.json",
    ),
    "null for a number": (lambda folder: _edit_settings(folder, stddev=None), "stddev must be a value that `save` wri"),
    "true for a count": (lambda folder: _edit_settings(folder, n=True), "does not fit the model of model.json"),
    "false for a number": (lambda folder: _edit_settings(folder, tolerance=False), "tolerance must be a value that"),
    "cut weights": (lambda folder: os.truncate(folder / "weights.safetensors", 1000), "is damaged"),
    "cut weights by a byte": (
        lambda folder: os.truncate(folder / "weights.safetensors", (folder / "weights.safetensors").stat().st_size - 1),
        "is damaged",
    ),
    "empty weights": (lambda folder: os.truncate(folder / "weights.safetensors", 0), "is damaged"),
    "foreign weights": (lambda folder: (folder / "weights.safetensors").write_bytes(b"PK\3\4" * 9), "is damaged"),
    "not a number": (_spoil_weights, "numbers that are not finite"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_folder_is_refused_in_one_sentence(folder, damage):
    spoil, words = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(ValueError, match=re.escape(words)) as refusal:
        GaussianAutoencoder.load(folder)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no model folder"):
        GaussianAutoencoder.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["compose", "stddev"])
def test_a_missing_setting_is_damage_not_a_default(tmp_path, name):
    GaussianAutoencoder((16, 12), n=3).save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text())
    del content["settings"][name]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"is damaged: its settings lack, or should not hold, {name}"):
        GaussianAutoencoder.load(tmp_path / "model")
