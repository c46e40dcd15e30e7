"""Mixtures: the forms that are compared compute one function, and the tables say what was measured."""

import pytest
import torch

from benchmarks.speed.mixtures import run
from benchmarks.speed.mixtures.forms import FORMS, draws, heads, truth


@pytest.mark.parametrize("name", FORMS)
def test_every_form_computes_the_same_density_where_none_has_trouble(name):
    arrays = [array.double() for array in heads(20, 3)]
    expected = FORMS["torch.distributions"](*arrays)
    torch.testing.assert_close(FORMS[name](*arrays), expected, rtol=1e-6, atol=1e-6)


def test_the_truth_is_what_float64_gives_at_a_mild_correlation():
    points, logits, means, log_stddevs, a = (array.double() for array in draws(1.0, 4))
    a.requires_grad_()
    value = FORMS["torch.distributions"](points, logits, means, log_stddevs, a)
    (slope,) = torch.autograd.grad(value.sum(), a)
    for i in range(4):
        exact = truth(points[i], means[i, 0], log_stddevs[i, 0], a[i, 0].item())
        assert exact == pytest.approx((value[i].item(), slope[i, 0].item()), rel=1e-10)


def test_what_is_not_finite_is_counted_and_not_averaged():
    arrays = draws(2.0, run.DRAWS)
    expected = [(1.0, 1.0)] * run.DRAWS

    def broken(points, logits, means, log_stddevs, a):
        return torch.where(torch.arange(run.DRAWS) < 3, torch.nan, 1.0) * (1 + 0 * a[:, 0]) + (a - a.detach())[:, 0]

    assert run.errors(broken, arrays, expected)[0] == "3 of 200 not finite"
