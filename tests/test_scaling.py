"""Black and white: which numbers they are, where nobody says it too, and that no number is cut off."""

import numpy as np
import pytest

from gaussgrad import scaling
from gaussgrad.scaling import Scale

COUNTS = np.arange(100, 1100, dtype=np.uint16).reshape(10, 1, 10, 10)


def test_numbers_beyond_black_and_white_are_kept_and_come_back():
    scale = Scale(200, 700)
    unit = scale.to_unit(COUNTS)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, (COUNTS.astype(float) - 200) / 500, rtol=1e-6, atol=1e-7)
    assert (unit.min(), unit.max()) == (np.float32(-0.2), np.float32(1.798))
    np.testing.assert_allclose(scale.to_numbers(unit), COUNTS, rtol=1e-6)


def test_large_counts_keep_their_last_digit():
    counts = np.array([2**31, 2**31 + 1], dtype=np.uint32)
    np.testing.assert_array_equal(Scale(2**31, 2**31 + 2).to_unit(counts), np.float32([0, 0.5]))


def test_numbers_that_float32_cannot_hold_are_refused():
    for largest in (1e300, 1e13):
        with pytest.raises(ValueError, match=r"the images must be within 1e\+12 times .*; got numbers from -2 to 1e\+"):
            Scale(0, 1).to_unit(np.array([-2.0, largest]))
    np.testing.assert_array_equal(Scale(0, 1e300).to_unit(np.array([-2e300, 1e300])), np.float32([-2, 1]))


@pytest.mark.parametrize(
    ("numbers", "black", "white", "expected"),
    [
        (COUNTS, None, None, ("0.1%", "99.99%")),
        (COUNTS, "120", None, ("120", "99.99%")),
        (COUNTS / 1000, None, "1", ("0.1%", "1")),  # floats to 1.099
        (COUNTS - 200.0, None, None, ("0.1%", "99.99%")),  # floats below 0
        (COUNTS.astype(np.uint8), None, "200", ("0", "200")),
        (COUNTS.astype(np.uint8), "1%", None, ("1%", "255")),
        (COUNTS / 2000, "0.1", None, ("0.1", "1")),
        (COUNTS > 500, None, None, None),
        (COUNTS.astype(np.uint8), None, None, None),
        (COUNTS / 2000, None, None, None),
    ],
)
def test_levels_that_are_left_out_follow_from_the_numbers(numbers, black, white, expected):
    assert scaling.levels(numbers, black, white) == expected


def test_percentiles_are_numbers_of_the_images():
    assert scaling.choose(COUNTS, "9.95%", "90.05%") == Scale(199.0, 1000.0)
    assert scaling.choose(COUNTS, "0%", "100%") == Scale(100.0, 1099.0)


def test_one_hot_pixel_is_not_white_and_rare_spots_are_not_beyond_it():
    counts = np.full((100, 64, 64), 120, dtype=np.uint16)
    counts[0, 0, 0] = 65535
    counts[:, 30, 30:32] = 900  # one spot in each frame: 0.05 % of its pixels
    assert scaling.choose(counts) == Scale(120.0, 900.0)


@pytest.mark.parametrize("level", ["", "dark", "%", "-1%", "100.5%", "nan", "inf", "nan%", "1e400", "0,1%"])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match=r"^--black must be a number of the images, or a percentile"):
        scaling.check_level("--black", level)


@pytest.mark.parametrize(("black", "white"), [("900", "120"), ("120", "120"), ("99%", "1%"), ("60000", "99.9%")])
def test_black_that_is_not_below_white_is_refused(black, white):
    with pytest.raises(ValueError, match=r"^--black must be below white, which is .* Give numbers with --black and"):
        scaling.choose(COUNTS, black, white)


@pytest.mark.parametrize("levels", [(3.0, 3.0), (np.nan, 3.0), (0.0, np.inf), (-np.inf, 3.0)])
def test_a_scale_of_no_range_is_refused(levels):
    with pytest.raises(ValueError, match=r"^(black|white) must be "):
        Scale(*levels)


def test_half_a_scale_is_refused():
    assert scaling.scale_of(None, None) is None
    with pytest.raises(ValueError, match="black must be a number where white is one; got None"):
        scaling.scale_of(None, 900.0)
