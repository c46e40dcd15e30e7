"""Rows of rank two with exactly r columns: read as one set of points, and said so once."""

import copy

import pytest
import torch

from gaussgrad.layers.torch import RenderGaussians, RenderImpulses

WORDS = r"{} reads rows of shape \(32, 2\) as one image of 32 rows, since row='x y' holds 2 numbers\. If they are 32 "
CURE = r"images of one row each, pass batched=True\. If not, batched=False says so and ends this warning"


def layers(**options):
    return RenderGaussians((7, 9), stddev=1.0, **options), RenderImpulses((7, 9), [[1.0, 2.0]], **options)


def test_the_first_guess_of_each_layer_in_training_warns_and_says_what_settles_it():
    rows = torch.rand(32, 2)
    for layer in (*layers(), *layers()):
        with pytest.warns(UserWarning, match=WORDS.format(type(layer).__name__) + CURE):
            image = layer(rows)
        assert image.shape == (1, 7, 9)
        assert torch.equal(layer(rows), image)  # silent from now on
        assert torch.equal(copy.deepcopy(layer)(rows), image)


def test_nothing_is_said_where_nothing_is_guessed():
    """Warnings are errors in tests."""
    rows = torch.rand(32, 2)
    for layer in layers():
        layer.eval()(rows)
        layer.train()(rows[None])
        layer(rows.reshape(8, 8))
        with pytest.warns(UserWarning, match="as one image"):
            layer(rows)
    for batched, count in ((True, (32, 1)), (False, (1,))):
        for layer in layers(batched=batched):
            assert layer(rows).shape == (*count, 7, 9)


def test_the_warning_breaks_no_graph():
    for layer in layers():
        image = torch.compile(layer, fullgraph=True, backend="eager")(torch.rand(32, 2))
        assert image.shape == (1, 7, 9)
