"""Rounded and compressed Gaussians: within half a step, in Morton order, and never more bytes than they say."""

import lzma
import tracemalloc
import zlib

import numpy as np
import pytest

from gaussgrad.files.compact import Steps, Unpacked, pack, rounded, unpack
from gaussgrad.files.streams import compress


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
    sizes = np.sqrt(found.cholesky[:, 0] * found.cholesky[:, 2])[:, None]
    assert (np.abs(found.values - given.values[order]) * sizes <= half * steps.weight).all()
    for entry in (0, 2):
        ratio = np.log(found.cholesky[:, entry] / given.cholesky[order, entry])
        assert (np.abs(ratio) <= half * steps.width).all()
    slope = given.cholesky[order, 1] / given.cholesky[order, 0]  # is kept: yx makes up for what xx and yy were rounded
    off = found.cholesky[:, 1] - slope * found.cholesky[:, 0]
    assert (np.abs(off) <= half * steps.width * found.cholesky[:, 2]).all()


def test_numbers_that_are_rounded_are_those_of_the_bytes_and_stay():
    given, steps = gaussians(), Steps(0.2, 0.1, 0.05)
    once, packed = rounded(given, steps), pack(given, steps)
    found = unpack(packed.tensors, 50, 3, steps, packed.origin)
    for name, numbers in once._asdict().items():
        assert sorted(map(tuple, numbers)) == sorted(map(tuple, getattr(found, name)))
        single = Unpacked(*(array.astype(np.float32).astype(np.float64) for array in once))
        np.testing.assert_array_equal(getattr(rounded(single, steps), name), numbers)


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


BOMBS = {
    1: np.frombuffer(zlib.compress(bytes(20_000_000), 1), dtype=np.uint8),
    2: compress([np.zeros(2_500_000, np.uint64)], 8),
}


@pytest.mark.parametrize("version", BOMBS)
def test_bytes_of_more_numbers_than_they_say_take_no_memory(version):
    tensors = pack(gaussians(5), Steps()).tensors
    tensors = {name: tensor if version == 2 else again_by_zlib(tensor) for name, tensor in tensors.items()}
    tracemalloc.start()
    with pytest.raises(ValueError, match="weights does not decompress to 60 bytes"):
        unpack({**tensors, "weights": BOMBS[version]}, 5, 3, Steps(), (0, 0), version)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def again_by_zlib(tensor):
    coder = {"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 0, "pb": 0}
    data = lzma.decompress(tensor.tobytes(), lzma.FORMAT_RAW, filters=[coder])
    return np.frombuffer(zlib.compress(data), dtype=np.uint8)


@pytest.mark.parametrize("version", [1, 2])
def test_bytes_that_no_one_wrote_are_refused(version):
    noise = np.full(20, 255, np.uint8)
    with pytest.raises(ValueError, match="means cannot be decompressed"):
        unpack({"means": noise, "cholesky": noise, "weights": noise}, 5, 3, Steps(), (0, 0), version)
