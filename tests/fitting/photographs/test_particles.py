"""The Gaussians of a descent: who comes in, and who matters least."""

import numpy as np
import pytest

from gaussgrad import render
from gaussgrad.fitting.photographs.particles import PROVING, Particles

SIZE = (20, 30)


@pytest.fixture
def particles():
    """Six Gaussians in colour inside an image of SIZE, proved; two places are free."""
    generator, made = np.random.default_rng(3), Particles(8, 3)
    diagonal = generator.uniform(0.8, 2.0, (6, 2))
    made.add(
        generator.uniform((8, 8), (22, 12), (6, 2)),
        np.stack((diagonal[:, 0], generator.uniform(-1, 1, 6), diagonal[:, 1]), axis=1),
        generator.uniform(-1, 1, (6, 3)),
    )
    made.ages[:6] = PROVING
    return made


def drawn(particles, i):
    means, factors, weights = (array[i : i + 1] for array in particles.arrays)
    return render(means, None, weights, cholesky=factors, size=SIZE, amplitude="peak", tolerance=0)


def test_the_least_are_those_whose_squares_sum_to_least(particles):
    energies = [np.square(drawn(particles, i), dtype=np.float64).sum() for i in range(6)]
    everywhere = np.ones(SIZE, np.float32)
    assert particles.least(0.5, everywhere).tolist() == np.argsort(energies)[:3].tolist()
    assert particles.least(0.16, everywhere).size == 0  # less than one


def test_what_nobody_sees_matters_less(particles):
    everywhere, unknown = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)
    last = int(particles.least(1.0, everywhere)[-1])
    column, row = np.round(particles.means[last]).astype(int)
    unknown[row, column] = 0
    assert list(particles.least(1.0, unknown)).index(last) < 5
    particles.means[last] = (-9.0, 10.0)  # some standard deviations off the image
    assert particles.least(1.0, everywhere)[0] == last


def test_who_came_in_lately_stays(particles):
    first, everywhere = particles.least(0.2, np.ones(SIZE, np.float32)), np.ones(SIZE, np.float32)
    particles.ages[first] = PROVING - 1
    assert first[0] not in particles.least(1.0, everywhere)


def test_gaussians_take_the_places_of_others_and_of_nobody(particles):
    kept = particles.means.copy()
    particles.moments[:], particles.ages[:] = 7, 7
    ones = np.ones((3, 2), np.float32)
    particles.add(ones, np.ones((3, 3), np.float32), np.ones((3, 3), np.float32), instead=np.array([4, 1]))
    assert particles.count == 7
    new = [4, 1, 6]
    assert (particles.means[new] == 1).all()
    assert (particles.moments[:, new] == 0).all()
    assert (particles.ages[new] == 0).all()
    old = [0, 2, 3, 5]
    np.testing.assert_array_equal(particles.means[old], kept[old])
    assert (particles.ages[old] == 7).all()
