"""Moments: the form that is timed beside ours computes the same function."""

from tolerances import compare_gradients, compare_values

from benchmarks.speed.moments import run
from benchmarks.speed.moments.forms import FORMS


def test_every_form_computes_the_same_moments_and_gradient():
    logits = run.logits_of((2, 3, 7, 9)).double()
    first, *others = (run.step_of(form, logits)() for form in FORMS.values())
    for other in others:
        for name in ("means", "covariances"):
            compare_values(other[name], first[name])
        compare_gradients(other["grad"], first["grad"])


def test_the_table_has_a_line_for_each_shape():
    lines = run.speed_table(0.0, ((1, 2, 5, 6), (2, 1, 6, 5))).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| 1×2 maps of 5×6 | expectation and covariance in PyTorch |")
