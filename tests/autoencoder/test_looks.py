"""Weights of a look load under the names that its layers had before, from model folders and from checkpoints."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gaussgrad.autoencoder import GaussianAutoencoder

FORMER = {"look.input_layer.": "look.see.", "look.hidden_layer.": "look.think.", "look.context_layer.": "look.hear."}


def former(name):
    for new, old in FORMER.items():
        name = name.replace(new, old)
    return name


@pytest.fixture
def model():
    return GaussianAutoencoder((8, 8), n=3, looks=2).eval()


@pytest.fixture
def old_folder(model, tmp_path):
    """A model folder as it was written when the layers of a look were called otherwise."""
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "weights.safetensors"
    tensors = {former(name): tensor for name, tensor in load_file(path).items()}
    assert sum(name.startswith(tuple(FORMER.values())) for name in tensors) == 6
    path.unlink()
    save_file(tensors, path)
    return tmp_path / "model"


def test_a_model_folder_with_former_names_reconstructs_to_the_bit(model, old_folder):
    images = torch.rand(4, 1, 8, 8)
    loaded = GaussianAutoencoder.load(old_folder)
    torch.testing.assert_close(loaded(images), model(images), rtol=0, atol=0)


def test_a_model_saved_again_has_the_names_of_today(old_folder, tmp_path):
    GaussianAutoencoder.load(old_folder).save(tmp_path / "again")
    names = load_file(tmp_path / "again" / "weights.safetensors").keys()
    assert sum(name.startswith(tuple(FORMER)) for name in names) == 6
    assert not any(name.startswith(tuple(FORMER.values())) for name in names)


def test_a_folder_that_lacks_a_layer_under_either_name_is_refused(old_folder):
    path = old_folder / "weights.safetensors"
    tensors = load_file(path)
    del tensors["look.think.weight"]
    path.unlink()
    save_file(tensors, path)
    with pytest.raises(ValueError, match=r"does not fit the model of model\.json: .*look\.hidden_layer\.weight"):
        GaussianAutoencoder.load(old_folder)


@pytest.mark.parametrize("copied", [False, True])
def test_a_checkpoint_with_former_names_fills_the_model_inside_another_module(model, copied):
    state = {f"model.{former(name)}": tensor for name, tensor in model.state_dict().items()}
    names = set(state)
    trained = nn.ModuleDict({"model": GaussianAutoencoder((8, 8), n=3, looks=2).eval()})
    trained = copy.deepcopy(trained) if copied else trained
    trained.load_state_dict(state)
    images = torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(trained["model"](images), model(images), rtol=0, atol=0)
    assert set(state) == names  # the checkpoint stays as it was
