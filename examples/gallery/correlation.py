"""
Correlation towards ±1, without NaN
===================================

Points on a line have a correlation of 1 or -1. A mixture network that meets them pushes its correlation there, and the
usual formula ends in NaN. gaussgrad takes atanh ρ, which has no end, and a formula in which nothing cancels.
"""

import math

import matplotlib.pyplot as plt
import torch

import gaussgrad
from gaussgrad import plot

figure, panes = plt.subplots(1, 4, figsize=(13, 3.5), layout="constrained")
for axes, atanh in zip(panes, (-2.0, 0.0, 2.0, 4.0), strict=True):
    covariance = gaussgrad.covariance.from_correlation([50.0, 50.0], math.tanh(atanh))
    image = gaussgrad.render([[150.0, 150.0]], covariance, size=(301, 301), amplitude="peak")
    plot.overlay(axes, image, [[150.0, 150.0]], covariance, colour="#56b4e9")
    axes.set_title(f"atanh ρ = {atanh:g},  ρ = {math.tanh(atanh):.5g}")

# %%
# The loss is minus the log density at a point close to the line. First as it is often copied, then ours.

POINT = (1.0, 1 + 2**-13)  # float32 holds both exactly


def copied(atanh):
    rho, (x, y) = torch.tanh(atanh), POINT
    z = x**2 + y**2 - 2 * rho * x * y
    return z / (2 * (1 - rho**2)) + torch.log(2 * torch.pi * torch.sqrt(1 - rho**2))


def ours(atanh):
    zeros = atanh.new_zeros(len(atanh), 1, 2)  # a mean of 0 and a log stddev of 0, for one component
    points = atanh.new_tensor(POINT).expand(len(atanh), 2)
    return -gaussgrad.mixture_log_density(points, zeros[..., 0], zeros, zeros, atanh[:, None])


def slope(loss, atanh):
    atanh = atanh.clone().requires_grad_()
    return torch.autograd.grad(loss(atanh).sum(), atanh)[0]


# %%
# Both in float32, the precision in which networks are trained. From atanh ρ = 9 on, float32 rounds ρ to 1; the copied
# gradient is far off some steps before, and then NaN. Our gradient agrees with that in float64 everywhere.

line = torch.linspace(0, 12, 481)
exact, copied_slope, our_slope = slope(ours, line.double()), slope(copied, line), slope(ours, line)
figure, axes = plt.subplots(figsize=(10, 4.8), layout="constrained")
axes.plot(line.numpy(), exact.numpy(), color="#c5c9d0", linewidth=8, label="ours, float64")
axes.plot(line.numpy(), copied_slope.numpy(), color="#d55e00", linewidth=1.2, label="the copied formula, float32")
axes.plot(line.numpy(), our_slope.numpy(), color="#0072b2", linewidth=2, linestyle="--", label="ours, float32")
lost = line[copied_slope.isnan()].min().item()
axes.axvspan(lost, 12, color="#d55e00", alpha=0.12, linewidth=0)
axes.text((lost + 12) / 2, -2.2, "the copied formula\nis NaN", color="#b04a00", ha="center", size=12)
axes.set(xlabel="atanh ρ", ylabel="gradient of the loss", xlim=(0, 12), ylim=(-3, 4))
axes.legend(loc="upper left", frameon=False)
axes.spines[["top", "right"]].set_visible(False)
print(f"largest error of ours: {(our_slope - exact).abs().max():.1e}")

plt.show()
