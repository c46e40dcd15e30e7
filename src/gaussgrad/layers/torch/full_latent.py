"""A latent layer whose numbers depend on each other: Gaussians with full covariances."""

from functools import partial
from typing import Any, final

import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers import full_gaussian
from gaussgrad.layers.reductions import reduce_divergence, sum_last
from gaussgrad.layers.torch.latent import LatentDistribution, Pair, draw_noise
from gaussgrad.ops.latent import kl_divergence_full


@final
class FullGaussianLatent(LatentDistribution):
    """Gaussian latent with a full covariance: called with (mean, cholesky), it samples.

    Parameters
    ----------
    prior_mean : tensor (d,), optional
        By default zero. An `nn.Parameter` is learned, another tensor is a buffer.
    prior_cholesky : tensor (d(d+1)/2,), optional
        The lower Cholesky factor of the prior's covariance, packed by rows, its diagonal in natural logarithms. By
        default that of the identity.
    sample_in_eval : bool
        Whether to sample in evaluation too; by default evaluation returns the mean.

    Raises
    ------
    ValueError
        For shapes that disagree, values that are not finite.
    TypeError
        For priors that are no tensors, an input that is not a pair, integer tensors.

    Notes
    -----
    Input a mean (b, ..., d) and a Cholesky factor (b, ..., d(d+1)/2): lower triangle packed by rows, its diagonal in
    natural logarithms, so that any real numbers are valid and raw outputs of a network train. Output (b, ..., d), or
    (samples, b, ..., d). The divergence is one number per vector, (b, ...). docs/latent.md, equations 10 to 13.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import FullGaussianLatent
    >>> latent = FullGaussianLatent()
    >>> pair = torch.zeros(4, 3), torch.zeros(4, 6)
    >>> latent(pair).shape, latent.kl_divergence(pair, reduction="batch").item()
    (torch.Size([4, 3]), 0.0)
    """

    names = ("mean", "cholesky")
    prior_mean: torch.Tensor | None
    prior_cholesky: torch.Tensor | None

    def __init__(self, prior_mean: Any = None, prior_cholesky: Any = None, sample_in_eval: bool = False) -> None:
        super().__init__(sample_in_eval)
        for name, value in (("prior_mean", prior_mean), ("prior_cholesky", prior_cholesky)):
            if value is not None and not (isinstance(value, torch.Tensor) and value.dtype.is_floating_point):
                raise TypeError(complain(name, "a tensor of a floating-point dtype, or None", f"{value!r}"))
            if value is not None:
                checks.finite(name, value.detach().cpu().double().numpy())
            if isinstance(value, nn.Parameter):
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)

    def sample(
        self, parameters: Pair, *, generator: torch.Generator | None = None, samples: int | None = None
    ) -> torch.Tensor:
        mean, cholesky = self._open(parameters)
        return full_gaussian.move_noise(mean, cholesky, draw_noise(mean, generator, samples))

    def kl_divergence(
        self,
        parameters: Pair,
        *,
        reduction: str,
        free_bits: float = 0.0,
        free_bits_of: str = "example",
        beta: float | torch.Tensor = 1.0,
    ) -> torch.Tensor:
        mean, cholesky = self._open(parameters)
        prior = self._prior(mean)
        each = kl_divergence_full(
            mean, prior_mean=prior[0], cholesky=cholesky, prior_cholesky=prior[1], log_diagonal=True
        )
        return reduce_divergence(each, reduction, free_bits=free_bits, free_bits_of=free_bits_of, beta=beta)

    def log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        mean, cholesky = self._open(parameters)
        return sum_last(_log_density(sample, mean, cholesky), mean.ndim - 2)

    def prior_log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        mean, cholesky = self._open(parameters)
        prior_mean, prior_cholesky = self._prior(mean)
        at = torch.zeros_like(mean) if prior_mean is None else prior_mean
        root = torch.zeros_like(cholesky) if prior_cholesky is None else prior_cholesky
        return sum_last(_log_density(sample, at, root), mean.ndim - 2)

    def _prior(self, like: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        mean, cholesky = self.prior_mean, self.prior_cholesky
        return None if mean is None else mean.to(like), None if cholesky is None else cholesky.to(like)

    def _open(self, parameters: Any) -> Pair:
        mean, cholesky = super()._open(parameters)
        full_gaussian.check_shapes(mean.shape, cholesky.shape)
        if cholesky.dtype != mean.dtype:
            raise TypeError(complain("cholesky", f"of the same dtype as mean ({mean.dtype})", str(cholesky.dtype)))
        return mean, cholesky

    def extra_repr(self) -> str:
        given = [name for name in ("prior_mean", "prior_cholesky") if getattr(self, name) is not None]
        return ", ".join(
            [f"{name}=tensor" for name in given] + (["sample_in_eval=True"] if self.sample_in_eval else [])
        )


def _log_density(x: torch.Tensor, mean: torch.Tensor, cholesky: torch.Tensor) -> torch.Tensor:
    """(...,) of points (..., d)."""
    return full_gaussian.log_density(x, mean, cholesky, partial(torch.linalg.solve_triangular, upper=False))
