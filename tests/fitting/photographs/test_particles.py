"""The Gaussians of a descent: who comes in, and who matters least."""

import numpy as np
import pytest

from gaussgrad import render
from gaussgrad.fitting.photographs.particles import PROVING, Particles

SIZE = (20, 30)


@pytest.fixture
def particles():
    """For each of two images of SIZE six Gaussians in colour inside of it, proved; two places are free."""
    generator, made = np.random.default_rng(3), Particles(2, 8, 3)
    for image in (0, 1):
        diagonal = generator.uniform(0.8, 2.0, (6, 2))
        means = generator.uniform((8, 8), (22, 12), (6, 2))
        factors = np.stack((diagonal[:, 0], generator.uniform(-1, 1, 6), diagonal[:, 1]), axis=1)
        made.add(image, (means, factors, generator.uniform(-1, 1, (6, 3))))
    made.memory.ages[:, :6] = PROVING
    return made


def drawn(particles, i):
    means, factors, weights = (array[i : i + 1] for array in particles.of(1))
    return render(means, None, weights, cholesky=factors, size=SIZE, amplitude="peak", tolerance=0)


def test_the_least_are_those_whose_squares_sum_to_least(particles):
    energies = [np.square(drawn(particles, i), dtype=np.float64).sum() for i in range(6)]
    everywhere = np.ones(SIZE, np.float32)
    assert particles.least(1, 0.5, everywhere).tolist() == np.argsort(energies)[:3].tolist()
    assert particles.least(1, 0.16, everywhere).size == 0  # less than one


def test_what_nobody_sees_matters_less(particles):
    everywhere, unknown = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)
    last = int(particles.least(1, 1.0, everywhere)[-1])
    column, row = np.round(particles.gaussians[0][1, last]).astype(int)
    unknown[row, column] = 0
    assert list(particles.least(1, 1.0, unknown)).index(last) < 5
    particles.gaussians[0][1, last] = (-9.0, 10.0)  # some standard deviations off the image
    assert particles.least(1, 1.0, everywhere)[0] == last


def test_who_came_in_lately_stays(particles):
    first, everywhere = particles.least(1, 0.2, np.ones(SIZE, np.float32)), np.ones(SIZE, np.float32)
    particles.memory.ages[1, first] = PROVING - 1
    assert first[0] not in particles.least(1, 1.0, everywhere)


def test_gaussians_take_the_places_of_others_and_of_nobody(particles):
    means, kept = particles.gaussians[0], particles.gaussians[0].copy()
    for array in particles.memory:
        array[:] = 7
    ones = np.ones((3, 2), np.float32)
    particles.add(1, (ones, np.ones((3, 3), np.float32), np.ones((3, 3), np.float32)), instead=np.array([4, 1]))
    assert particles.counts.tolist() == [6, 7]
    new, old = [4, 1, 6], [0, 2, 3, 5]
    assert (means[1, new] == 1).all()
    np.testing.assert_array_equal(means[1, old], kept[1, old])
    np.testing.assert_array_equal(means[0], kept[0])
    for array in particles.memory:
        assert (array[1, new] == 0).all()
        assert (array[1, old] == 7).all()
        assert (array[0] == 7).all()


@pytest.mark.parametrize("images", [1, 2])
def test_what_is_moved_is_kept(images):
    particles = Particles(images, 5, 2)
    for image in range(images):
        particles.add(image, (np.ones((3, 2)), np.ones((3, 3)), np.ones((3, 2))))
    gaussians, memory = particles.present
    assert [array.shape for array in gaussians] == [(images, 3, 2), (images, 3, 3), (images, 3, 2)]
    assert all(array.flags.c_contiguous for array in (*gaussians, *memory))
    gaussians[0][:, 2], memory.ages[:] = 9, 4
    particles.keep(gaussians, memory)
    assert (particles.gaussians[0][:, 2] == 9).all()
    assert (particles.memory.ages == [4, 4, 4, 0, 0]).all()
