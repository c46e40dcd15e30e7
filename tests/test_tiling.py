"""Tiles: none overlap for training, all pixels are covered for prediction, and everything has one owner."""

import numpy as np
import pytest

from gaussgrad import tiling

FRAMES = [((64, 64), (64, 64)), ((64, 65), (64, 64)), ((70, 200), (32, 48)), ((256, 301), (64, 64)), ((9, 16), (8, 8))]


@pytest.mark.parametrize(("frame", "tile"), FRAMES)
def test_tiles_to_train_on_fit_into_the_frame_and_share_no_pixel(frame, tile):
    pixels = np.arange(2 * np.prod(frame)).reshape(2, 1, *frame)
    cut = tiling.apart(frame, tile).cut(pixels)
    assert len(cut) == 2 * (frame[0] // tile[0]) * (frame[1] // tile[1])
    assert cut.shape[1:] == (1, *tile)
    assert len(np.unique(cut)) == cut.size


@pytest.mark.parametrize(("frame", "tile"), FRAMES)
def test_frames_are_put_together_again(frame, tile):
    pixels = np.random.default_rng(0).random((2, 3, *frame))
    grid = tiling.covering(frame, tile)
    np.testing.assert_array_equal(grid.join(grid.cut(pixels)), pixels)


@pytest.mark.parametrize(("frame", "tile"), FRAMES)
def test_a_tile_sees_what_it_owns_with_a_margin(frame, tile):
    """Each pixel comes from a tile in which it lies away from the edges, but for those of the frame."""
    grid = tiling.covering(frame, tile)
    inside = np.zeros((len(grid.corners), 1, *tile))
    margins = [side // tiling.OVERLAP // 2 for side in tile]
    inside[..., margins[0] : tile[0] - margins[0], margins[1] : tile[1] - margins[1]] = 1
    joined = grid.join(inside)[0, 0]
    rows, columns = margins[0], margins[1]
    assert (joined[rows : frame[0] - rows, columns : frame[1] - columns] == 1).all()


@pytest.mark.parametrize(("frame", "tile"), FRAMES)
def test_each_place_has_one_owner_the_same_as_its_pixel(frame, tile):
    grid = tiling.covering(frame, tile)
    count = len(grid.corners)
    places = np.random.default_rng(1).uniform((-9.0, -9.0), (frame[1] + 9.0, frame[0] + 9.0), (500, 2))
    owners = grid.owns(np.broadcast_to(places, (1, count, 500, 2)))[0]
    np.testing.assert_array_equal(owners.sum(axis=0), 1)
    numbered = grid.join(np.broadcast_to(np.arange(count)[:, None, None, None], (count, 1, *tile)))[0, 0]
    pixels = np.clip(np.rint(places).astype(int), 0, (frame[1] - 1, frame[0] - 1))
    np.testing.assert_array_equal(owners.argmax(axis=0), numbered[pixels[:, 1], pixels[:, 0]])
