"""How close reconstructions are: PSNR, and what the mean image and PCA reach with as many numbers per image."""

from dataclasses import dataclass

import numpy as np

from gaussgrad import checks


@dataclass(frozen=True)
class Baselines:
    """Held-out PSNR in dB of reconstructions that need no network."""

    mean_image: float
    pca: float
    pca_numbers: int  # fewer than asked for where there are fewer images or pixels


def psnr(images: np.ndarray, reconstructions: np.ndarray, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB of images: -10 log10 of the squared error, averaged over everything.

    Parameters
    ----------
    images, reconstructions : array of one shape
        Values are taken as they are, not clipped.
    data_range : float
        White less black, in the numbers of the images; the error counts as a share of it.

    Returns
    -------
    psnr : float
        Decibels; infinite for equal arrays.

    Raises
    ------
    ValueError
        For shapes that differ or empty arrays.

    Examples
    --------
    >>> import numpy
    >>> round(psnr(numpy.zeros((1, 2, 2)), numpy.full((1, 2, 2), 0.1)), 6)
    20.0
    """
    if images.shape != reconstructions.shape or images.size == 0:
        wanted = f"of the shape of images {images.shape}, not empty"
        raise ValueError(checks.complain("reconstructions", wanted, f"shape {reconstructions.shape}"))
    error = np.mean(np.square(images.astype(np.float64) - reconstructions))
    return decibels(float(error) / data_range**2)


def decibels(mean_squared_error: float) -> float:
    """The PSNR in dB that belongs to a mean squared error of values in [0, 1].

    Examples
    --------
    >>> decibels(0.001)
    30.0
    """
    with np.errstate(divide="ignore"):
        return float(-10 * np.log10(mean_squared_error))


def root_mean_square(psnr: float) -> float:
    """The root mean square error, as a share of white less black, that belongs to a PSNR in dB.

    Examples
    --------
    >>> root_mean_square(20.0)
    0.1
    """
    return float(10 ** (-psnr / 20))


def importance_weighted_bound(log_weights: np.ndarray) -> np.ndarray:
    """The importance-weighted lower bound of log p(x) from k samples: log of the mean weight, per image.

    Parameters
    ----------
    log_weights : array (k, ...)
        log p(x | z) + log p(z) - log q(z | x) of k samples z from q(z | x), in nats.

    Returns
    -------
    bound : array (...)
        In nats, float64. With one sample it is the evidence lower bound; with more it is tighter, in expectation.

    Raises
    ------
    ValueError
        For no samples, or log-weights that are NaN or infinite.

    Notes
    -----
    docs/latent.md, equation 14. Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders", equation 8.

    Examples
    --------
    >>> import numpy
    >>> importance_weighted_bound(numpy.log([[0.1], [0.3]])).round(6).tolist()
    [-1.609438]
    """
    values = np.asarray(log_weights, dtype=np.float64)
    if values.ndim < 1 or len(values) < 1:
        wanted = "of shape (k, ...), at least one sample"
        raise ValueError(checks.complain("log_weights", wanted, f"shape {values.shape}"))
    checks.finite("log_weights", values)
    largest = values.max(axis=0)
    return largest + np.log(np.exp(values - largest).mean(axis=0))


def baselines(training: np.ndarray, held_out: np.ndarray, numbers: int) -> Baselines:
    """Held-out PSNR of the mean training image, and of PCA with `numbers` components fitted to the training images.

    Parameters
    ----------
    training, held_out : array (b, c, h, w)
        Images in [0, 1].
    numbers : int
        Numbers per image that the other model uses.

    Returns
    -------
    baselines : Baselines
        PSNR in dB, and the number of components there were.

    Examples
    --------
    >>> import numpy
    >>> images = numpy.random.default_rng(0).random((20, 1, 4, 4))
    >>> baselines(images, images, 16).pca > 100
    True
    """
    from sklearn.decomposition import PCA

    flat, test = training.reshape(len(training), -1), held_out.reshape(len(held_out), -1)
    components = min(numbers, *flat.shape)
    model = PCA(components, random_state=0).fit(flat)
    return Baselines(
        mean_image=psnr(test, np.broadcast_to(flat.mean(axis=0, dtype=np.float64), test.shape)),
        pca=psnr(test, model.inverse_transform(model.transform(test))),
        pca_numbers=components,
    )
