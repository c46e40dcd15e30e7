"""Rounded and deflated Gaussians: within half a step, in Morton order, and never more bytes than they say."""

import tracemalloc
import zlib

import numpy as np
import pytest

from gaussgrad.files.compact import Steps, Unpacked, pack, unpack


def gaussians(n=50, channels=3):
    rng = np.random.default_rng(0)
    factors = np.stack([np.exp(rng.normal(size=n)), 5 * rng.normal(size=n), np.exp(rng.normal(size=n))], axis=-1)
    return Unpacked(rng.uniform(-20, 300, size=(n, 2)), factors, rng.normal(size=(n, channels)))


def place_bits(means, origin, step):
    """The Morton number of each mean, bit by bit."""
    places = np.round(means / step).astype(int) - np.array(origin)
    return [sum((int(x) >> k & 1) << 2 * k | (int(y) >> k & 1) << 2 * k + 1 for k in range(32)) for x, y in places]


@pytest.mark.parametrize(("n", "channels"), [(0, 1), (1, 1), (50, 3)])
def test_numbers_come_back_within_half_a_step_in_morton_order(n, channels):
    given, steps = gaussians(n, channels), Steps()
    packed = pack(given, steps)
    found = unpack(packed.tensors, n, channels, steps, packed.origin)
    numbers = place_bits(found.means, packed.origin, steps.position)
    assert numbers == sorted(numbers)
    order = np.argsort(place_bits(given.means, packed.origin, steps.position), kind="stable")
    half = 0.5 + 1e-9
    assert (np.abs(found.means - given.means[order]) <= half * steps.position).all()
    assert (np.abs(found.values - given.values[order]) <= half * steps.weight).all()
    for entry in (0, 2):
        ratio = np.log(found.cholesky[:, entry] / given.cholesky[order, entry])
        assert (np.abs(ratio) <= half * steps.width).all()
    shear = found.cholesky[:, 1] / found.cholesky[:, 2] - given.cholesky[order, 1] / given.cholesky[order, 2]
    assert (np.abs(shear) <= half * steps.width).all()


def test_means_on_one_place_and_far_apart_come_back():
    far = Unpacked(np.array([[0.0, 0.0], [1e8, 3.0], [0.0, 0.0]]), np.ones((3, 3)), np.arange(3.0)[:, None])
    packed = pack(far, Steps())
    found = unpack(packed.tensors, 3, 1, Steps(), packed.origin)
    assert found.means.tolist() == [[0.0, 0.0], [0.0, 0.0], [1e8, 3.0]]
    assert found.values[:, 0].tolist() == [0.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"means": np.array([[0.0, 0.0], [1e9, 0.0]])}, "means must be less than 2.31 steps of 0.0625 px apart"),
        ({"means": np.array([[0.0, 0.0], [1e300, 0.0]])}, "means must be less than 2.52 steps away from 0"),
        ({"values": np.array([[0.0], [1e9]])}, "weights must be less than 2.30 steps away from 0"),
        ({"cholesky": np.array([[1.0, 0.0, 1.0], [1.0, 1e9, 1.0]])}, "cholesky must be less than 2.30 steps"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(changes, words):
    two = Unpacked(np.zeros((2, 2)), np.array([[1.0, 0.0, 1.0]] * 2), np.ones((2, 1)))._replace(**changes)
    with pytest.raises(ValueError, match=words):
        pack(two, Steps())


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_steps_are_positive(step):
    with pytest.raises(ValueError, match=r"steps\.width must be positive and finite"):
        Steps(width=step).checked()


def test_bytes_that_inflate_to_more_than_they_say_take_no_memory():
    packed = pack(gaussians(5), Steps())
    bomb = np.frombuffer(zlib.compress(bytes(50_000_000), 1), dtype=np.uint8)
    tracemalloc.start()
    with pytest.raises(ValueError, match="weights does not inflate to 60 bytes"):
        unpack({**packed.tensors, "weights": bomb}, 5, 3, Steps(), packed.origin)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
