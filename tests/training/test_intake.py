"""From data to what is trained on: levels are filled in, old runs are read as before, and what is said of them."""

import numpy as np
from tiny_images import spots

from gaussgrad.scaling import Scale
from gaussgrad.training import intake
from gaussgrad.training.configuration import Configuration

COUNTS = np.rint(120 + 800 * spots()[:, 0]).astype(np.uint16)


def saved(folder, array):
    np.save(folder / "images.npy", array)
    return Configuration(data=str(folder / "images.npy"))


def test_percentiles_are_those_of_the_images_to_train_on(tmp_path):
    configuration = saved(tmp_path, COUNTS)
    _, _, split = intake.load(configuration)
    counts = COUNTS.copy()
    counts[split.held_out] = 60000
    filled, images, _ = intake.load(saved(tmp_path, counts))
    assert images.scale == Scale(COUNTS[split.training].min(), COUNTS[split.training].max())
    assert (filled.black, filled.white) == ("0.1%", "99.99%")
    again, _ = intake.load_again(filled, images.scale)
    np.testing.assert_array_equal(again.pixels, images.pixels, strict=True)


def test_images_that_say_what_white_is_are_left_as_they_are(tmp_path):
    for array in (spots()[:, 0], (255 * spots()[:, 0]).astype(np.uint8)):
        configuration = saved(tmp_path, array)
        filled, images, _ = intake.load(configuration)
        assert (filled, images.scale, intake.describe(filled, images)) == (configuration, None, [])
        assert 0 <= images.pixels.min() < images.pixels.max() <= 1


def test_a_run_of_16_bits_that_kept_no_scale_is_read_as_it_was(tmp_path):
    again, _ = intake.load_again(saved(tmp_path, COUNTS), None)
    np.testing.assert_array_equal(again.pixels[:, 0], COUNTS / np.float32(65535), strict=True)


def test_spots_beyond_what_a_gaussian_can_draw_are_told(tmp_path):
    counts = np.full((20, 128, 128), 120, dtype=np.uint16)
    counts[:, :5, :5] = 200
    filled, images, _ = intake.load(saved(tmp_path, counts))
    assert len(intake.describe(filled, images)) == 1
    counts[:, 64, 64] = 900  # in each frame, but fewer than 0.01 % of the pixels
    filled, images, _ = intake.load(saved(tmp_path, counts))
    assert "In 100% of the images, pixels lie beyond the most" in intake.describe(filled, images)[1]
