"""The names that a user imports from the rooms of the layers."""

from importlib import import_module

import pytest

SHARED = ("FullGaussianLatent", "GaussianLatent", "MixtureDensity", "Moments", "RenderGaussians", "RenderImpulses")
NAMES = {"torch": SHARED, "keras": (*SHARED, "MixtureLoss")}


@pytest.mark.parametrize(("framework", "name"), [(key, name) for key, names in NAMES.items() for name in names])
def test_every_layer_is_imported_from_its_room_which_lists_and_names_it(framework, name):
    pytest.importorskip(framework)
    room = import_module(f"gaussgrad.layers.{framework}")
    assert getattr(room, name).__name__ == name
    assert name in room.__all__
    assert f"`{name}`" in room.__doc__


@pytest.mark.parametrize("framework", NAMES)
def test_all_that_a_room_lists_is_there(framework):
    pytest.importorskip(framework)
    room = import_module(f"gaussgrad.layers.{framework}")
    assert sorted(room.__all__) == room.__all__
    assert all(f"`{name}`" in room.__doc__ and hasattr(room, name) for name in room.__all__)


@pytest.mark.parametrize("name", ["latent", "full_latent", "mixture"])
def test_modules_that_have_moved_are_plainly_missing(name):
    with pytest.raises(ModuleNotFoundError, match=f"No module named 'gaussgrad.layers.{name}'"):
        import_module(f"gaussgrad.layers.{name}")
