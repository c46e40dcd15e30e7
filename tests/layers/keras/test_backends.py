"""Keras layers on each backend, in processes of their own: a process of Keras has one backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "keras_backend.py"


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_layers_train_save_and_load_on_each_backend(backend: str, tmp_path: Path):
    for library in ("keras", backend):
        pytest.importorskip(library)
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-4000:])
    assert len(done.stdout.split()) == 10


def test_options_are_refused_when_a_layer_is_made():
    pytest.importorskip("keras")
    from gaussgrad.layers.keras import GaussianLatent, MixtureDensity, RenderGaussians, RenderImpulses

    with pytest.raises(ValueError, match="variance or stddev must be given"):
        RenderGaussians((7, 8), row="x y")
    with pytest.raises(ValueError, match="compose must be one of"):
        RenderGaussians((7, 8), row="x y variance", compose="mean")
    with pytest.raises(ValueError, match="kernel must be of shape"):
        RenderImpulses((7, 8), [1.0, 2.0])
    with pytest.raises(ValueError, match="prior_variance must be a positive number"):
        GaussianLatent(prior_variance=0.0)
    with pytest.raises(ValueError, match="covariance must be 'diagonal' in 3-D"):
        MixtureDensity(2, dimensions=3, covariance="full")
    with pytest.raises(ValueError, match="variance_floor must be a number >= 0"):
        MixtureDensity(2, variance_floor=-1.0)
    with pytest.raises(ValueError, match="layer must be built"):
        MixtureDensity(2).start_from([[0.0, 1.0], [2.0, 3.0]], seed=0)
    with pytest.raises(TypeError, match=r"seed must be a keras\.random\.SeedGenerator or an int"):
        MixtureDensity(2).sample([[0.0] * 12], seed=None)


def test_symbolic_tensors_outside_a_layer_are_refused_with_the_cure():
    keras = pytest.importorskip("keras")
    import gaussgrad

    with pytest.raises(TypeError, match=r"got a .*KerasTensor. Wrap the call into keras.layers.Lambda"):
        gaussgrad.render(keras.Input((10, 2)), [1.0, 0.0, 1.0], size=(7, 8))
