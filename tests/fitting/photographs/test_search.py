"""How few Gaussians reach a PSNR: the trials, on curves whose answer is known."""

import bisect
import math
import random

import pytest

from gaussgrad.fitting.photographs.search import ABOVE, BEYOND, CLOSE, Trial, bracket, fewest

PIXELS = 393_216


def rising(offset, slope, bend=0.0, noise=0.0):
    """PSNR that grows so many dB for each doubling, a little more or less at each n."""

    def psnr(n):
        doublings = math.log2(n)
        return offset + slope * doublings + bend * doublings**2 + random.Random(n).gauss(0, noise)

    return psnr


def searched(psnr, wanted, pixels=PIXELS):
    """The number found, None where none is enough, and all trials; a descent ends early where it is far above."""
    trials = fewest(lambda n, before: min(psnr(n), wanted + BEYOND), wanted, pixels)
    return bracket(trials, wanted).enough, trials


@pytest.mark.parametrize("offset", [-19.0, -10.0, 0.0, 12.0])
@pytest.mark.parametrize(("slope", "bend"), [(3.0, 0.0), (4.5, -0.05), (2.0, 0.15), (6.0, 0.0)])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_fewest_are_found_in_few_trials(offset, slope, bend, noise):
    psnr = rising(offset, slope, bend, noise)
    found, trials = searched(psnr, 35.0)
    smooth = rising(offset, slope, bend)
    least = bisect.bisect_left(range(1, PIXELS), 35.0, key=smooth) + 1
    assert found.psnr >= 35.0
    assert found.n <= max(1.05 * least, least + 1)
    assert found.psnr <= 35.0 + ABOVE or found.n <= 1.05 * least + 1
    assert len(trials) <= 10
    assert len({trial.n for trial in trials}) == len(trials)


def test_a_step_in_the_curve_is_found():
    found, _ = searched(lambda n: 30.0 if n < 5_000 else 36.5, 35.0)
    assert 5_000 <= found.n <= 5_000 * (1 + 2 * CLOSE)


def test_one_is_enough_for_what_one_draws():
    found, trials = searched(lambda n: math.inf, 35.0, pixels=4_000)
    assert found == Trial(1, 37.0)
    assert len(trials) <= 4
    assert searched(lambda n: math.inf, 35.0, pixels=1)[0].n == 1


def test_nothing_is_found_where_no_number_is_enough():
    found, trials = searched(lambda n: 20.0, 35.0, pixels=5_000)
    assert found is None
    assert trials[-1].n == 5_000


def test_a_search_goes_on_from_its_trials():
    psnr = rising(-10.0, 4.0)
    _, whole = searched(psnr, 35.0)
    asked = []

    def attempt(n, before):
        asked.append(n)
        return min(psnr(n), 37.0)

    assert fewest(attempt, 35.0, PIXELS, whole[:2]) == whole
    assert asked == [trial.n for trial in whole[2:]]


def test_the_last_trial_of_a_number_counts():
    assert bracket([Trial(10, 34.0), Trial(20, 35.05), Trial(20, 34.9), Trial(25, 36.0)], 35.0) == (
        Trial(20, 34.9),
        Trial(25, 36.0),
    )
