"""How noisy is a gradient through a sample? The reparameterised estimate beside the score function's, as a picture.

The loss is the mean of |z - 1|^2 over z ~ N(mean, stddev^2) in d dimensions, its gradient to the mean is 2 (mean - 1).
Both ways of estimating it are right on average. Written as z = mean + stddev * noise, one sample gives
2 (z - 1), whose noise does not depend on d. The score function multiplies the whole loss with
(z - mean) / stddev^2, so that the loss of all other numbers comes in as noise, which grows with the square of d.

    python examples/gradient_variance.py -o gradient_variance.png
"""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

import gaussgrad
from gaussgrad.ops.latent import elementwise_log_density

DIMENSIONS = (1, 2, 5, 10, 20, 50, 100, 200)
SAMPLES = 4000
LINES = {"score function": "#d1495b", "reparameterised": "#30638e"}


def loss(z: torch.Tensor) -> torch.Tensor:
    """(...,) of samples (..., d)."""
    return (z - 1).square().sum(-1)


def reparameterised(mean: torch.Tensor, stddev: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The gradient to the mean from each sample (samples, d), by differentiating through the samples."""
    means = mean.expand_as(noise).clone().requires_grad_()
    loss(gaussgrad.reparameterize(means, stddev=stddev.expand_as(noise), noise=noise)).sum().backward()
    return means.grad


def score_function(mean: torch.Tensor, stddev: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The gradient to the mean from each sample (samples, d), from the samples' log density alone."""
    means = mean.expand_as(noise).clone().requires_grad_()
    z = mean + stddev * noise
    log_variance = 2 * stddev.log()
    log_density = elementwise_log_density(z, means, log_variance.expand_as(noise)).sum(-1)
    (loss(z) * log_density).sum().backward()
    return means.grad


def variances(d: int, generator: torch.Generator) -> dict[str, float]:
    """Of both estimates, the variance of the first entry over samples; their means are checked to be right."""
    mean, stddev = torch.zeros(d, dtype=torch.float64), torch.ones(d, dtype=torch.float64)
    noise = torch.randn(SAMPLES, d, generator=generator, dtype=torch.float64)
    found = {}
    for name, estimate in (("score function", score_function), ("reparameterised", reparameterised)):
        gradients = estimate(mean, stddev, noise)[:, 0]
        error = abs(gradients.mean().item() + 2)  # the truth is -2
        if error > 5 * gradients.std().item() / SAMPLES**0.5:
            raise RuntimeError(f"the {name} estimate is off by {error:.3g} in {d} dimensions")
        found[name] = gradients.var().item()
    return found


def save_picture(table: dict[int, dict[str, float]], output: Path) -> None:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, colour in LINES.items():
        axes.loglog(table.keys(), [row[name] for row in table.values()], "o-", color=colour, ms=4)
        axes.annotate(
            name, (DIMENSIONS[2], table[DIMENSIONS[2]][name]), (8, -13), textcoords="offset points", color=colour
        )
    axes.set(xlabel="latent numbers d", ylabel="variance of one estimate", ylim=(1, None))
    axes.set_title("The gradient to a mean, from single samples", loc="left", size=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", lw=0.8)
    figure.savefig(output, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the variance of two estimates of a gradient.")
    parser.add_argument("-o", "--output", type=Path, default=Path("gradient_variance.png"), help="the picture to write")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(arguments.seed)
    table = {d: variances(d, generator) for d in DIMENSIONS}
    print("  d", *(f"{name:>16}" for name in LINES), "           ratio")
    for d, row in table.items():
        print(
            f"{d:3}",
            *(f"{row[name]:16.4g}" for name in LINES),
            f"{row['score function'] / row['reparameterised']:16.4g}",
        )
    save_picture(table, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
