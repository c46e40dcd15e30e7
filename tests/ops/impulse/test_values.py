"""Impulses: values, against loops written from the definition and against numpy.convolve."""

import itertools

import numpy as np
import pytest
from impulse_cases import BACKENDS, FRAMES
from numpy.testing import assert_allclose, assert_array_equal
from tolerances import VALUES, compare_values

from gaussgrad import render_impulses
from gaussgrad.ops.impulse import cpu


def by_definition(means, kernel, weights, size):
    """The sum of weight * product over axes of hat(i - j + (k-1)//2 - mean) * kernel[j], one number at a time."""
    image = np.zeros((weights.shape[1], *size))
    for mean, weight in zip(means, weights, strict=True):
        for i in itertools.product(*map(range, size)):
            for j in itertools.product(*map(range, kernel.shape)):
                share = 1.0
                for axis, coordinate in enumerate(reversed(mean)):
                    share *= max(0.0, 1 - abs(i[axis] - j[axis] + (kernel.shape[axis] - 1) // 2 - coordinate))
                image[(slice(None), *i)] += weight * share * kernel[j]
    return image


def scene(rng, d, n=9, channels=2):
    """Points in and around the frame, a third of them on pixel centres."""
    size, lengths = FRAMES[d]
    means = rng.uniform(-3, max(size) + 2, (n, d))
    means[: n // 3] = means[: n // 3].round()
    return means, rng.normal(size=lengths), rng.normal(size=(n, channels)), size


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_points_and_a_kernel_of_three_give_the_known_signal_bit_for_bit(backend):
    image = render_impulses([3, 7], [0.28, 0.44, 0.28], size=10, backend=backend)
    assert image.dtype == np.float64
    assert image.tobytes() == np.array([0, 0, 0.28, 0.44, 0.28, 0, 0.28, 0.44, 0.28, 0]).tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_values_follow_the_definition(rng, backend, d):
    means, kernel, weights, size = scene(rng, d)
    expected = by_definition(means, kernel, weights, size)
    compare_values(render_impulses(means, kernel, weights, size=size, backend=backend), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_dtype_comes_back_as_exact_as_it_can_be(rng, dtype, backend):
    means, kernel, weights, size = scene(rng, 2)
    means, kernel, weights = (array.astype(dtype) for array in (means, kernel, weights))
    image = render_impulses(means, kernel, weights, size=size, backend=backend)
    assert image.dtype == dtype
    compare_values(image, by_definition(*(array.astype(float) for array in (means, kernel, weights)), size))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_impulses_on_pixel_centres_are_a_convolution(rng, backend, length):
    kernel = rng.normal(size=length)
    signal = np.zeros(12)
    signal[[0, 4, 5, 11]] = 1
    image = render_impulses([0, 4, 5, 11], kernel, size=12, backend=backend)
    assert_allclose(image, np.convolve(signal, kernel, mode="same"), rtol=0, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_kernel_is_not_mirrored(backend):
    assert_array_equal(
        render_impulses([5], [1.0, 2.0, 3.0], size=9, backend=backend), [0, 0, 0, 0, 1.0, 2.0, 3.0, 0, 0]
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_x_is_the_last_axis_of_image_and_kernel(backend):
    kernel = [[1.0, 2.0, 3.0]]  # one row
    image = render_impulses([[3.0, 1.0]], kernel, size=(3, 6), backend=backend)
    assert_array_equal(image, [[0] * 6, [0, 0, 1, 2, 3, 0], [0] * 6])


@pytest.mark.parametrize("backend", BACKENDS)
def test_coinciding_points_add(backend):
    once = render_impulses([3.25], [1.0, 2.0], size=8, backend=backend)
    assert_array_equal(render_impulses([3.25, 3.25], [1.0, 2.0], size=8, backend=backend), 2 * once)


@pytest.mark.parametrize("backend", BACKENDS)
def test_points_outside_contribute_what_falls_inside(backend):
    image = render_impulses([-1, 6.5], [1.0, 2.0, 4.0], size=6, backend=backend)
    assert_array_equal(image, [4.0, 0, 0, 0, 0, 0.5])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_beyond_any_integer_draw_nothing(backend, dtype):
    huge = np.finfo(dtype).max / 4
    for far in (1e4, 1e10, 1e19, huge):
        means = np.array([-far, far], dtype)
        assert_array_equal(render_impulses(means, [1.0, 1.0], size=5, backend=backend), np.zeros(5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_kernel_larger_than_the_frame_is_cut(rng, backend):
    kernel = rng.normal(size=21)
    image = render_impulses([1], kernel, size=3, backend=backend)
    assert_array_equal(image, kernel[9:12])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("means", "weights", "size", "image"),
    [
        ((5,), None, 10, (10,)),
        ((5,), (5,), 10, (10,)),
        ((5,), (5, 5), 10, (5, 10)),
        ((4, 5), (4, 5), 10, (4, 10)),
        ((4, 5), (4, 5, 1), 10, (4, 1, 10)),
        ((5, 1), (5,), (10,), (10,)),
        ((2, 4, 5, 2), (4, 5), (6, 7), None),
        ((2, 4, 5, 2), (1, 4, 5, 3), (6, 7), (2, 4, 3, 6, 7)),
        ((5, 3), (5,), (2, 3, 4), (2, 3, 4)),
    ],
)
def test_the_rank_decides_about_channels(rng, backend, means, weights, size, image):
    d = 1 if size == 10 else len(size)
    kernel = rng.normal(size=(2,) * d)
    points = rng.uniform(0, 4, means)
    given = None if weights is None else rng.normal(size=weights)
    if image is None:
        with pytest.raises(ValueError, match="weights must be of rank"):
            render_impulses(points, kernel, given, size=size, backend=backend)
    else:
        assert render_impulses(points, kernel, given, size=size, backend=backend).shape == image


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_points_and_no_batch_give_empty_sums(backend):
    assert_array_equal(render_impulses(np.zeros((2, 0)), [1.0], size=3, backend=backend), np.zeros((2, 3)))
    assert render_impulses(np.zeros((0, 4, 2)), [[1.0]], size=(3, 4), backend=backend).shape == (0, 3, 4)


def test_neither_layout_nor_stride_matters(rng):
    means, kernel, weights, size = scene(rng, 2)
    strided = np.repeat(means, 2, axis=0)[::2], np.asfortranarray(kernel), np.asfortranarray(weights)
    image = render_impulses(means, kernel, weights, size=size)
    assert_array_equal(render_impulses(*strided, size=size), image)


def test_inputs_are_left_alone(rng):
    arrays = scene(rng, 2)[:3]
    copies = [array.copy() for array in arrays]
    render_impulses(*arrays, size=(7, 9))
    for array, copy in zip(arrays, copies, strict=True):
        assert_array_equal(array, copy)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_pixel_is_written_and_has_one_owner(rng, d, monkeypatch):
    means, kernel, weights, size = scene(rng, d, n=40)
    arrays = means.reshape(2, 20, d), np.stack([kernel, kernel]), weights.reshape(2, 20, 2)
    whole, _ = cpu.forward(*arrays, size=size, threads=1)
    monkeypatch.setattr(cpu.np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    monkeypatch.setattr(cpu.parallel, "SMALL_JOB_SECONDS", 0.0)
    for threads in (2, 3, 7, 1000):
        image, _ = cpu.forward(*arrays, size=size, threads=threads)
        assert image.tobytes() == whole.tobytes()


def test_positions_can_be_evaluated_in_spans(rng):
    from gaussgrad.frameworks.numpy import namespace
    from gaussgrad.ops.impulse.reference import render_impulses as reference

    means, kernel, weights, size = scene(rng, 3)
    arrays = namespace, means[None], kernel[None], weights[None]
    whole = reference(*arrays, size=size)
    spans = [reference(*arrays, size=size, start=start, count=count) for start, count in ((0, 17), (17, 1), (18, 102))]
    assert_allclose(np.concatenate(spans, axis=-1), whole, rtol=0, atol=VALUES["float64"])
