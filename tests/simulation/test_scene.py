"""Cameras and scenes: means and variances are those promised, and frames tell the scene that made them."""

import numpy as np
import pytest

from gaussgrad.simulation import Camera, Scene, estimation


def test_counts_have_the_mean_and_the_variance_of_the_camera():
    gain = np.full((60, 70), 2.0)
    gain[:, 35:] = 3.0
    camera = Camera(gain, 100.0, 4.0)
    counts = camera.counts(np.full((40, 60, 70), 50.0), seed=1)
    for part, one in ((counts[..., :35], 2.0), (counts[..., 35:], 3.0)):
        np.testing.assert_allclose(part.mean(), 100 + 50 * one, rtol=2e-3)
        np.testing.assert_allclose(part.var(), 50 * one**2 + 16, rtol=0.02)
    np.testing.assert_allclose(camera.photons(counts).mean(), 50, rtol=2e-3)
    assert camera.cropped(slice(0, 5), slice(30, 40)).size == (5, 10)


def test_an_expected_frame_holds_all_the_light_of_its_spots_and_its_background():
    scene = Scene(size=(31, 41), density=0.0, stddev=1.5, ellipticity=1.3, background=2.0, gradient=(0.02, -0.03))
    expected = scene.expected(np.array([[20.2, 15.1]]), np.array([700.0]))
    np.testing.assert_allclose(expected.sum(), 2.0 * 31 * 41 + 700, rtol=1e-4)
    light = expected - scene.background_image()
    columns = np.arange(41)
    spread = (light * (columns - 20.2) ** 2).sum() / light.sum()
    np.testing.assert_allclose(spread, 1.5**2 * 1.3 + 1 / 12, rtol=1e-3)  # a pixel's square adds 1/12


def test_the_same_seed_gives_the_same_frames_and_lists_only_spots_inside():
    scene = Scene(size=(32, 40), density=0.02, photons=(200, 900), background=1.0)
    one, other = scene.simulate(2, seed=5), scene.simulate(2, seed=5)
    np.testing.assert_array_equal(one.frames, other.frames)
    assert (one.means >= -0.5).all()
    assert (one.means < (39.5, 31.5)).all()
    assert ((one.photons >= 200) & (one.photons <= 900)).all()


def test_frames_tell_the_scene_that_made_them():
    camera = Camera(2.0, 100.0, 2.0)
    scene = Scene(size=(96, 96), density=0.004, photons=1200, stddev=1.4, background=10.0, camera=camera)
    told = Scene.estimate(scene.simulate(12, seed=2).frames)
    assert 1.7 < told.camera.gain < 2.3
    assert 1.25 < told.stddev < 1.6
    assert 0.002 < told.density < 0.008
    assert 600 < told.photons < 2400
    assert 5 < told.background < 15


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"density": -1.0}, "density must be"),
        ({"photons": (5.0, 2.0)}, "photons must be"),
        ({"gradient": (1.0, 0.0)}, "gradient must be"),
        ({"size": (8,)}, "size must be"),
        ({"camera": Camera(np.ones((3, 3)))}, "camera must be"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Scene(**{"size": (20, 20), "density": 0.01, **change})


def test_a_camera_that_cannot_be_is_refused():
    for numbers, said in (((0.0,), "gain"), ((1.0, 0.0, -1.0), "read_noise"), ((1.0, np.ones(3)), "offset")):
        with pytest.raises(ValueError, match=f"{said} must be"):
            Camera(*numbers)
    with pytest.raises(ValueError, match="maps of one shape"):
        Camera(np.ones((2, 3)), np.ones((3, 2)))


def test_crowded_bright_spots_leave_the_offset_what_it_is():
    scene = Scene(size=(80, 96), density=0.015, photons=(5000, 100000), stddev=1.3, background=10.0)
    found = estimation.moments_of(scene.simulate(3, seed=5).frames)
    assert found.poisson
    assert found.gain == pytest.approx(1, rel=0.05)
    assert found.offset == pytest.approx(0, abs=5)  # photons; half of the background, beside a mean of 500


def test_frames_without_noise_tell_no_scene():
    with pytest.raises(ValueError, match="with noise to judge spots by"):
        Scene.estimate(np.full((3, 32, 32), 7))
