"""The Keras latents beside those of torch: the same numbers for the same options."""

import numpy as np
import pytest
import torch

from gaussgrad.layers import torch as ours

PRIORS = {
    "GaussianLatent": [
        {},
        {"prior_mean": 0.5, "prior_variance": 2.0},
        {"prior_mean": [0.5, -1.0, 0.25], "prior_variance": [0.5, 2.0, 1.5]},
    ],
    "FullGaussianLatent": [
        {},
        {"prior_mean": [0.5, -1.0, 0.25]},
        {"prior_mean": [0.5, -1.0, 0.25], "prior_cholesky": [0.1, 0.5, -0.2, -0.4, 0.3, 0.2]},
    ],
}
CASES = [(name, prior) for name, priors in PRIORS.items() for prior in priors]


@pytest.mark.parametrize(
    ("name", "prior"), CASES, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_keras_gives_the_numbers_of_torch(name, prior, rng):
    keras = pytest.importorskip("keras")
    from gaussgrad.layers import keras as theirs

    mean, width, points = (
        rng.normal(size=(5, 3)),
        rng.normal(size=(5, 6 if "Full" in name else 3)),
        rng.normal(size=(5, 3)),
    )
    layer = getattr(theirs, name)(**prior, dtype="float64")
    tensors = {key: torch.tensor(value, dtype=torch.float64) for key, value in prior.items()}
    twin = getattr(ours, name)(**(prior if prior.get("prior_variance") == 2.0 else tensors))
    pair = [keras.ops.convert_to_tensor(array, dtype="float64") for array in (mean, width)]
    same = (torch.tensor(mean), torch.tensor(width))
    sample = keras.ops.convert_to_tensor(points, dtype="float64")
    for options in (
        {"reduction": "none"},
        {"reduction": "example", "free_bits": 0.2},
        {"reduction": "batch", "beta": 0.3},
    ):
        compare(keras, layer.kl_divergence(pair, **options), twin.kl_divergence(same, **options))
    compare(keras, layer.log_density(sample, pair), twin.log_density(torch.tensor(points), same))
    compare(keras, layer.prior_log_density(sample, pair), twin.prior_log_density(torch.tensor(points), same))
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert tuple(layer.sample(pair, samples=4).shape) == (4, 5, 3)
    if name == "GaussianLatent":
        np.testing.assert_array_equal(layer.prior_stddev, np.asarray(twin.prior_stddev))


def compare(keras, given, wanted):
    np.testing.assert_allclose(keras.ops.convert_to_numpy(given), wanted.numpy(), rtol=1e-12, atol=1e-14)
