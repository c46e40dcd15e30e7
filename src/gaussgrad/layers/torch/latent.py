"""PyTorch layers that sample: the latent of a variational autoencoder, with its divergence from a prior."""

import math
from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import nn

from gaussgrad import checks
from gaussgrad.checks import complain
from gaussgrad.layers.reductions import reduce_divergence, sum_last
from gaussgrad.ops.latent import arguments, elementwise_log_density, kl_divergence, reparameterize

Pair = tuple[torch.Tensor, torch.Tensor]


class LatentDistribution(nn.Module, ABC):
    """A distribution q(z | x) whose parameters a network gives, and a fixed or learned prior p(z). Abstract.

    A call with the parameters samples in training; in evaluation it returns the mean, unless `sample_in_eval`. The
    first axis of the mean counts examples, and all others belong to the latent of one example; samples may have more
    axes in front.

    Parameters
    ----------
    sample_in_eval : bool
        Whether to sample in evaluation too.

    Examples
    --------
    A training loop that takes any latent:

    >>> import torch
    >>> from gaussgrad.layers.torch import GaussianLatent, LatentDistribution
    >>> def divergence(latent: LatentDistribution, parameters: tuple) -> torch.Tensor:
    ...     return latent.kl_divergence(parameters, reduction="batch", beta=0.5)
    >>> divergence(GaussianLatent(), (torch.ones(4, 2), torch.zeros(4, 2))).item()
    0.5
    """

    names: tuple[str, str]

    def __init__(self, sample_in_eval: bool = False) -> None:
        super().__init__()
        self.sample_in_eval = checks.option("sample_in_eval", sample_in_eval, (False, True))

    def forward(
        self, parameters: Pair, *, generator: torch.Generator | None = None, samples: int | None = None
    ) -> torch.Tensor:
        """A sample (b, ...), or `samples` of them (samples, b, ...); in evaluation the mean instead."""
        if self.training or self.sample_in_eval:
            return self.sample(parameters, generator=generator, samples=samples)
        mean, _ = self._open(parameters)
        return mean if samples is None else mean.expand(_count(samples), *mean.shape)

    @abstractmethod
    def sample(
        self, parameters: Pair, *, generator: torch.Generator | None = None, samples: int | None = None
    ) -> torch.Tensor:
        """A sample (b, ...), or `samples` of them (samples, b, ...), differentiable in the parameters."""

    @abstractmethod
    def kl_divergence(
        self,
        parameters: Pair,
        *,
        reduction: str,
        free_bits: float = 0.0,
        free_bits_of: str = "example",
        beta: float | torch.Tensor = 1.0,
    ) -> torch.Tensor:
        """The divergence of q(z | x) from the prior, in nats; see `gaussgrad.layers.reductions.reduce_divergence`."""

    @abstractmethod
    def log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        """log q(sample | x), (b,) for samples (b, ...), (samples, b) for (samples, b, ...), in nats."""

    @abstractmethod
    def prior_log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        """log p(sample), of the shape of `log_density`, in nats; the parameters only tell the axes."""

    def _open(self, parameters: Any) -> Pair:
        """The pair, or an error."""
        wanted = f"a pair ({', '.join(self.names)}) of tensors"
        if not isinstance(parameters, (tuple, list)) or len(parameters) != 2:
            got = f"{len(parameters)} of them" if isinstance(parameters, (tuple, list)) else _describe(parameters)
            cure = "Use parameters.chunk(2, dim=-1)." if isinstance(parameters, torch.Tensor) else ""
            raise TypeError(complain("parameters", wanted, got, cure))
        for name, value in zip(self.names, parameters, strict=True):
            if not isinstance(value, torch.Tensor) or not value.dtype.is_floating_point:
                raise TypeError(complain(name, "a tensor of a floating-point dtype", _describe(value)))
        mean, width = parameters
        if mean.ndim < 1:
            raise ValueError(complain("mean", "of shape (b, ...)", "shape ()"))
        return mean, width


@final
class GaussianLatent(LatentDistribution):
    """Gaussian latent with a variance per number: called with (mean, log_variance), it samples.

    Parameters
    ----------
    prior_mean, prior_variance : number, or tensor
        The prior. Plain numbers, also integers, keep all their digits. Tensors broadcast with the latent; an
        `nn.Parameter` is learned, any other tensor is a buffer. Variances are positive.
    sample_in_eval : bool
        Whether to sample in evaluation too; by default evaluation returns the mean.

    Raises
    ------
    ValueError
        For a prior variance that is not finite and positive, shapes that disagree, values that are not finite.
    TypeError
        For priors that are no numbers, an input that is not a pair, integer tensors.

    Notes
    -----
    Input a pair of tensors (b, ...) of any rank; output (b, ...), or (samples, b, ...). Differentiable in both tensors:
    docs/latent.md, equation 2. Without a generator the noise comes from torch's global one, which a data loader seeds
    anew in each worker.

    Examples
    --------
    >>> import torch
    >>> from gaussgrad.layers.torch import GaussianLatent
    >>> latent = GaussianLatent()
    >>> mean, log_variance = torch.zeros(4, 20), torch.zeros(4, 20)
    >>> latent((mean, log_variance), generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4, 20])
    >>> latent.kl_divergence((mean, log_variance), reduction="batch").item()
    0.0
    """

    names = ("mean", "log_variance")
    prior_mean: float | torch.Tensor
    prior_variance: float | torch.Tensor

    def __init__(self, prior_mean: Any = 0.0, prior_variance: Any = 1.0, sample_in_eval: bool = False) -> None:
        super().__init__(sample_in_eval)
        self._set_prior("prior_mean", prior_mean)
        self._set_prior("prior_variance", prior_variance)

    @property
    def prior_stddev(self) -> float | torch.Tensor:
        """The standard deviation of the prior."""
        variance = self.prior_variance
        return variance.sqrt() if isinstance(variance, torch.Tensor) else math.sqrt(variance)

    def sample(
        self, parameters: Pair, *, generator: torch.Generator | None = None, samples: int | None = None
    ) -> torch.Tensor:
        mean, log_variance = self._open(parameters)
        return reparameterize(mean, log_variance, draw_noise(mean, generator, samples))

    def kl_divergence(
        self,
        parameters: Pair,
        *,
        reduction: str,
        free_bits: float = 0.0,
        free_bits_of: str = "example",
        beta: float | torch.Tensor = 1.0,
    ) -> torch.Tensor:
        mean, log_variance = self._open(parameters)
        each = kl_divergence(mean, log_variance, self.prior_mean, self.prior_variance)
        _refuse_wider_prior(each, mean)
        return reduce_divergence(each, reduction, free_bits=free_bits, free_bits_of=free_bits_of, beta=beta)

    def log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        mean, log_variance = self._open(parameters)
        return sum_last(elementwise_log_density(sample, mean, log_variance), mean.ndim - 1)

    def prior_log_density(self, sample: torch.Tensor, parameters: Pair) -> torch.Tensor:
        mean, _ = self._open(parameters)
        prior = (torch.as_tensor(value, dtype=sample.dtype) for value in (self.prior_mean, self.prior_variance))
        prior_mean, prior_variance = torch.broadcast_tensors(*(value.to(sample.device) for value in prior))
        each = elementwise_log_density(sample, prior_mean, prior_variance.log())
        return sum_last(each, mean.ndim - 1)

    def _open(self, parameters: Any) -> Pair:
        mean, log_variance = super()._open(parameters)
        arguments.check_same_shape(mean=mean, log_variance=log_variance)
        if log_variance.ndim != mean.ndim:
            raise ValueError(complain("log_variance", f"of the shape of mean, {tuple(mean.shape)}", "shape ()"))
        return mean, log_variance

    def _set_prior(self, name: str, value: Any) -> None:
        """Keep a number as it is, register a tensor."""
        arguments.refuse_boolean(**{name: value})
        positive = name == "prior_variance"
        if arguments.is_number(value):
            check = arguments.positive_number if positive else arguments.known_number
            setattr(self, name, check(name, value, "float64"))
            return
        if not isinstance(value, torch.Tensor) or not value.dtype.is_floating_point:
            cure = "Use torch.as_tensor for lists and arrays."
            raise TypeError(complain(name, "a number, or a tensor of a floating-point dtype", _describe(value), cure))
        values = value.detach().cpu().double().numpy()
        (checks.positive if positive else checks.finite)(name, values)
        if isinstance(value, nn.Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        parts = [f"{name}={_short(getattr(self, name))}" for name in ("prior_mean", "prior_variance")]
        return ", ".join(parts + (["sample_in_eval=True"] if self.sample_in_eval else []))


def draw_noise(like: torch.Tensor, generator: Any, samples: int | None) -> torch.Tensor:
    """Standard normal draws of the shape of `like`, or `samples` of them along a new first axis."""
    if generator is not None and not isinstance(generator, torch.Generator):
        cure = "Use torch.Generator().manual_seed(seed)."
        raise TypeError(complain("generator", "a torch.Generator or None", _describe(generator), cure))
    shape = like.shape if samples is None else (_count(samples), *like.shape)
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    return torch.randn(shape, generator=generator, dtype=dtype, device=like.device).to(like.dtype)


def _count(samples: Any) -> int:
    if isinstance(samples, bool) or not isinstance(samples, int):
        raise TypeError(complain("samples", "a positive integer or None", repr(samples)))
    if samples < 1:
        raise ValueError(complain("samples", "a positive integer or None", repr(samples)))
    return samples


def _refuse_wider_prior(divergence: torch.Tensor, mean: torch.Tensor) -> None:
    if divergence.shape != mean.shape:
        wanted = f"of shapes that broadcast to that of mean, {tuple(mean.shape)}"
        raise ValueError(complain("prior_mean and prior_variance", wanted, f"{tuple(divergence.shape)} together"))


def _describe(value: Any) -> str:
    return f"a tensor of {value.dtype}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"


def _short(value: Any) -> str:
    return f"tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"{value:g}"
