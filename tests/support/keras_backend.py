"""What every backend of Keras must do with the layers: a script, run once for each by tests/layers/keras."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import gaussgrad
from gaussgrad.layers.keras import (
    FullGaussianLatent,
    GaussianLatent,
    MixtureDensity,
    MixtureLoss,
    Moments,
    RenderGaussians,
    RenderImpulses,
)

RNG = np.random.default_rng(0)
COVARIANCE = [4.0, 0.0, 4.0]


def fit_save_load(model: Any, inputs: np.ndarray, targets: np.ndarray, loss: Any, folder: Path) -> None:
    """Raise where the loss does not fall, or the model comes back with other outputs."""
    model.compile(keras.optimizers.Adam(0.02), loss=loss)
    history = model.fit(inputs, targets, epochs=6, batch_size=8, verbose=0).history["loss"]
    if not history[-1] < 0.99 * history[0]:
        raise AssertionError(f"the loss does not fall: {history}")
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(inputs, verbose=0, batch_size=8), model.predict(inputs, verbose=0, batch_size=8)
    )


def images(count: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    points = RNG.uniform(4, 20, (count, 10, 2)).astype("float32")
    drawn = gaussgrad.render(points, np.float32(COVARIANCE), size=(20, 24), amplitude="peak")
    return points, np.repeat(drawn[..., None], channels, axis=-1)


def ten_points_end_a_model(folder: Path) -> None:
    points, targets = images(20)
    decoder = RenderGaussians((20, 24), row="x y", stddev=2.0, amplitude="peak")
    moved = keras.layers.Dense(20, kernel_initializer="identity", bias_initializer=keras.initializers.Constant(1.0))
    model = keras.Sequential([keras.Input((20,)), moved, keras.layers.Reshape((10, 2)), decoder])
    if model.output_shape != (None, 20, 24, 1):
        raise AssertionError(model.output_shape)
    fit_save_load(model, points.reshape(20, 20), targets, "mse", folder)


def rows_with_widths_and_colours_train(folder: Path) -> None:
    _, targets = images(12, channels=3)
    layer = RenderGaussians(
        (20, 24), row="x y xx xy yy weight*3", parametrization="cholesky", coordinates="normalized", amplitude="peak"
    )
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5 * 8), layer])
    fit_save_load(model, RNG.normal(size=(12, 6)).astype("float32"), targets, "mse", folder)


def raw_rows_of_any_size_have_finite_images_and_gradients(folder: Path) -> None:
    values = np.float32([0, 2, -50, 50, 1e4, -1e4, 1e19, -1e19, 1e30, -1e30, 3e38, -3e38])
    for size, row, coordinates in (((20, 24), "x y xx xy yy", "pixel"), ((20, 24), "x y variance", "normalized")):
        layer = RenderGaussians(size, row=row, parametrization="cholesky", coordinates=coordinates)
        raw = keras.layers.Dense(60, use_bias=False)
        model = keras.Sequential([keras.Input((1,)), raw, layer])
        raw.set_weights([RNG.choice(values, (1, 60))])
        model.compile(keras.optimizers.SGD(1.0), loss="mae")
        loss = model.train_on_batch(np.ones((2, 1), "float32"), np.ones((2, 20, 24, 1), "float32"))
        if not (np.isfinite(loss) and np.isfinite(raw.get_weights()[0]).all()):
            raise AssertionError(f"loss {loss}, rows after a step {raw.get_weights()[0]}")


def half_precision_does_not_move_coordinates(folder: Path) -> None:
    rows = keras.ops.convert_to_tensor(np.float32([[[200.4, 100.3]]]))
    for policy in ("mixed_bfloat16", "float16"):
        spot = RenderGaussians((128, 256), stddev=1.5, dtype=policy)
        for layer in (spot, RenderImpulses((128, 256), [[0.25, 0.5, 0.25]], dtype=policy)):
            image = layer(rows)
            total = to_numpy(image)[0, ..., 0].astype("float64")
            found = [(total * place).sum() / total.sum() for place in np.indices(total.shape)[::-1]]
            np.testing.assert_allclose(found, [200.4, 100.3], rtol=0, atol=1e-3)
            if layer(keras.Input((1, 2))).dtype != keras.backend.standardize_dtype(image.dtype):
                raise AssertionError("a model would know another dtype")
        if keras.backend.standardize_dtype(spot(keras.ops.cast(rows, "bfloat16")).dtype) != "bfloat16":
            raise AssertionError("half precision does not come back")


def impulses_train(folder: Path) -> None:
    points, targets = images(12)
    layer = RenderImpulses((20, 24), np.outer([1, 2, 1], [1, 2, 1]) / 4, row="x y weight")
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(30), layer])
    fit_save_load(model, points.reshape(12, 20) / 10, targets, "mse", folder)


def maps_become_keypoints_and_keypoints_maps(folder: Path) -> None:
    points, _ = images(12)
    maps = gaussgrad.render(points[:, :3, None] / 2, np.float32([2.0, 0.0, 2.0]), size=(10, 12), amplitude="peak")
    maps = np.ascontiguousarray(np.moveaxis(maps, 1, -1))
    measure = Moments("x y", softmax=0.5, coordinates="normalized")
    draw_each = RenderGaussians((10, 12), "x y", variance=2.0, coordinates="normalized", amplitude="peak", maps="each")
    model = keras.Sequential([keras.Input((10, 12, 3)), keras.layers.Conv2D(3, 1), measure, draw_each])
    if (measure.output.shape, model.output_shape) != ((None, 3, 2), (None, 10, 12, 3)):
        raise AssertionError(model.output_shape)
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    before = to_numpy(model.layers[0].kernel)
    if not np.isfinite(model.train_on_batch(maps, maps)) or (to_numpy(model.layers[0].kernel) == before).any():
        raise AssertionError("a map without a gradient")
    rows = Moments("x y xx xy yy weight", dtype="mixed_bfloat16")(keras.ops.cast(maps + 1, "bfloat16"))
    if keras.backend.standardize_dtype(rows.dtype) != "float32":
        raise AssertionError("half precision moves coordinates")
    wanted = gaussgrad.moments(np.moveaxis(to_numpy(keras.ops.cast(maps + 1, "bfloat16")).astype("float32"), -1, 1))
    np.testing.assert_allclose(to_numpy(rows)[..., :2], wanted[1], rtol=1e-5)


@keras.saving.register_keras_serializable("tests")
def draw(points: Any) -> Any:
    return gaussgrad.render(points, COVARIANCE, size=(20, 24), amplitude="peak")


def a_lambda_trains_and_loads(folder: Path) -> None:
    points, targets = images(20)
    drawing = keras.layers.Lambda(draw, output_shape=(20, 24))
    moved = keras.layers.Dense(20, kernel_initializer="identity", bias_initializer=keras.initializers.Constant(1.0))
    model = keras.Sequential([keras.Input((20,)), moved, keras.layers.Reshape((10, 2)), drawing])
    if model.output_shape != (None, 20, 24):
        raise AssertionError(model.output_shape)
    fit_save_load(model, points.reshape(20, 20), targets[..., 0], "mse", folder)


class Drawing(keras.layers.Layer):
    """A layer of a user, which gives a variable of Keras to a function of ours."""

    def build(self, input_shape: Any) -> None:
        start = keras.initializers.RandomUniform(4.0, 16.0, seed=0)
        self.points = self.add_weight(shape=(5, 2), initializer=start, name="points")

    def call(self, inputs: Any) -> Any:
        return inputs * gaussgrad.render(self.points, COVARIANCE, size=(20, 24), amplitude="peak")


def variables_are_taken_with_their_gradient(folder: Path) -> None:
    _, targets = images(4)
    layer = Drawing()
    model = keras.Sequential([keras.Input((1, 1)), layer])
    model.compile(keras.optimizers.Adam(0.02), loss="mse", jit_compile=keras.backend.backend() == "jax")
    before = to_numpy(layer.points)
    model.train_on_batch(np.ones((4, 1, 1), "float32"), targets[..., 0])
    if not (to_numpy(layer.points) != before).all():
        raise AssertionError("a coordinate without a gradient")


def options_come_back(folder: Path) -> None:
    for layer in (
        RenderGaussians((20, 24), stddev=2.0, maps="each", backend="reference"),
        Moments("x y weight", softmax=2.0, coordinates="normalized"),
        RenderImpulses(9, [1.0, 2.0], backend="cpu"),
        MixtureLoss(3, backend="reference"),
        MixtureDensity(3, variance_floor=0.5),
    ):
        again = type(layer).from_config(layer.get_config())
        if again.options != layer.options:
            raise AssertionError(again.options)
    if not RenderGaussians((20, 24), stddev=2.0, backend="reference").supports_jit:
        raise AssertionError("the reference runs under XLA")


def by_reference(layer: Any) -> Any:
    config = layer.get_config()
    return layer.from_config({**config, "backend": "reference"} if "backend" in config else config)


def exported_models_draw_by_the_reference(folder: Path) -> None:
    """The programs of torch are tested in tests/layers/torch; here the way of Keras to them."""
    layer = RenderGaussians((20, 24), row="x y xx xy yy weight", parametrization="cholesky", compose="max")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5 * 6), layer])
    inputs = RNG.normal(size=(3, 6)).astype("float32")
    image = model.predict(inputs, verbose=0)
    if keras.backend.backend() == "torch":
        import torch

        model.export(folder / "model.pt2", format="torch", verbose=False)
        drawn = torch.export.load(folder / "model.pt2").module()(torch.from_numpy(inputs[:1])).detach()
        np.testing.assert_array_equal(drawn, image[:1])
    elif importlib.util.find_spec("tensorflow"):
        import tensorflow as tf

        if keras.backend.backend() == "tensorflow":
            served = keras.models.clone_model(model, clone_function=by_reference)
            served.set_weights(model.get_weights())
            model = served
        model.export(folder / "exported", verbose=False)
        np.savez(folder / "exported.npz", inputs=inputs, image=image)
        loaded = tf.saved_model.load(folder / "exported")
        np.testing.assert_allclose(loaded.serve(inputs), image, rtol=0, atol=1e-6 * image.max())


def latents_add_their_divergence_once_when_asked(folder: Path) -> None:
    inputs = keras.Input((6,))
    mean, log_variance = keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)
    latent = GaussianLatent(prior_variance=2.0, divergence_loss=True, seed=0)
    model = keras.Model(inputs, keras.layers.Dense(6)(latent([mean, log_variance])))
    data = RNG.normal(size=(16, 6)).astype("float32")
    encoder = keras.Model(inputs, [mean, log_variance])
    parts = [np.asarray(part) for part in encoder.predict(data, verbose=0)]
    expected = gaussgrad.kl_divergence(*parts, prior_variance=2.0).sum(axis=1).mean()
    model(keras.ops.convert_to_tensor(data))
    np.testing.assert_allclose([to_numpy(loss) for loss in model.losses], [expected], rtol=1e-4)
    if GaussianLatent.from_config({**latent.get_config(), "divergence_loss": False, "name": None}).losses:
        raise AssertionError("a loss that nobody asked for")
    fit_save_load(model, data, data, "mse", folder)


def latents_sample_in_training_only(folder: Path) -> None:
    mean, log_variance = keras.ops.ones((2000, 2)), keras.ops.zeros((2000, 2))
    latent = GaussianLatent(seed=0)
    np.testing.assert_array_equal(to_numpy(latent([mean, log_variance])), 1)
    sample = to_numpy(latent([mean, log_variance], training=True))
    np.testing.assert_allclose([sample.mean(), sample.std()], 1, atol=0.1)


def full_latents_train_with_their_divergence(folder: Path) -> None:
    """Through a prior whose factor is to be divided by, in batches of unknown size, as XLA compiles them too."""
    prior = {"prior_mean": [0.5, -0.5], "prior_cholesky": [0.1, 0.3, -0.2]}
    inputs = keras.Input((6,))
    heads = [keras.layers.Dense(2), keras.layers.Dense(3)]
    mean, cholesky = (head(inputs) for head in heads)
    latent = FullGaussianLatent(**prior, divergence_loss=True, seed=0)
    model = keras.Model(inputs, keras.layers.Dense(6)(latent([mean, cholesky])))
    data = RNG.normal(size=(16, 6)).astype("float32")
    parts = [np.asarray(part) for part in keras.Model(inputs, [mean, cholesky]).predict(data, verbose=0)]
    each = gaussgrad.kl_divergence_full(parts[0], cholesky=parts[1], log_diagonal=True, **prior)
    model(keras.ops.convert_to_tensor(data))
    np.testing.assert_allclose([to_numpy(loss) for loss in model.losses], [each.mean()], rtol=1e-4)
    fit_save_load(model, data, data, "mse", folder)
    again = FullGaussianLatent.from_config(latent.get_config()).get_config()
    if {**again, **prior} != again or again != latent.get_config():
        raise AssertionError(again)
    before = [to_numpy(head.kernel) for head in heads]
    sampler = keras.Model(inputs, FullGaussianLatent(seed=0)([mean, cholesky]))
    sampler.compile(keras.optimizers.Adam(0.02), loss="mse")
    sampler.train_on_batch(data, data[:, :2])
    if any((to_numpy(head.kernel) == kernel).any() for head, kernel in zip(heads, before, strict=True)):
        raise AssertionError("a number of the samples without a gradient")


def full_latents_sample_and_score_what_their_factor_says(folder: Path) -> None:
    mean, cholesky = RNG.normal(size=(5, 4, 3)), 0.5 * RNG.normal(size=(5, 4, 6))
    pair = [keras.ops.convert_to_tensor(array, dtype="float64") for array in (mean, cholesky)]
    latent = FullGaussianLatent(seed=0, dtype="float64")
    np.testing.assert_array_equal(to_numpy(latent(pair)), mean)
    zeros = keras.ops.zeros((5, 4, 3), dtype="float64")
    noise = to_numpy(GaussianLatent(seed=0, dtype="float64")([zeros, zeros], training=True))
    diagonal = [0, 2, 5]
    cholesky = cholesky.copy()  # JAX may have taken the array as it is, without a copy
    cholesky[..., diagonal] = np.exp(cholesky[..., diagonal])
    roots = np.zeros((5, 4, 3, 3))
    roots[..., *np.tril_indices(3)] = cholesky
    drawn = mean + (roots @ noise[..., None])[..., 0]
    np.testing.assert_allclose(to_numpy(latent(pair, training=True)), drawn, rtol=1e-10)
    points = np.stack([drawn, mean])  # a leading axis of samples
    given = keras.ops.convert_to_tensor(points, dtype="float64")
    wanted = gaussgrad.log_density(points, mean[..., None, :], cholesky=cholesky[..., None, :])[..., 0].sum(axis=-1)
    np.testing.assert_allclose(to_numpy(latent.log_density(given, pair)), wanted, rtol=1e-10)
    wanted = gaussgrad.log_density(points, np.zeros((1, 3)), [1.0, 0.0, 0.0, 1.0, 0.0, 1.0])[..., 0].sum(axis=-1)
    np.testing.assert_allclose(to_numpy(latent.prior_log_density(given, pair)), wanted, rtol=1e-10)


def mixtures_train(folder: Path) -> None:
    features = RNG.normal(size=(40, 3)).astype("float32")
    for dimensions in (2, 3):
        points = (features[:, :1] + 0.1 * RNG.normal(size=(40, dimensions))).astype("float32")
        model = keras.Sequential([keras.Input((3,)), MixtureDensity(4, dimensions=dimensions)])
        fit_save_load(model, features, points, MixtureLoss(4, dimensions=dimensions), folder)


def mixtures_start_from_clusters_and_give_them_back(folder: Path) -> None:
    centres = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 4.0], [0.0, 10.0, -4.0]])
    for dimensions, covariance in ((2, "full"), (3, "diagonal")):
        points = centres[RNG.integers(3, size=900), :dimensions] + 0.5 * RNG.normal(size=(900, dimensions))
        head = MixtureDensity(3, dimensions=dimensions)
        numbers = head(keras.ops.zeros((2000, 4)))
        head.start_from(points, seed=0)
        parts = head.split(head(keras.ops.zeros((2000, 4))))
        means, log_stddevs, correlations = (None if part is None else to_numpy(part) for part in parts[1:])
        if (correlations is None) != (covariance == "diagonal") or numbers.shape != (2000, head.head.units):
            raise AssertionError(numbers.shape)
        found = means[0][np.lexsort(means[0].round().T)]
        np.testing.assert_allclose(found, centres[np.lexsort(centres[:, :dimensions].T), :dimensions], atol=0.2)
        np.testing.assert_allclose(np.exp(log_stddevs[0]), 0.5, atol=0.05)
        drawn = to_numpy(head.sample(head(keras.ops.zeros((2000, 4))), seed=1))
        np.testing.assert_allclose(drawn.mean(axis=0), points.mean(axis=0), atol=0.5)
        np.testing.assert_allclose(drawn.std(axis=0), points.std(axis=0), rtol=0.1)
        again = to_numpy(head.sample(head(keras.ops.zeros((2000, 4))), seed=1))
        np.testing.assert_array_equal(again, drawn)
        generator = keras.random.SeedGenerator(1)
        first, second = (to_numpy(head.sample(numbers, seed=generator)) for _ in range(2))
        if np.array_equal(first, second):
            raise AssertionError("a generator that does not go on")
        sure = to_numpy(head.sample(head(keras.ops.zeros((2000, 4))), seed=1, bias=20.0))
        near = np.linalg.norm(sure[:, None] - means[0][None], axis=-1).min(axis=1)
        np.testing.assert_allclose(near, 0, atol=1e-3)


def a_floor_widens_mixtures(folder: Path) -> None:
    features = keras.ops.convert_to_tensor(RNG.normal(size=(5, 3)).astype("float32"))
    for dimensions in (2, 3):
        plain, floored = (MixtureDensity(4, dimensions=dimensions, variance_floor=floor) for floor in (0.0, 0.3))
        plain(features), floored(features)
        floored.set_weights(plain.get_weights())
        narrow, wide = plain.split(plain(features)), floored.split(floored(features))
        variances = np.exp(2 * to_numpy(narrow[2])) + 0.3
        np.testing.assert_allclose(np.exp(2 * to_numpy(wide[2])), variances, rtol=1e-5)
        if dimensions == 2:
            covariances = (np.tanh(to_numpy(part[3])) * np.exp(to_numpy(part[2]).sum(-1)) for part in (narrow, wide))
            np.testing.assert_allclose(*covariances, rtol=1e-4, atol=1e-6)


def layers_draw_what_the_function_draws(folder: Path) -> None:
    rows = np.concatenate([RNG.uniform(0, 20, (3, 5, 2)), np.tile([4.0, 1.0, 3.0, 0.5], (3, 5, 1))], axis=-1)
    layer = RenderGaussians((20, 24), row="x y xx xy yy weight", compose="union", dtype="float64")
    wanted = gaussgrad.render(rows[..., :2], rows[..., 2:5], rows[..., 5], size=(20, 24), compose="union")
    image = layer(keras.ops.convert_to_tensor(rows, dtype="float64"))
    np.testing.assert_allclose(to_numpy(image), wanted[..., None], rtol=0, atol=1e-7)


def to_numpy(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


CLAIMS: tuple[Callable[[Path], None], ...] = (
    ten_points_end_a_model,
    rows_with_widths_and_colours_train,
    raw_rows_of_any_size_have_finite_images_and_gradients,
    half_precision_does_not_move_coordinates,
    impulses_train,
    maps_become_keypoints_and_keypoints_maps,
    a_lambda_trains_and_loads,
    variables_are_taken_with_their_gradient,
    options_come_back,
    exported_models_draw_by_the_reference,
    latents_add_their_divergence_once_when_asked,
    latents_sample_in_training_only,
    full_latents_train_with_their_divergence,
    full_latents_sample_and_score_what_their_factor_says,
    mixtures_train,
    mixtures_start_from_clusters_and_give_them_back,
    a_floor_widens_mixtures,
    layers_draw_what_the_function_draws,
)

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    for claim in CLAIMS:
        claim(Path(sys.argv[1]))
        sys.stdout.write(f"{claim.__name__}\n")
