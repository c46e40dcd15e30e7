"""Gates that let the number of Gaussians vary: exactly 0 or 1 where it is clear, with gradients while it is not."""

import torch

TEMPERATURE = 2 / 3
LOWEST, HIGHEST = -0.1, 1.1  # the interval that is cut to [0, 1], so that 0 and 1 are reached
FIRST_LOGIT = 2.0  # at the start nearly all Gaussians are there


def gates(logits: torch.Tensor, *, noise: torch.Tensor | None = None) -> torch.Tensor:
    """Factors in [0, 1] for the weights of Gaussians, of any shape: the hard concrete distribution.

    Parameters
    ----------
    logits : tensor (...)
        Any real numbers; above about 2.4 the gate without noise is 1, below about -2.4 it is 0.
    noise : tensor (...), optional
        Uniform on (0, 1), in training: gates near their ends are then sometimes open and get gradients.

    Returns
    -------
    gates : tensor (...)
        Differentiable in `logits` wherever they are strictly between 0 and 1.

    Notes
    -----
    Louizos, Welling and Kingma (2018), "Learning sparse neural networks through L0 regularization", equations 10, 11
    and 13.

    Examples
    --------
    >>> import torch
    >>> gates(torch.tensor([-5.0, 0.0, 5.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    if noise is None:
        share = torch.sigmoid(logits)
    else:
        share = torch.sigmoid((torch.logit(noise, eps=1e-6) + logits) / TEMPERATURE)
    return (share * (HIGHEST - LOWEST) + LOWEST).clamp(0, 1)


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """The probabilities (...) that gates with noise are not 0; their sum is the expected number of Gaussians.

    Notes
    -----
    Louizos, Welling and Kingma (2018), equation 12.

    Examples
    --------
    >>> import torch
    >>> [round(each, 2) for each in probabilities(torch.tensor([-5.0, 0.0, 5.0])).tolist()]
    [0.03, 0.83, 1.0]
    """
    shift = TEMPERATURE * float(torch.log(torch.tensor(-LOWEST / HIGHEST)))
    return torch.sigmoid(logits - shift)
