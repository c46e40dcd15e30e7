"""Keras layers on each backend, in processes of their own: a process of Keras has one backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "keras_backend.py"
LOAD = """
import sys
import numpy as np
import tensorflow as tf
kept = np.load(sys.argv[2])
loaded = tf.saved_model.load(sys.argv[1])
np.testing.assert_allclose(loaded.serve(kept["inputs"]), kept["image"], rtol=0, atol=1e-6 * kept["image"].max())
if "gaussgrad" in sys.modules:
    raise AssertionError
"""
"""What a server does with an exported model, which has TensorFlow and nothing of ours."""


@pytest.mark.long
@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_layers_train_save_and_load_on_each_backend(backend: str, tmp_path: Path):
    for library in ("keras", backend):
        pytest.importorskip(library)
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-4000:])
    assert len(done.stdout.split()) == 18
    if backend == "tensorflow":
        command = [sys.executable, "-c", LOAD, str(tmp_path / "exported"), str(tmp_path / "exported.npz")]
        subprocess.run(command, env=environment, timeout=120, check=True)


def test_options_are_refused_when_a_layer_is_made():
    pytest.importorskip("keras")
    from gaussgrad.layers.keras import (
        FullGaussianLatent,
        GaussianLatent,
        MixtureDensity,
        Moments,
        RenderGaussians,
        RenderImpulses,
    )

    with pytest.raises(ValueError, match="maps must be one of 'sum', 'each'; got 'all'"):
        RenderGaussians((7, 8), stddev=1.0, maps="all")
    with pytest.raises(ValueError, match="softmax must be a temperature"):
        Moments(softmax=-1.0)
    with pytest.raises(ValueError, match="variance or stddev must be given"):
        RenderGaussians((7, 8), row="x y")
    with pytest.raises(ValueError, match="compose must be one of"):
        RenderGaussians((7, 8), row="x y variance", compose="mean")
    with pytest.raises(ValueError, match="widest must be left out, or None, for covariances; got 9"):
        RenderGaussians((7, 8), row="x y variance", widest=9)
    with pytest.raises(ValueError, match="kernel must be of shape"):
        RenderImpulses((7, 8), [1.0, 2.0])
    with pytest.raises(ValueError, match="backend must be one of None, 'reference', 'cpu'"):
        RenderImpulses((7, 8), [[1.0, 2.0]], backend="gpu")
    with pytest.raises(ValueError, match=r"prior_variance must be positive; got 0\.0"):
        GaussianLatent(prior_variance=0.0)
    with pytest.raises(TypeError, match="prior_mean must be a number, or an array of them; got 'zero'"):
        GaussianLatent("zero")
    with pytest.raises(ValueError, match="divergence_loss must be one of False, True; got 1"):
        FullGaussianLatent(divergence_loss=1)
    with pytest.raises(TypeError, match="prior_mean must be a list of numbers, or None; got 'zero'"):
        FullGaussianLatent("zero")
    with pytest.raises(ValueError, match=r"prior_cholesky must be a list of numbers, or None; got shape \(2, 2\)"):
        FullGaussianLatent(prior_cholesky=[[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="prior_mean must be finite; got nan"):
        FullGaussianLatent([0.0, float("nan")])
    with pytest.raises(ValueError, match="covariance must be 'diagonal' in 3-D"):
        MixtureDensity(2, dimensions=3, covariance="full")
    with pytest.raises(ValueError, match="variance_floor must be a number >= 0"):
        MixtureDensity(2, variance_floor=-1.0)
    with pytest.raises(ValueError, match="layer must be built"):
        MixtureDensity(2).start_from([[0.0, 1.0], [2.0, 3.0]], seed=0)
    with pytest.raises(TypeError, match=r"seed must be a keras\.random\.SeedGenerator or an int"):
        MixtureDensity(2).sample([[0.0] * 12], seed=None)


def test_inputs_that_do_not_fit_are_refused_when_a_model_is_made():
    keras = pytest.importorskip("keras")
    from gaussgrad.layers.keras import FullGaussianLatent, GaussianLatent, Moments, RenderGaussians

    with pytest.raises(ValueError, match=r"images must be of shape \(b, h, w, c\); got shape \(None, 10, 3\)"):
        Moments()(keras.Input((10, 3)))
    with pytest.raises(ValueError, match="rows must be of shape"):
        RenderGaussians((7, 8), row="x y", stddev=1.0)(keras.Input((10, 3)))
    with pytest.raises(ValueError, match="cholesky must be packed, its last axis of 6 entries, for a mean of 3 dim"):
        FullGaussianLatent()([keras.Input((3,)), keras.Input((3,))])
    with pytest.raises(ValueError, match=r"cholesky must be of the leading axes of mean, \(None, 4\); got \(None, 5\)"):
        FullGaussianLatent()([keras.Input((4, 3)), keras.Input((5, 6))])
    with pytest.raises(
        ValueError, match=r"prior_variance must be of a shape that broadcasts to that of mean, \(None, 3\)"
    ):
        GaussianLatent(prior_variance=[1.0, 2.0])([keras.Input((3,)), keras.Input((3,))])
    with pytest.raises(TypeError, match=r"parameters must be a pair \[mean, cholesky\]"):
        FullGaussianLatent()(keras.Input((9,)))


def test_values_and_priors_that_do_not_fit_are_refused():
    keras = pytest.importorskip("keras")
    from gaussgrad.layers.keras import FullGaussianLatent, RenderGaussians

    rows = keras.ops.convert_to_tensor([[[0.0, 0.0, 1.0, 2.0, 1.0]]])
    with pytest.raises(
        ValueError, match=r'covariances must be positive definite.*parametrization="cholesky" takes any'
    ):
        RenderGaussians((7, 8), row="x y xx xy yy")(rows)
    pair = [keras.ops.zeros((4, 3)), keras.ops.zeros((4, 6))]
    with pytest.raises(ValueError, match="prior_mean must be of last axis 3"):
        FullGaussianLatent([0.0, 1.0]).kl_divergence(pair, reduction="batch")
    with pytest.raises(ValueError, match="prior_cholesky must be packed, its last axis of 6 entries"):
        FullGaussianLatent(prior_cholesky=[0.0, 1.0, 0.0])(pair)


def test_symbolic_tensors_outside_a_layer_are_refused_with_the_cure():
    keras = pytest.importorskip("keras")
    import gaussgrad

    with pytest.raises(TypeError, match=r"got a .*KerasTensor. Use a layer of gaussgrad.layers.keras, or"):
        gaussgrad.render(keras.Input((10, 2)), [1.0, 0.0, 1.0], size=(7, 8))
