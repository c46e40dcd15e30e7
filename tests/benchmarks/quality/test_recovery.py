"""Recovery: what counts as found, and that scenes keep their distances."""

import torch

from benchmarks.quality import recovery


def test_a_blob_is_found_by_one_place_within_a_pixel():
    places = torch.tensor([[[10.0, 10.0], [30.0, 30.0]]])
    both_on_one = torch.tensor([[[10.5, 10.0], [10.0, 10.5]]])
    assert recovery.share_found(places.flip(1) + 0.5, places) == 1.0
    assert recovery.share_found(both_on_one, places) == 0.5


def test_blobs_of_a_scene_keep_three_widths_between_them():
    places = recovery.scenes(5, 10, 3.0, seed=0)
    distances = torch.cdist(places, places) + 100 * torch.eye(10)
    assert distances.min() >= 9
