"""The finder: what is there is found, with the errors it says; what is not there is not."""

import numpy as np
import pytest

from gaussgrad.simulation import Camera, Scene
from gaussgrad.spots import compare, find
from gaussgrad.spots.defects import hot
from gaussgrad.spots.evidence import scores, threshold
from gaussgrad.spots.likelihood.records import Frames

SCENE = Scene(
    size=(64, 72), density=0.004, photons=(600, 3000), stddev=1.3, background=5.0, gradient=(0.03, 0.02),
    camera=Camera(2.0, 100.0, 2.0),
)  # fmt: skip
SIMULATED = SCENE.simulate(8, seed=1)
EMPTY = Scene(size=(48, 48), density=0.0, background=5.0)


def agreement(found, simulated, tolerance=2.5):
    errors = {"mean_stddevs": found.mean_stddevs}
    return compare(found.frame, found.means, simulated.frame, simulated.means, tolerance=tolerance, **errors)


def test_frames_alone_tell_spots_with_errors():
    found = find(SIMULATED.frames)
    result = agreement(found, SIMULATED)
    assert result.jaccard > 0.95
    close = agreement(found, SIMULATED, tolerance=0.5)
    assert close.rmse < 0.12
    assert 0.8 < close.pull_stddev < 1.25
    np.testing.assert_allclose(np.sqrt(found.covariances[:, [0, 2]]), 1.3, rtol=0.03)
    assert (found.covariances[:, 1] == 0).all()
    np.testing.assert_allclose(np.median(found.deviance), 1, atol=0.2)


def test_a_dark_corner_does_not_silence_bright_places():
    light = EMPTY.expected(np.array([[20.0, 20.0]]), np.array([2000.0]))[None]
    total = np.full(light.shape, 5.0)
    total[:, 40:, 40:] = 1e-3
    frames = Frames(
        np.maximum(light - 5 + total, 0), total, np.zeros(light.shape[1:]), np.ones(light.shape, dtype=bool)
    )
    field = scores(frames, (1.3, 1.3), 5, False)
    assert np.unravel_index(field.argmax(), field.shape) == (0, 20, 20)


def test_most_spots_of_crowded_frames_are_found():
    scene = Scene(size=(96, 96), density=2 / 13**2, stddev=1.3, background=1.0)
    simulated = scene.simulate(2, seed=21)
    assert agreement(find(simulated.frames, camera=scene.camera, stddev=1.3), simulated).jaccard > 0.9


def test_any_number_of_threads_finds_the_same():
    known = {"camera": SCENE.camera, "stddev": 1.3}
    one, two = (find(SIMULATED.frames[:3], threads=threads, **known) for threads in (1, 2))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_two_spots_that_overlap_are_fitted_together_and_one_stays_one():
    means = np.array([[20.0, 20.0], [22.4, 21.0], [45.0, 40.0]])
    light = SCENE.expected(means, np.array([2500.0, 2000.0, 2500.0]))
    found = find(SCENE.camera.counts(light, seed=3), camera=SCENE.camera, stddev=1.3)
    assert len(found.frame) == 3
    assert agreement(found, SIMULATED._replace(frame=np.zeros(3), means=means), tolerance=0.4).jaccard == 1


def test_frames_without_spots_give_none():
    noise = EMPTY.simulate(4, seed=2).frames
    assert len(find(noise, camera=EMPTY.camera, stddev=1.3, false_alarms=1e-3).frame) == 0
    flat = np.full((2, 32, 32), 5, dtype=np.uint16)
    assert len(find(flat, camera=EMPTY.camera).frame) == 0


def test_frames_without_noise_need_a_camera():
    with pytest.raises(ValueError, match="Tell the camera"):
        find(np.full((2, 32, 32), 5.0))


def test_hot_and_saturated_pixels_are_no_spots():
    frames = EMPTY.simulate(2, seed=4).frames.astype(np.uint8)
    frames[:, 10, 12] = 200
    frames[:, 30, 20:22] = 255
    assert len(find(frames, camera=EMPTY.camera, stddev=1.3, false_alarms=1e-3).frame) == 0


def test_saturated_pixels_do_not_spoil_what_the_frames_tell():
    simulated = Scene(size=(48, 56), density=0.004, photons=2500, background=4.0).simulate(6, seed=1)
    frames = simulated.frames.astype(np.uint16)
    frames[:, 30, 20:22] = 65535
    assert agreement(find(frames), simulated).jaccard > 0.95


def test_a_spot_on_the_border_is_found_where_it_is():
    light = EMPTY.expected(np.array([[0.1, 20.3], [30.4, 47.2]]), np.array([3000.0, 3000.0]))
    found = find(EMPTY.camera.counts(light, seed=5), camera=EMPTY.camera, stddev=1.3, false_alarms=1e-4)
    np.testing.assert_allclose(found.means, [[0.1, 20.3], [30.4, 47.2]], atol=0.2)


def test_each_spot_may_have_its_own_width():
    light = EMPTY.expected(np.array([[12.0, 12.0]]), np.array([4000.0])) - 5
    wide = Scene(size=(48, 48), density=0.0, background=5.0, stddev=1.5).expected(
        np.array([[34.0, 33.0]]), np.array([4000.0])
    )
    found = find(EMPTY.camera.counts(light + wide, seed=6), camera=EMPTY.camera, stddev=1.4, widths="each")
    np.testing.assert_allclose(np.sqrt(found.covariances[:, 0]), [1.3, 1.5], rtol=0.06)


@pytest.mark.parametrize("background", [0.05, 0.2, 1.0, 10.0, 100.0])
def test_noise_alone_makes_as_many_spots_as_was_stated(background):
    scene = Scene(size=(128, 128), density=0.0, background=background)
    found = find(scene.simulate(12, seed=7).frames, camera=scene.camera, stddev=1.3, false_alarms=2.0)
    assert 10 <= len(found.frame) <= 38  # 24 are expected


def test_a_larger_area_and_fewer_false_alarms_need_a_higher_threshold():
    assert threshold(1e4, (1.3, 1.3), 0.1) < threshold(1e5, (1.3, 1.3), 0.1) < threshold(1e5, (1.3, 1.3), 0.01)


@pytest.mark.parametrize("background", [0.05, 0.2, 1.0, 100.0])
def test_single_photons_are_no_hot_pixels_and_bright_pixels_are(background):
    data = Scene(size=(64, 64), density=0.0, background=background).simulate(4, seed=8).frames
    known = {"noise": np.zeros((64, 64)), "used": np.ones(data.shape, dtype=bool)}
    assert not hot(data, stddevs=(1.3, 1.3), gaussian=False, **known).any()
    data[:, 20, 30] += 30 + 20 * background**0.5
    found = hot(data, stddevs=(1.3, 1.3), gaussian=False, **known)
    assert found[:, 20, 30].all()
    assert found.sum() == 4


@pytest.mark.parametrize(
    ("frames", "options", "said"),
    [
        (np.zeros((2, 8, 8)), {}, "at least; got shape"),
        (np.full((1, 20, 20), np.nan), {}, "finite"),
        (np.zeros((1, 20, 20)), {"false_alarms": 0.0}, "false_alarms must be"),
        (np.zeros((1, 20, 20)), {"widths": "any"}, "widths must be"),
        (np.zeros((1, 20, 20)), {"stddev": 90.0}, "stddev must be"),
        (np.zeros((1, 20, 20)), {"camera": Camera(np.ones((9, 9)))}, "camera must be"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(frames, options, said):
    with pytest.raises(ValueError, match=said):
        find(frames, **options)


def test_complex_frames_are_refused():
    with pytest.raises(TypeError, match="real numbers"):
        find(np.zeros((1, 20, 20), dtype=complex))


def test_a_comparison_pairs_as_many_as_can_be_and_counts_the_rest():
    frame = np.zeros(2)
    found, true = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 0.0], [3.0, 0.0]])
    result = compare(frame, found, frame, true, tolerance=1.5, mean_stddevs=np.full((2, 2), 0.5))
    assert (result.matched, result.spurious, result.missed) == (2, 0, 0)
    assert (result.rmse, result.pull_mean) == (1.0, -1.0)
    apart = compare(
        frame, found, np.array([0.0, 1.0, 1.0]), np.array([[0.1, 0.0], [2.0, 0.0], [9.0, 9.0]]), tolerance=1
    )
    assert (apart.matched, apart.spurious, apart.missed) == (1, 1, 2)
    assert (apart.jaccard, apart.precision, apart.recall) == (0.25, 0.5, 1 / 3)
    with pytest.raises(ValueError, match="tolerance must be"):
        compare(frame, found, frame, true, tolerance=0)


def test_crowded_frames_are_found_where_a_corner_seems_dark():
    crowded = Scene(size=(64, 64), density=0.012, photons=(200, 5000), stddev=1.3, background=1.0).simulate(6, seed=5)
    found = find(crowded.frames, camera=Camera(), stddev=1.3)
    assert agreement(found, crowded).jaccard > 0.85


def test_bright_spots_wider_than_they_seem_are_found_once():
    simulated = Scene(size=(80, 96), density=0.0004, photons=(5000, 100000), stddev=3.0, background=10.0).simulate(
        8, seed=5
    )
    found = find(simulated.frames)
    assert agreement(found, simulated).jaccard > 0.95
    np.testing.assert_allclose(np.sqrt(found.covariances[:, 0]), 3, rtol=0.02)


def test_dark_frames_tell_their_noise():
    simulated = Scene(size=(80, 96), density=0.002, photons=(300, 3000), stddev=1.3, background=0.3).simulate(3, seed=1)
    assert agreement(find(simulated.frames), simulated).jaccard > 0.95


def test_the_likelihood_decides_on_spots_to_start_from_and_looks_for_more():
    known, wrong = SIMULATED.frame < 4, np.array([[30.0, 30.0]])
    start = np.append(SIMULATED.frame[known], 2), np.concatenate([SIMULATED.means[known] + 0.3, wrong])
    told = find(SIMULATED.frames, camera=SCENE.camera, stddev=1.3, start=start)
    assert agreement(told, SIMULATED).jaccard > 0.95
    alone = find(SIMULATED.frames, camera=SCENE.camera, stddev=1.3)
    assert len(told.frame) == len(alone.frame)


def test_a_start_finds_more_where_faint_spots_crowd():
    scene = Scene(size=(48, 48), density=0.047, photons=(300, 600), stddev=1.3, background=10.0)
    crowd = scene.simulate(4, seed=1)
    alone = find(crowd.frames, camera=scene.camera, stddev=1.3)
    told = find(crowd.frames, camera=scene.camera, stddev=1.3, start=(crowd.frame, crowd.means))
    assert agreement(told, crowd).jaccard > agreement(alone, crowd).jaccard + 0.01


def test_a_start_outside_of_the_frames_is_refused():
    frames = np.zeros((2, 32, 32)) + EMPTY.background
    for frame, mean in ((2, (5, 5)), (0.5, (5, 5)), (0, (32, 5)), (0, (5, np.nan))):
        with pytest.raises(ValueError, match="start must be within 2 frames"):
            find(frames, camera=EMPTY.camera, stddev=1.3, start=([frame], [mean]))
    with pytest.raises(ValueError, match=r"shapes \(n,\) and \(n, 2\)"):
        find(frames, camera=EMPTY.camera, stddev=1.3, start=([0], [5, 5]))


def test_pixels_as_hot_as_no_spot_do_not_spoil_what_the_frames_tell(rng):
    simulated = Scene(size=(64, 64), density=0.005, photons=(200, 5000), stddev=1.3, background=1.0).simulate(2, seed=2)
    frames = simulated.frames.astype(np.float64)
    frames[:, rng.integers(0, 64, 9), rng.integers(0, 64, 9)] = 20_000.0
    found = find(frames)
    assert agreement(found, simulated).jaccard > 0.9


TOUCHING = {"a pair": [(0, 0), (0, 1)], "an L": [(0, 0), (0, 1), (1, 0)], "a square": [(0, 0), (0, 1), (1, 0), (1, 1)]}


def test_hot_pixels_that_touch_many_and_cosmic_rays_do_not_spoil_what_the_frames_tell(rng):
    simulated = Scene(size=(80, 80), density=0.004, photons=(200, 5000), stddev=1.3, background=1.0).simulate(2, seed=2)
    clean = agreement(find(simulated.frames), simulated).jaccard
    many = simulated.frames.copy()
    many[:, rng.integers(0, 80, 64), rng.integers(0, 80, 64)] = 20_000.0
    touching, rays = simulated.frames.copy(), simulated.frames.copy()
    for shape in TOUCHING.values():
        y, x = rng.integers(2, 78, (2, 1)) + np.array(shape).T
        touching[:, y, x] = 20_000.0
    for frame in rays:
        y, x = rng.integers(2, 70, (2, 1))
        frame[y + np.arange(6) // 2, x + np.arange(6)] = rng.uniform(4000, 20_000, 6)
    for bad in (many, touching, rays):
        assert agreement(find(bad), simulated).jaccard > clean - 0.06  # a spot right at bad pixels may be lost


@pytest.mark.parametrize("stddev", [0.8, 1.3])
@pytest.mark.parametrize("shape", TOUCHING)
def test_hot_pixels_do_not_hide_each_other(shape, stddev):
    data = Scene(size=(48, 48), density=0.0, background=1.0).simulate(1, seed=3).frames
    known = {"noise": np.zeros((48, 48)), "stddevs": (stddev, stddev), "gaussian": False}
    y, x = np.array(TOUCHING[shape]).T + 20
    data[:, y, x] = 3000.0 / (1 + np.arange(len(y)) % 2 * 9)
    found = hot(data, used=np.ones(data.shape, dtype=bool), **known)
    assert found[:, y, x].all()
    assert found.sum() == len(y)


@pytest.mark.parametrize("stddev", [0.5, 1.3])
@pytest.mark.parametrize("photons", [5000, 100_000])
def test_no_bright_spot_is_a_hot_pixel(stddev, photons):
    scene = Scene(size=(64, 64), density=0.01, photons=photons, stddev=0.87 * stddev, background=1.0)
    data = scene.simulate(2, seed=4).frames
    known = {"noise": np.zeros((64, 64)), "used": np.ones(data.shape, dtype=bool)}
    found = hot(data, stddevs=(stddev, stddev), gaussian=False, **known)
    assert not found[:, 1:-1, 1:-1].any()


def test_too_many_hot_pixels_are_told(rng):
    frames = EMPTY.simulate(2, seed=4).frames
    frames[:, rng.integers(0, 48, 100), rng.integers(0, 48, 100)] = 5000.0
    with pytest.raises(ValueError, match=r"at most 2% of the pixels hot.*Choose a region"):
        find(frames)
