"""How close reconstructions are: PSNR, SSIM, and what the mean image and PCA reach with as many numbers per image."""

from dataclasses import dataclass

import numpy as np

from gaussgrad import checks

WINDOW = 11  # pixels, of SSIM: (2 * 3.5 * 1.5 + 1) of its Gaussian
_BAND = 256  # rows of an image at a time: what SSIM needs besides the images stays small


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


def ssim(
    images: np.ndarray, reconstructions: np.ndarray, data_range: float = 1.0, mask: np.ndarray | None = None
) -> float:
    """Structural similarity of images: the mean of its map over all windows, channels and images.

    A window is 11 x 11 pixels, weighted by a Gaussian of 1.5 pixels. Windows that reach beyond the image do not count.

    Parameters
    ----------
    images, reconstructions : array (..., h, w) of one shape
        At least 11 x 11 pixels. Values are taken as they are, not clipped.
    data_range : float
        White less black, in the numbers of the images.
    mask : array (h, w) of bool, optional
        Which pixels are known. Windows with others do not count; the others may be NaN.

    Returns
    -------
    ssim : float
        At most 1, which equal images have.

    Raises
    ------
    ValueError
        For shapes that differ, images smaller than a window, and a mask that leaves no window.

    Notes
    -----
    Wang, Bovik, Sheikh and Simoncelli (2004), "Image quality assessment: from error visibility to structural
    similarity", equation 13 with K1 = 0.01 and K2 = 0.03, and 17 by channels, at the size that the images have.

    Examples
    --------
    >>> import numpy
    >>> image = numpy.arange(144.0).reshape(12, 12) / 144
    >>> ssim(image, image), round(ssim(image, image + 0.1), 3)
    (1.0, 0.983)
    """
    if images.shape != reconstructions.shape or images.ndim < 2 or images.size == 0:
        wanted = f"of the shape of images {images.shape}, (..., h, w), not empty"
        raise ValueError(checks.complain("reconstructions", wanted, f"shape {reconstructions.shape}"))
    *_, height, width = images.shape
    if min(height, width) < WINDOW:
        raise ValueError(checks.complain("images", f"of at least {WINDOW} x {WINDOW} pixels", f"{height} x {width}"))
    mask = np.ones((height, width), bool) if mask is None else mask
    if mask.shape != (height, width) or mask.dtype != bool:
        wanted = f"booleans of shape {(height, width)}, as the images"
        raise ValueError(checks.complain("mask", wanted, f"{mask.dtype} of shape {mask.shape}"))
    counted = _windows(mask)
    if not counted.any():
        raise ValueError(checks.complain("mask", f"all true in at least one window of {WINDOW} x {WINDOW}", "none"))
    total, planes = 0.0, images.reshape(-1, height, width)
    for one, other in zip(planes, reconstructions.reshape(-1, height, width), strict=True):
        for start in range(0, len(counted), _BAND):
            rows = slice(start, start + _BAND + WINDOW - 1)
            similarity = _similarity(one[rows], other[rows], data_range)
            total += similarity[counted[start : start + _BAND]].sum()
    return float(total / (len(planes) * counted.sum()))


def has_windows(mask: np.ndarray) -> bool:
    """Whether SSIM is defined for images of which the pixels (h, w) of a mask are known.

    Examples
    --------
    >>> import numpy
    >>> has_windows(numpy.ones((10, 99), bool)), has_windows(numpy.ones((11, 11), bool))
    (False, True)
    """
    return min(mask.shape) >= WINDOW and bool(_windows(mask).any())


def _windows(mask: np.ndarray) -> np.ndarray:
    """Which windows (h - 10, w - 10) of a mask (h, w) hold nothing but what is known."""
    from scipy.ndimage import minimum_filter

    return _inside(minimum_filter(mask, WINDOW))


def _similarity(one: np.ndarray, other: np.ndarray, data_range: float) -> np.ndarray:
    """The map (h - 10, w - 10) of two images (h, w); NaN in no window but those that hold it."""
    x, y = (image.astype(np.float64) / data_range for image in (one, other))
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    least_mean, least_variance = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + least_mean) * (2 * covariance + least_variance)
    return alike / ((mean_x**2 + mean_y**2 + least_mean) * (variance_x + variance_y + least_variance))


def _blurred(image: np.ndarray) -> np.ndarray:
    """The weighted means over all windows."""
    from scipy.ndimage import correlate1d

    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    for axis in (0, 1):
        image = correlate1d(image, weights / weights.sum(), axis=axis)
    return _inside(image)


def _inside(image: np.ndarray) -> np.ndarray:
    edge = WINDOW // 2
    return image[edge:-edge, edge:-edge]


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
