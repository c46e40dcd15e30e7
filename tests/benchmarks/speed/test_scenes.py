"""Scenes are what they say, and their work is counted as it is."""

import numpy as np
import pytest

from benchmarks.speed import scenes
from benchmarks.speed.render.comparisons import COMPARISONS

BUILDERS = dict.fromkeys(comparison.build for comparison in COMPARISONS if "100,000" not in comparison.title)


@pytest.mark.parametrize("build", BUILDERS)
def test_scenes_are_float32_seeded_and_of_agreeing_shapes(build):
    scene, again = build(), build()
    *batch, n, _ = scene.means.shape
    channels = scene.weights.shape[-1]
    shapes = [array.shape for array in (scene.means, scene.covariances, scene.weights, scene.upstream)]
    assert shapes == [(*batch, n, 2), (*batch, n, 3), (*batch, n, channels), (*batch, channels, *scene.size)]
    for name, array in {**scene.inputs, "upstream": scene.upstream}.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, getattr(again, name))


@pytest.mark.parametrize("tolerance", [scenes.THREE_SIGMA, scenes.DEFAULT])
@pytest.mark.parametrize("lanes", [1, 16])
def test_work_counts_the_pixels_inside_the_cut_ellipses(tolerance, lanes):
    scene = scenes.rotated(23, 31, 47, 0.4, 7.0)
    height, width = scene.size
    x, y = (scene.means[:, axis, None, None].astype(float) for axis in (0, 1))
    xx, xy, yy = (scene.covariances[:, entry, None, None].astype(float) for entry in range(3))
    dx, dy = np.arange(width) - x, np.arange(height)[:, None] - y
    q = (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / (xx * yy - xy**2)
    in_rows = (q <= -2 * np.log(tolerance)).sum(axis=-1)  # (n, h)
    expected = scenes.Work(23, np.count_nonzero(in_rows), in_rows.sum(), np.ceil(in_rows / lanes).sum())
    assert scenes.work(scene, tolerance, lanes) == expected
