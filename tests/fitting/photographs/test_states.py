"""Where a fit is can be kept, and from there it goes on as if nobody had stopped it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from gaussgrad.fitting import fit_image, fit_images
from gaussgrad.fitting.photographs import State

KNOWN = np.random.default_rng(4).uniform(size=(24, 31)) < 0.7
CASES = {  # options, and every how many calls of the callback the fit goes on from
    "growth and pruning": ({"n": 40, "steps": 50}, 2),
    "gaps, above black": ({"n": 30, "steps": 60, "mask": KNOWN, "non_negative": True, "seed": 3}, 5),
    "a PSNR": ({"n": 60, "psnr": 36.0}, 40),
    "the fewest": ({"psnr": 20.0, "steps": 24}, 9),
    "rounding": ({"n": 20, "steps": 25, "compact": True}, 13),
    "the fewest, rounded": ({"psnr": 18.0, "steps": 20, "compact": True}, 43),
}


def bits(fit):
    held = fit.gaussians
    return (fit.psnr, *(array.tobytes() for array in (held.means, held.cholesky, held.weights)))


def states(image, options):
    """The fit, and the state before each step."""
    kept = []
    fit = fit_image(image, callback=lambda moment: kept.append(moment.state()), **options)
    return fit, kept


@pytest.mark.parametrize("case", CASES)
def test_a_fit_goes_on_from_any_moment_to_the_same_bits(photograph, case):
    options, every = CASES[case]
    whole, kept = states(photograph, options)
    for state in kept[::every]:
        seen = []
        fit = fit_image(photograph, start=state, callback=seen.append, **options)
        assert bits(fit) == bits(whole)
        assert (seen[0].step, seen[0].tried) == (state.moment.step, state.moment.tried)
        assert fit.history[-1].step == whole.history[-1].step
    trials = {len(state.moment.tried) for state in kept[::every]}
    assert ("n" in options) == (trials == {0})


def test_a_state_is_a_copy_that_nobody_changes(photograph):
    options = {"n": 20, "steps": 20}
    whole, kept = states(photograph[:1], options)
    assert {len(state.memory.ages) for state in kept} == {4, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20}
    through = pickle.loads(pickle.dumps(kept[5]))
    for state in (kept[5], kept[5], through):
        assert bits(fit_image(photograph[:1], start=state, **options)) == bits(whole)


def test_a_state_goes_on_with_another_budget(photograph):
    _, kept = states(photograph, {"n": 20, "steps": 20})
    fit = fit_image(photograph, 20, steps=40, start=kept[-1])
    assert [moment.step for moment in fit.history] == [20, 30, 40]


def test_what_is_no_state_of_this_fit_is_refused(photograph):
    _, kept = states(photograph, {"n": 5, "steps": 1, "compact": True})
    early, late = kept[0], kept[-1]
    refused = [
        ({"start": early, "n": 6}, "start must be the state of a fit of n = 6 Gaussians; got 5"),
        ({"start": early, "used": early.moment}, "used must be left out where start is a state"),
        ({"start": late}, "compact must be as it was for the start, whose numbers are being rounded; got False"),
    ]
    for options, message in refused:
        with pytest.raises(ValueError, match=message):
            fit_image(photograph, **{"n": 5, "steps": 1} | options)
    with pytest.raises(ValueError, match="start must be of 1 channels"):
        fit_image(photograph[0], 5, start=early)
    with pytest.raises(ValueError, match="at most n = 4 Gaussians; got 5"):
        fit_image(photograph[:, :2, :2], psnr=20.0, start=early)
    with pytest.raises(ValueError, match="the arrays of a state must be of"):
        replace(early, memory=late.memory._replace(ages=late.memory.ages[1:]))


def test_a_state_is_there_in_the_callback_of_one_image_alone(photograph):
    moments = []
    fit = fit_image(photograph, 3, steps=1, callback=moments.append)
    fit_images(photograph[None], 3, steps=1, callback=moments.append)
    for moment in (*moments, fit.history[-1]):
        with pytest.raises(RuntimeError, match="only in the callback of fit_image"):
            moment.state()


def test_a_state_is_copied_only_when_it_is_asked_for(photograph, monkeypatch):
    made = []
    monkeypatch.setattr(State, "__post_init__", lambda self: made.append(self))
    moments = []
    fit_image(photograph, 3, steps=2, compact=False, callback=moments.append)
    assert moments
    assert not made
    fit_image(photograph, 3, steps=2, compact=False, callback=lambda moment: moment.state())
    assert made
