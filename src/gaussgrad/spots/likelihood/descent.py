"""Fisher scoring with Levenberg's damping: the numbers of each group at which its likelihood is highest."""

import math

import numpy as np

from gaussgrad import simd
from gaussgrad.spots.likelihood.equations import (
    Patch,
    Shape,
    add_light,
    fill_equations,
    fill_model,
    fill_profiles,
    pixel_deviance,
)
from gaussgrad.spots.likelihood.records import NUMBERS, PHOTONS, X_STDDEV, X, Y

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-7, 1e7
RELAXED, TIGHTENED = 0.1, 10.0  # factors on the damping after a step that helped, and after one that did not
ENOUGH = 1e-6  # deviance left to gain: a thousandth of a standard error
LEAST_SHARE = 0.1  # of photons and widths that a step leaves
LARGEST_GROWTH = 2.0  # of a width in one step
LEAST_BACKGROUND = 1e-4  # photons at a pixel where the noise is Poisson's
FAINTEST, NARROWEST = 1e-3, 0.05


@simd.inner
def factor(information, damping, triangle):
    """Cholesky's lower triangle of the information with its diagonal raised; False where it is not definite."""
    m = len(information)
    for i in range(m):
        for j in range(i + 1):
            value = information[i, j]
            if i == j:
                value *= 1 + damping
            for k in range(j):
                value -= triangle[i, k] * triangle[j, k]
            if i == j:
                if not value > 1e-12 * information[i, i]:
                    return False
                triangle[i, i] = math.sqrt(value)
            else:
                triangle[i, j] = value / triangle[j, j]
    return True


@simd.inner
def _solve(triangle, score, step):
    """The step, and by how much it would lower the deviance if that were quadratic."""
    m = len(score)
    gain = 0.0
    for i in range(m):
        value = score[i]
        for k in range(i):
            value -= triangle[i, k] * step[k]
        step[i] = value / triangle[i, i]
        gain += step[i] * step[i]
    for i in range(m - 1, -1, -1):
        value = step[i]
        for k in range(i + 1, m):
            value -= triangle[k, i] * step[k]
        step[i] = value / triangle[i, i]
    return gain


@simd.inner
def _fill_errors(triangle, free, spots, errors):
    """Square roots of the diagonal of the inverse information: sums of squares of columns of the inverse triangle."""
    m = len(triangle)
    column = np.empty(m)
    for i in range(len(spots)):
        for a in range(free):
            at = 1 + i * free + a
            total = 0.0
            for r in range(at, m):
                value = 1.0 if r == at else 0.0
                for k in range(at, r):
                    value -= triangle[r, k] * column[k]
                column[r] = value / triangle[r, r]
                total += column[r] * column[r]
            errors[spots[i], a] = math.sqrt(total)


@simd.inner
def _try_step(numbers, shift, step, free, centres, spots, radius, lowest, gaussian, tried):
    """Numbers after a step, held where they make sense; the new shift."""
    for i in range(len(numbers)):
        for a in range(NUMBERS):
            old = numbers[i, a]
            new = old + step[1 + i * free + a] if a < free else old
            if a in (X, Y):
                middle = centres[spots[i], a]
                new = min(max(new, middle - radius), middle + radius)
            elif a == PHOTONS:
                new = max(new, LEAST_SHARE * old, FAINTEST)
            elif a >= X_STDDEV and a < free:
                new = min(max(new, LEAST_SHARE * old, NARROWEST), LARGEST_GROWTH * old, 2.0 * radius)
            tried[i, a] = new
    moved = shift + step[0]
    if gaussian:
        return moved
    return max(moved, min(shift, max(LEAST_SHARE * (lowest + shift), LEAST_BACKGROUND) - lowest))


@simd.inner
def _outline(start, stop, centres, radius, height, width):
    """Top, bottom, left and right of the rectangle around all windows, within the frame."""
    top, bottom, left, right = height, 0, width, 0
    for s in range(start, stop):
        top, bottom = min(top, centres[s, 1] - radius), max(bottom, centres[s, 1] + radius + 1)
        left, right = min(left, centres[s, 0] - radius), max(right, centres[s, 0] + radius + 1)
    return max(top, 0), min(bottom, height), max(left, 0), min(right, width)


@simd.inner
def _window(centre, radius, patch, window):
    """The window of a spot in pixels of its patch."""
    rows, columns = patch.data.shape
    window[0] = min(max(centre[1] - radius - patch.top, 0), rows)
    window[1] = max(min(centre[1] + radius + 1 - patch.top, rows), window[0])
    window[2] = min(max(centre[0] - radius - patch.left, 0), columns)
    window[3] = max(min(centre[0] + radius + 1 - patch.left, columns), window[2])


@simd.inner
def _fill_patch(start, stop, frames, spots, radius, window, patch):
    """Copy the pixels of a group; those of its windows count, where they are used."""
    frame = spots.frame[start]
    rows, columns = patch.data.shape
    for y in range(rows):
        for x in range(columns):
            patch.data[y, x] = frames.data[frame, patch.top + y, patch.left + x]
            patch.noise[y, x] = frames.noise[patch.top + y, patch.left + x]
            patch.fixed[y, x] = frames.total[frame, patch.top + y, patch.left + x]
            patch.covered[y, x] = False
    for s in range(start, stop):
        _window(spots.centres[s], radius, patch, window)
        for y in range(window[0], window[1]):
            for x in range(window[2], window[3]):
                patch.covered[y, x] = frames.used[frame, patch.top + y, patch.left + x]


@simd.inner
def _take_out(start, stop, spots, radius, patch):
    """Take the light of the group, as it was drawn, out of what is fixed."""
    one = Shape(np.empty((1, 4), np.int64), np.empty((1, 3, 2 * radius + 1)), np.empty((1, 3, 2 * radius + 1)))
    numbers = np.empty((1, NUMBERS))
    for s in range(start, stop):
        numbers[0] = spots.drawn[s]
        if numbers[0, PHOTONS] != 0:
            _window(spots.centres[s], radius, patch, one.windows[0])
            fill_profiles(numbers, patch, one)
            add_light(numbers, one, -1.0, patch.fixed)


@simd.inner
def _lowest(patch):
    """The least light that a pixel gets from all but this group, with the variance of the read noise."""
    lowest = np.inf
    rows, columns = patch.data.shape
    for y in range(rows):
        for x in range(columns):
            if patch.covered[y, x]:
                lowest = min(lowest, patch.fixed[y, x] + patch.noise[y, x])
    return lowest


@simd.inner
def _window_deviance(window, patch, gaussian):
    """The mean over the pixels of a window."""
    deviance, pixels = 0.0, 0
    for y in range(window[0], window[1]):
        for x in range(window[2], window[3]):
            if patch.covered[y, x]:
                deviance += pixel_deviance(patch.data[y, x], patch.noise[y, x], patch.model[y, x], gaussian)
                pixels += 1
    return deviance / max(pixels, 1)


@simd.inner
def _fit_group(g, frames, spots, groups, radius, free, gaussian, most_steps, answers):
    """Fit one group in place."""
    start, stop = groups.starts[g], groups.starts[g + 1]
    height, width = frames.data.shape[1:]
    top, bottom, left, right = _outline(start, stop, spots.centres, radius, height, width)
    area = (max(bottom - top, 0), max(right - left, 0))
    patch = Patch(
        top, left, np.empty(area), np.empty(area), np.empty(area), np.empty(area, np.bool_), np.empty(area),
        np.empty(area), np.empty(area),
    )  # fmt: skip
    window = np.empty(4, np.int64)
    _fill_patch(start, stop, frames, spots, radius, window, patch)
    k = 0
    for s in range(start, stop):
        k += spots.active[s]
    chosen, numbers, tried = np.empty(k, np.int64), np.empty((k, NUMBERS)), np.empty((k, NUMBERS))
    shape = Shape(np.empty((k, 4), np.int64), np.empty((k, 3, 2 * radius + 1)), np.empty((k, 3, 2 * radius + 1)))
    k = 0
    for s in range(start, stop):
        if spots.active[s]:
            chosen[k] = s
            _window(spots.centres[s], radius, patch, shape.windows[k])
            numbers[k] = spots.numbers[s]
            k += 1
    _take_out(start, stop, spots, radius, patch)
    m = 1 + k * free
    information, triangle, sums = np.empty((m, m)), np.empty((m, m)), np.empty((3, 3))
    score, step = np.empty(m), np.empty(m)
    lowest = 0.0 if gaussian else _lowest(patch)
    shift = groups.shifts[g]
    if not gaussian:
        shift = max(shift, LEAST_BACKGROUND - lowest)
    deviance = fill_model(numbers, shift, patch, shape, gaussian)
    damping = FIRST_DAMPING
    for _ in range(most_steps):
        fill_equations(numbers, free, patch, shape, gaussian, sums, information, score)
        helped = False
        while not helped and damping < MOST_DAMPING:
            gain = 0.0
            if factor(information, damping, triangle):
                gain = _solve(triangle, score, step)
                if gain < ENOUGH:
                    break
                moved = _try_step(
                    numbers, shift, step, free, spots.centres, chosen, radius, lowest, gaussian, tried
                )  # fmt: skip
                new = fill_model(tried, moved, patch, shape, gaussian)
                helped = new < deviance
            if not helped:
                damping *= TIGHTENED
        if not helped:
            break
        numbers, tried = tried, numbers
        shift, gain, deviance = moved, deviance - new, new
        damping = max(damping * RELAXED, LEAST_DAMPING)
        if gain < ENOUGH:
            break
    deviance = fill_model(numbers, shift, patch, shape, gaussian)
    fill_equations(numbers, free, patch, shape, gaussian, sums, information, score)
    if factor(information, 0.0, triangle):
        _fill_errors(triangle, free, chosen, answers.errors)
    else:
        answers.errors[chosen] = np.inf
    for i in range(k):
        spots.numbers[chosen[i]] = numbers[i]
        answers.spot_deviances[chosen[i]] = _window_deviance(shape.windows[i], patch, gaussian)
    groups.shifts[g] = shift
    answers.deviances[g] = deviance


@simd.kernel
def fit_groups(start, stop, frames, spots, groups, radius, free, gaussian, most_steps, answers):
    """Fit the groups [start, stop); `frames`, `spots`, `groups` and `answers` are records of `records.py`."""
    for g in range(start, stop):
        _fit_group(g, frames, spots, groups, radius, free, gaussian, most_steps, answers)
