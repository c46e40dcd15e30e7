"""Where the posteriors of all training images lie together: a mixture of Gaussians to draw new images from."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from gaussgrad import checks

LARGEST_COUNT = 40  # components
IMAGES_PER_NUMBER = 5  # for each component at least so many images per latent number
LEAST_VARIANCE = 1e-4
ROUNDS = 25


@dataclass(frozen=True, eq=False)
class AggregatePosterior:
    """A mixture of k Gaussians with full covariances in d dimensions."""

    weights: torch.Tensor  # (k,), their sum is 1
    means: torch.Tensor  # (k, d)
    cholesky: torch.Tensor  # (k, d, d), lower

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` draws (count, d)."""
        count = checks.count("count", count)
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[-1], 1, generator=generator)
        return self.means[chosen] + (self.cholesky[chosen] @ noise)[..., 0]


def fit_aggregate(samples: torch.Tensor, seed: int) -> AggregatePosterior:
    """The mixture of samples (N, d), one from the posterior of each training image.

    The prior of a variational autoencoder tells how each latent number is spread, not how they belong together; its
    draws look like nothing. A mixture fitted afterwards to where the posteriors are does tell.

    Parameters
    ----------
    samples : tensor (N, d)
        At least two.
    seed : int
        Of the start.

    Returns
    -------
    aggregate : AggregatePosterior
        Of as many components as N allows, at most 40.

    Raises
    ------
    ValueError
        For other shapes, or fewer than two samples.

    Notes
    -----
    Ghosh et al. (2020), "From variational to deterministic autoencoders", section 4, there called ex-post density
    estimation. Expectation maximisation by scikit-learn.

    Examples
    --------
    >>> import torch
    >>> aggregate = fit_aggregate(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), seed=0)
    >>> aggregate.means.shape, aggregate.sample(5, torch.Generator().manual_seed(0)).shape
    (torch.Size([13, 3]), torch.Size([5, 3]))
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if samples.ndim != 2 or len(samples) < 2:
        raise ValueError(checks.complain("samples", "of shape (N, d), N at least 2", f"shape {tuple(samples.shape)}"))
    count = max(1, min(LARGEST_COUNT, len(samples) // (IMAGES_PER_NUMBER * samples.shape[1])))
    mixture = GaussianMixture(count, reg_covar=LEAST_VARIANCE, max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last rounds change no picture
        mixture.fit(samples.double().numpy())
    arrays = (mixture.weights_ / mixture.weights_.sum(), mixture.means_, np.linalg.cholesky(mixture.covariances_))
    return AggregatePosterior(*(torch.from_numpy(array).float() for array in arrays))
