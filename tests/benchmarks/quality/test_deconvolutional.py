"""The rival of the autoencoder learns, with as many numbers and as much time as it is given."""

import numpy as np
import pytest
import torch
from tiny_images import spots

from benchmarks.quality import deconvolutional
from gaussgrad import metrics


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_the_rival_learns_with_as_many_numbers_as_it_is_given():
    pixels = spots(count=64, size=(16, 16))
    model = deconvolutional.train(pixels, numbers=6, steps=250, seed=0)
    assert model.encode(torch.from_numpy(pixels)).shape == (64, 6)
    reconstructions = deconvolutional.reconstruct(model, pixels)
    mean_image = np.broadcast_to(pixels.mean(axis=0), pixels.shape)
    assert metrics.psnr(pixels, reconstructions) > metrics.psnr(pixels, mean_image) + 1


def test_the_rival_is_timed():
    pixels = spots(count=64, size=(8, 8))
    assert deconvolutional.steps_within(60.0, pixels, 6) > deconvolutional.steps_within(1e-9, pixels, 6) == 1
