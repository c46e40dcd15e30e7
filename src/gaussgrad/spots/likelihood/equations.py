"""The likelihood of one group of spots: deviance, score and Fisher information, exact for whole pixels.

The light expected at a pixel is m = fixed + shift + sum of photons · share along x · share along y. Poisson noise has
the deviance 2 Σ (m - d + d log(d / m)), the score Σ (d / m - 1) m' and the information Σ m' m'ᵀ / m, with the variance
of the read noise added to both d and m (Huang 2013, equation 5). Gaussian noise has (d - m)² / v in their place.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import simd
from gaussgrad.spots.likelihood.profiles import BY_PLACE, BY_WIDTH, SHARE, fill_profile
from gaussgrad.spots.likelihood.records import PHOTONS, X_STDDEV, Y_STDDEV, X, Y

LEAST_LIGHT = 1e-9  # photons expected at a pixel below which no Poisson model stands


class Patch(NamedTuple):
    """The pixels of a group: the rectangle around all its windows."""

    top: int
    left: int
    data: Any  # (rows, columns)
    noise: Any  # (rows, columns)
    fixed: Any  # (rows, columns): light of all but this group
    covered: Any  # (rows, columns): within a window, and used
    model: Any  # (rows, columns)
    weights: Any  # (rows, columns): the information of a pixel
    residuals: Any  # (rows, columns): weight times what is too little


class Shape(NamedTuple):
    """The windows and profiles of the k active spots of a group."""

    windows: Any  # (k, 4): top, bottom, left, right, in pixels of the patch
    along_x: Any  # (k, 3, side)
    along_y: Any  # (k, 3, side)


@simd.inner
def fill_profiles(numbers, patch, shape):
    for i in range(len(numbers)):
        top, bottom, left, right = shape.windows[i]
        first = patch.left + left
        fill_profile(numbers[i, X], numbers[i, X_STDDEV], first, first + right - left, shape.along_x[i])
        first = patch.top + top
        fill_profile(numbers[i, Y], numbers[i, Y_STDDEV], first, first + bottom - top, shape.along_y[i])


@simd.inner
def add_light(numbers, shape, sign, image):
    """Add the spots, times a sign, to the pixels of their windows."""
    for i in range(len(numbers)):
        top, bottom, left, right = shape.windows[i]
        for y in range(top, bottom):
            height = sign * numbers[i, PHOTONS] * shape.along_y[i, SHARE, y - top]
            for x in range(left, right):
                image[y, x] += height * shape.along_x[i, SHARE, x - left]


@simd.inner
def pixel_deviance(data, noise, model, gaussian):
    """Of one pixel; infinite where the model cannot be."""
    if gaussian:
        return (data - model) * (data - model) / noise
    data, model = data + noise, model + noise
    if not model > LEAST_LIGHT:
        return np.inf
    if data > 0:
        return 2 * (model - data - data * math.log(model / data))
    return 2 * (model - data)


@simd.inner
def fill_model(numbers, shift, patch, shape, gaussian):
    """Profiles and the light expected everywhere; the deviance."""
    fill_profiles(numbers, patch, shape)
    rows, columns = patch.model.shape
    for y in range(rows):
        for x in range(columns):
            patch.model[y, x] = patch.fixed[y, x] + shift
    add_light(numbers, shape, 1.0, patch.model)
    deviance = 0.0
    for y in range(rows):
        for x in range(columns):
            if patch.covered[y, x]:
                deviance += pixel_deviance(patch.data[y, x], patch.noise[y, x], patch.model[y, x], gaussian)
    return deviance


@simd.inner
def _fill_weights(patch, gaussian):
    rows, columns = patch.model.shape
    for y in range(rows):
        for x in range(columns):
            weight = 0.0
            if patch.covered[y, x]:
                weight = 1 / patch.noise[y, x] if gaussian else 1 / (patch.model[y, x] + patch.noise[y, x])
            patch.weights[y, x] = weight
            patch.residuals[y, x] = weight * (patch.data[y, x] - patch.model[y, x])


@simd.inner
def _factors_of(number):
    """Which rows of the profiles along x and y make the derivative to a number."""
    if number == X:
        return BY_PLACE, SHARE
    if number == Y:
        return SHARE, BY_PLACE
    if number == X_STDDEV:
        return BY_WIDTH, SHARE
    if number == Y_STDDEV:
        return SHARE, BY_WIDTH
    return SHARE, SHARE


@simd.inner
def _scale_of(number, photons):
    return 1.0 if number == PHOTONS else photons


@simd.inner
def _add_pair(i, j, numbers, free, patch, shape, sums, information):
    """The information of two spots about each other, from the pixels that both shine on."""
    top, left = max(shape.windows[i, 0], shape.windows[j, 0]), max(shape.windows[i, 2], shape.windows[j, 2])
    bottom, right = min(shape.windows[i, 1], shape.windows[j, 1]), min(shape.windows[i, 3], shape.windows[j, 3])
    rows = BY_PLACE + 1 if free <= PHOTONS + 1 else BY_WIDTH + 1
    for y in range(top, bottom):
        for p in range(rows):
            for q in range(rows):
                value = 0.0
                for x in range(left, right):
                    one = shape.along_x[i, p, x - shape.windows[i, 2]]
                    value += patch.weights[y, x] * one * shape.along_x[j, q, x - shape.windows[j, 2]]
                sums[p, q] = value
        ours, theirs = y - shape.windows[i, 0], y - shape.windows[j, 0]
        for a in range(free):
            ax, ay = _factors_of(a)
            one = shape.along_y[i, ay, ours] * _scale_of(a, numbers[i, PHOTONS])
            for b in range(free):
                bx, by = _factors_of(b)
                other = shape.along_y[j, by, theirs] * _scale_of(b, numbers[j, PHOTONS])
                information[1 + i * free + a, 1 + j * free + b] += one * other * sums[ax, bx]


@simd.inner
def _add_own(i, numbers, free, patch, shape, information, score):
    """The score of a spot, and the information it shares with the background."""
    top, bottom, left, right = shape.windows[i]
    for y in range(top, bottom):
        for a in range(free):
            ax, ay = _factors_of(a)
            weight, residual = 0.0, 0.0
            for x in range(left, right):
                one = shape.along_x[i, ax, x - left]
                weight += patch.weights[y, x] * one
                residual += patch.residuals[y, x] * one
            height = shape.along_y[i, ay, y - top] * _scale_of(a, numbers[i, PHOTONS])
            information[1 + i * free + a, 0] += height * weight
            score[1 + i * free + a] += height * residual


@simd.inner
def fill_equations(numbers, free, patch, shape, gaussian, sums, information, score):
    """The information (m, m), its lower triangle, and the score (m,), m = 1 + k · free; number 0 is the shift.

    The score is half the negative derivative of the deviance. The model must be filled.
    """
    information[:] = 0
    score[:] = 0
    _fill_weights(patch, gaussian)
    rows, columns = patch.model.shape
    for y in range(rows):
        for x in range(columns):
            information[0, 0] += patch.weights[y, x]
            score[0] += patch.residuals[y, x]
    for i in range(len(numbers)):
        _add_own(i, numbers, free, patch, shape, information, score)
        for j in range(i + 1):
            _add_pair(i, j, numbers, free, patch, shape, sums, information)
