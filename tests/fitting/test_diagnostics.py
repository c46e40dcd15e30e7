"""What is wrong with Gaussians: each kind of fault alone, at the thresholds that the docstring names."""

import math

import pytest
import torch

from gaussgrad.fitting.diagnostics import KINDS, diagnose
from gaussgrad.gaussians import Gaussians

SIZE = (20, 30)
SOUND = {"mean": (9.0, 8.0), "covariance": (2.0, 0.5, 3.0), "weight": 1.0}
OTHER = {"mean": (20.0, 12.0), "covariance": (2.0, 0.5, 3.0), "weight": 1.0}


def gaussians(*parts: dict) -> Gaussians:
    """One image of these Gaussians."""
    rows = [{**SOUND, **part} for part in parts]
    columns = (torch.tensor([[row[name] for row in rows]]) for name in ("mean", "covariance", "weight"))
    return Gaussians(*columns)


def kinds_of_second(second: dict, first: dict = OTHER) -> list[str]:
    found = diagnose(gaussians(first, second), SIZE).found
    assert not any(found[kind][0, 0] for kind in KINDS)
    return [kind for kind in KINDS if found[kind][0, 1]]


@pytest.mark.parametrize(
    ("second", "kinds"),
    [
        ({}, []),
        ({"weight": 0.021}, []),
        ({"weight": 0.019}, ["dead"]),
        ({"weight": -0.5}, []),
        ({"covariance": (0.26**2, 0.0, 4.0)}, []),
        ({"covariance": (4.0, 0.0, 0.24**2)}, ["dead"]),
        ({"mean": (-0.5 + 1.1, 8.0)}, []),
        ({"mean": (-0.5 + 0.9, 8.0)}, ["border"]),
        ({"mean": (9.0, 19.5 - 0.9)}, ["border"]),
        ({"mean": (-0.5 - 1.3, 8.0)}, []),  # within its own width of sqrt(2) outside
        ({"mean": (-0.5 - 1.5, 8.0)}, ["off-frame"]),
        ({"mean": (9.0, 19.5 + 1.8)}, ["off-frame"]),
        ({"covariance": (120.0, 0.0, 99.0)}, []),  # the smaller width just below half the shorter side
        ({"covariance": (120.0, 0.0, 101.0)}, ["background"]),
    ],
)
def test_a_fault_is_named_from_its_threshold_on(second: dict, kinds: list[str]):
    assert kinds_of_second(second) == kinds


def test_a_long_gaussian_told_by_its_factor_is_as_wide_as_it_is():
    """Its covariance in float32 is of width 0."""
    factor = torch.tensor([[[3000.0, 3000.0, 0.6]]])  # 0.6 / sqrt(2) pixels wide
    slanted = Gaussians(torch.tensor([[[9.0, 8.0]]]), weights=torch.ones(1, 1), cholesky=factor)
    assert not any(mask.any() for mask in diagnose(slanted, SIZE).found.values())


def test_a_duplicate_overlaps_to_95_percent():
    apart = math.sqrt(
        -8 * math.log(0.95) * 2.0
    )  # along x, where two equal round Gaussians of variance 2 overlap so far
    round_one = {"covariance": (2.0, 0.0, 2.0)}
    for distance, kinds in ((0.98 * apart, ["duplicate"]), (1.02 * apart, [])):
        first, second = (round_one | {"mean": (x, 8.0)} for x in (9.0, 9.0 + distance))
        assert kinds_of_second(second, first) == kinds


def test_of_twins_the_later_one_is_the_duplicate_and_the_dead_have_no_twins():
    assert kinds_of_second({}, SOUND) == ["duplicate"]
    assert kinds_of_second({"weight": 0.001}, SOUND) == ["dead"]


def test_what_is_absent_has_no_faults():
    model = gaussians(SOUND, {"weight": 0.0, "mean": (-50.0, 8.0)})
    present = Gaussians(model.means, model.packed_covariances(), model.weights, presence=(model.weights != 0).float())
    assert not any(mask.any() for mask in diagnose(present, SIZE).found.values())
    assert diagnose(model, SIZE).shares()["off-frame"] == 0.5


def test_warnings_tell_what_to_try_from_the_given_share_on():
    diagnosis = diagnose(gaussians(SOUND, {"weight": 0.0}), SIZE)
    assert list(diagnosis.warnings(0.5)) == ["dead"]
    assert diagnosis.warnings(0.5)["dead"].startswith("50% of the Gaussians draw nothing")
    assert diagnosis.warnings(0.51) == {}


def test_a_size_of_another_rank_is_refused():
    with pytest.raises(ValueError, match=r"size must be \(height, width\)"):
        diagnose(gaussians(SOUND), (28,))


def test_factors_are_diagnosed_as_covariances_are():
    model = gaussians(OTHER, {"covariance": (120.0, 0.0, 101.0)}, {"covariance": (4.0, 0.0, 0.24**2)})
    told = Gaussians(model.means, weights=model.weights, cholesky=model.factors())
    found = {kind: mask[0].tolist() for kind, mask in diagnose(told, SIZE).found.items()}
    assert found == {kind: mask[0].tolist() for kind, mask in diagnose(model, SIZE).found.items()}
    assert (found["background"], found["dead"]) == ([False, True, False], [False, False, True])
