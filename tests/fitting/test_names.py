"""What the room is for, under the names that stand in its docstring."""

import inspect
import re
import types

import pytest

from gaussgrad import fitting

FUNCTIONS = {
    "fit_image", "refine", "recover", "respawn", "diagnose", "distillation_loss", "match", "energy_distance",
    "js_divergence_to_gaussian", "kl_divergence_to_gaussian", "multi_scale", "negative_log_likelihood",
}  # fmt: skip
MODULES = {"heatmap_losses", "losses", "matching", "point_losses", "schedules"}


def test_functions_and_modules_are_importable_from_the_room():
    from gaussgrad.fitting import losses, matching, recover, refine, schedules

    assert callable(refine)
    assert callable(recover)
    assert (losses.squared_error, matching.match, schedules.annealed) == (
        fitting.squared_error,
        fitting.match,
        fitting.annealed,
    )


@pytest.mark.parametrize("name", sorted(FUNCTIONS | MODULES))
def test_a_name_is_public_and_told_in_the_docstring(name):
    assert name in fitting.__all__
    assert isinstance(getattr(fitting, name), types.ModuleType) == (name in MODULES)
    assert f"`{name}`" in fitting.__doc__


def test_the_docstring_tells_names_that_are_there():
    told = set(re.findall(r"`(\w+)`", fitting.__doc__))
    assert {name for name in told if not hasattr(fitting, name)} == set()
    public = {name for name in fitting.__all__ if not inspect.isclass(getattr(fitting, name))}
    assert public - told == set()
