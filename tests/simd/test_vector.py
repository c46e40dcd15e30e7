"""The vector type: arithmetic, masked access and the exponential, lane by lane."""

import numba
import numpy as np
import pytest
from numba import njit

from gaussgrad import arrays, simd

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit(error_model="numpy")
def exponentials(x, out):
    source, target = simd.address(x), simd.address(out)
    like = simd.iota(source)
    for i in range(0, x.size, simd.lanes_of(source)):
        simd.store(target, i, x.size - i, simd.exp(simd.load(source, i, x.size - i, like)))


@njit(error_model="numpy")
def arithmetic(x, y, out):
    target = simd.address(out)
    order = simd.iota(target)
    a, b = simd.load(simd.address(x), 0, x.size, order), simd.load(simd.address(y), 0, y.size, order)
    number = x.dtype.type
    step = simd.lanes_of(target)
    results = (a + b, a - b, a * b, a / b, simd.fused(a, b, order), a * number(3), number(1) - a, order)
    for k in range(8):
        simd.store(target, k * step, step, results[k])
    simd.store(target, 8 * step, step, simd.select(simd.greater(a, b), a, order))
    return simd.total(a), simd.peek(target, step)


@njit(error_model="numpy")
def roundings(x, out):
    source, target = simd.address(x), simd.address(out)
    order = simd.iota(source)
    a = simd.load(source, 0, x.size, order)
    kept = simd.scratch(order, (None, None))
    simd.put(kept, 0, simd.ceil(a))
    simd.put(kept, 1, simd.floor(a))
    simd.store(target, 0, x.size, simd.get(kept, 0, order))
    simd.store(target, x.size, x.size, simd.get(kept, 1, order))
    simd.store(target, 2 * x.size, x.size, simd.absolute(a))
    simd.store(target, 3 * x.size, x.size, simd.sqrt(simd.absolute(a)))


@DTYPES
def test_roundings_and_roots_are_those_of_numpy(dtype):
    lanes = simd.LANES[numba.from_dtype(np.dtype(dtype))]
    x = (10 * np.random.default_rng(0).normal(size=lanes)).astype(dtype)
    out = np.full((4, lanes), np.nan, dtype=dtype)
    roundings(x, out.reshape(-1))
    for row, expected in zip(out, (np.ceil(x), np.floor(x), np.abs(x), np.sqrt(np.abs(x))), strict=True):
        np.testing.assert_array_equal(row, expected)


@DTYPES
def test_exp_is_right_to_the_last_place(dtype):
    lowest = float(simd.LOWEST[np.dtype(dtype)])
    x = np.concatenate([np.linspace(lowest, -lowest, 200_003), -np.geomspace(1e-30, 1, 999), [0]]).astype(dtype)
    out = np.full_like(x, np.nan)
    exponentials(x, out)
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(out - exact) / exact) < 1.5 * np.finfo(dtype).eps
    assert out[x == 0].tolist() == [1.0] * int((x == 0).sum())


@njit(error_model="numpy")
def powers_of_two(x, terms, out):
    simd.put_exp2_terms(terms)
    source, target = simd.address(x), simd.address(out)
    like = simd.iota(source)
    for i in range(0, x.size, simd.lanes_of(source)):
        values = simd.exp2(simd.load(source, i, x.size - i, like), simd.exp2_terms(simd.address(terms)))
        simd.store(target, i, x.size - i, values)
    simd.keep(terms)


@DTYPES
def test_exp2_is_right_to_the_last_place(dtype):
    least = np.finfo(dtype).minexp
    x = np.concatenate([np.linspace(least, -least, 200_003), -np.geomspace(1e-30, 1, 999), np.arange(least, -least)])
    x = x.astype(dtype)
    out = np.full_like(x, np.nan)
    powers_of_two(x, np.empty(simd.EXP2_TERMS, dtype), out)
    exact = np.exp2(x.astype(np.longdouble))
    assert np.max(np.abs(out - exact) / exact) < 1.5 * np.finfo(dtype).eps
    whole = x == np.round(x)
    np.testing.assert_array_equal(out[whole], exact[whole].astype(dtype))


@njit(error_model="numpy")
def exponentials_of_both(x, up, down):
    source = simd.address(x)
    like = simd.iota(source)
    for i in range(0, x.size, simd.lanes_of(source)):
        above, below = simd.exp_both(simd.load(source, i, x.size - i, like))
        simd.store(simd.address(up), i, x.size - i, above)
        simd.store(simd.address(down), i, x.size - i, below)


@DTYPES
def test_exp_of_both_signs_is_right_to_the_last_places(dtype):
    lowest = float(simd.LOWEST[np.dtype(dtype)])
    x = np.concatenate([np.linspace(lowest, -lowest, 200_003), [0]]).astype(dtype)
    up, down = np.full_like(x, np.nan), np.full_like(x, np.nan)
    exponentials_of_both(x, up, down)
    for out, exact in ((up, np.exp(x.astype(np.longdouble))), (down, np.exp(-x.astype(np.longdouble)))):
        assert np.max(np.abs(out - exact) / exact) < 2 * np.finfo(dtype).eps
    assert up[-1] == down[-1] == 1


@DTYPES
def test_arithmetic_is_that_of_numpy(dtype):
    rng = np.random.default_rng(0)
    lanes = simd.LANES[numba.from_dtype(np.dtype(dtype))]
    a, b = rng.normal(size=(2, lanes)).astype(dtype)
    b[0] = a[0]  # not greater
    out = np.full((9, lanes), np.nan, dtype=dtype)
    total, second = arithmetic(a, b, out.reshape(-1))
    order = np.arange(lanes, dtype=dtype)
    exact = [a + b, a - b, a * b, a / b, None, a * dtype(3), dtype(1) - a, order, np.where(a > b, a, order)]
    for row, expected in zip(out, exact, strict=True):
        if expected is not None:
            np.testing.assert_array_equal(row, expected)
    np.testing.assert_allclose(out[4], a.astype(np.longdouble) * b + order, rtol=4 * np.finfo(dtype).eps, atol=1e-6)
    assert second == (a - b)[0]
    assert total == pytest.approx(float(a.astype(np.longdouble).sum()), rel=1e-5)


@DTYPES
@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 33])
def test_access_stays_inside_the_first_lanes(dtype, count):
    x = np.zeros(count + 40, dtype=dtype)
    x[count:] = 7
    out = np.full(count + 40, 5, dtype=dtype)
    exponentials(x[:count], out[:count])
    assert out[:count].tolist() == [1] * count
    assert out[count:].tolist() == [5] * 40


@njit(error_model="numpy")
def written(floats, halves, integers, scalars):
    order = simd.iota64()
    values = order * 1.75 - 2.0
    simd.write(simd.address(floats), 1, values)
    simd.write(simd.address(halves), 1, values)
    simd.write(simd.address(integers), 1, values)
    simd.poke(simd.address(scalars), 2, 0.5)
    simd.forget()
    return simd.peek(simd.address(scalars), 2), simd.width_of(order)


def test_float64_is_written_in_other_dtypes():
    floats, halves, integers, scalars = (np.full(20, -1, dtype) for dtype in (float, np.float32, np.int32, np.float32))
    found, lanes = written(floats, halves, integers, scalars)
    wanted = np.full(20, -1.0)
    wanted[1 : lanes + 1] = np.arange(lanes) * 1.75 - 2
    np.testing.assert_array_equal(floats, wanted)
    np.testing.assert_array_equal(halves, wanted)  # exact in float32
    np.testing.assert_array_equal(integers, np.trunc(wanted))
    assert found == 0.5
    assert scalars.tolist() == [-1, -1, 0.5] + [-1] * 17


@njit(error_model="numpy")
def first_of(source, target, count):
    from_, to = simd.address(source), simd.address(target)
    like = simd.iota(from_)
    simd.store(to, 0, simd.lanes_of(from_), simd.load(from_, 0, count, like))


@DTYPES
@pytest.mark.parametrize("count", [2**31, 2**32, 2**33 - 5])
def test_counts_may_be_beyond_32_bits(dtype, count):
    lanes = simd.LANES[numba.from_dtype(np.dtype(dtype))]
    source, target = np.ones(lanes, dtype), np.full(lanes, np.nan, dtype)
    first_of(source, target, count)
    np.testing.assert_array_equal(target, source)


@pytest.mark.parametrize("function", [simd.exp, simd.exp_both])
def test_outside_of_kernels_it_says_so(function):
    with pytest.raises(NotImplementedError, match="compiled kernels"):
        function(np.ones(3))


@njit(error_model="numpy")
def logarithms(x, out):
    source = simd.address(x)
    like = simd.iota(source)
    for i in range(0, x.size, simd.lanes_of(source)):
        simd.store(simd.address(out), i, x.size - i, simd.log(simd.load(source, i, x.size - i, like)))


@DTYPES
def test_logarithms_are_right_to_the_last_places(dtype):
    limits = np.finfo(dtype)
    x = np.concatenate([np.linspace(0, 1, 2001)[1:], np.geomspace(limits.tiny, limits.max / 2, 2001)]).astype(dtype)
    out = np.full_like(x, np.nan)
    logarithms(x, out)
    exact = np.log(x.astype(np.longdouble))
    away = np.abs(exact) > 0.5  # near 1 the rounding of x - 1 counts against a small result
    np.testing.assert_allclose(out[away], exact[away].astype(dtype), rtol=2 * limits.eps)
    np.testing.assert_allclose(out[~away], exact[~away].astype(dtype), rtol=4 * limits.eps, atol=limits.eps)


@njit(error_model="numpy")
def exchanged(pairs, out):
    source, target = simd.address(pairs), simd.address(out)
    like = simd.iota(source)
    lanes = simd.lanes_of(source)
    low, high = simd.load(source, 0, lanes, like), simd.load(source, lanes, lanes, like)
    x, y = simd.evens(low, high), simd.odds(low, high)
    results = (x, y, simd.zip_low(x, y), simd.zip_high(x, y), simd.larger(x, y))
    for k in range(5):
        simd.store(target, k * lanes, lanes, results[k])


@njit(error_model="numpy")
def change_precision(x, out):
    source, target = simd.address(x), simd.address(out)
    like, lanes = simd.iota(source), simd.lanes_of(source)
    low, high = simd.load(source, 0, lanes, like), simd.load(source, lanes, lanes, like)
    narrow = simd.narrowed(low, high)
    simd.store(target, 0, lanes, simd.widened_low(narrow))
    simd.store(target, lanes, lanes, simd.widened_high(narrow))
    simd.store(target, 2 * lanes, lanes, simd.shifted(low, high))


def test_lanes_are_rounded_to_float32_and_shifted_in_their_order():
    lanes = simd.LANES[numba.float64]
    x = np.random.default_rng(0).normal(size=2 * lanes)
    out = np.full(3 * lanes, np.nan)
    change_precision(x, out)
    np.testing.assert_array_equal(out, [*x.astype(np.float32), *x[lanes - 1 : -1]])


@DTYPES
def test_pairs_are_parted_and_zipped_again(dtype):
    lanes = simd.LANES[numba.from_dtype(np.dtype(dtype))]
    pairs = np.random.default_rng(0).normal(size=(lanes, 2)).astype(dtype)
    out = np.full((5, lanes), np.nan, dtype)
    exchanged(pairs.reshape(-1), out.reshape(-1))
    x, y = pairs.T
    np.testing.assert_array_equal(out, [x, y, *pairs.reshape(2, lanes), np.maximum(x, y)])


ROOM = simd.static(max(simd.LANES.values()))


@njit(error_model="numpy")
def combined(vectors, out):
    source, target = simd.address(vectors), simd.address(out)
    like = simd.iota(source)
    lanes = simd.lanes_of(source)
    room = simd.scratch(like, ROOM)
    for i in range(lanes):
        simd.put(room, i, simd.load(source, i * lanes, lanes, like))
    folded = (
        simd.totals(room, like),
        simd.totals_of_evens(room, like),
        simd.totals_of_odds(room, like),
        simd.maxima(room, like),
    )
    for k in range(4):
        simd.store(target, k * lanes, lanes, folded[k])


@DTYPES
def test_each_vector_of_a_room_is_combined_to_its_lane(dtype):
    lanes = simd.LANES[numba.from_dtype(np.dtype(dtype))]
    vectors = np.random.default_rng(0).integers(-99, 99, (lanes, lanes)).astype(dtype)  # whose sums are exact
    out = np.full((4, lanes), np.nan, dtype)
    combined(vectors, out)
    evens, odds = vectors[:, ::2].sum(1), vectors[:, 1::2].sum(1)
    np.testing.assert_array_equal(out, [evens + odds, evens, odds, vectors.max(1)])


@njit(error_model="numpy")
def streamed(source, target):
    source_, target_ = simd.address(source), simd.address(target)
    like = simd.iota(source_)
    for i in range(0, source.size, simd.lanes_of(source_)):
        simd.stream(target_, i, simd.load(source_, i, source.size - i, like))
    simd.settle()


@DTYPES
def test_what_is_streamed_arrives(dtype):
    source = np.random.default_rng(0).normal(size=2**15).astype(dtype)
    target = arrays.empty((2**15,), source.dtype)
    streamed(source, target)
    np.testing.assert_array_equal(target, source)
    for machine_code in streamed.inspect_asm().values():
        if "zmm" in machine_code or "ymm" in machine_code:  # x86
            assert "movnt" in machine_code


@njit(error_model="numpy")
def two_rooms(size):
    """Ones through a pointer into the one, then what the other holds."""
    first = np.empty(size)
    pointer = simd.address(first)
    second = np.zeros(size)  # Numba would have freed the first by now, and the second would take its place
    order = simd.iota(pointer)
    for i in range(0, size, simd.lanes_of(pointer)):
        simd.store(pointer, i, size - i, simd.one(order))
    total = second.sum()
    simd.keep(first)
    return total


def test_room_that_is_kept_is_not_given_away():
    assert two_rooms(64) == 0.0
