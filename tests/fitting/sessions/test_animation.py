"""The animation of a descent: few frames, more of its beginning, small, and an end that stays."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gaussgrad import Gaussians, Picture
from gaussgrad.fitting.photographs import Moment
from gaussgrad.fitting.photographs.search import Trial
from gaussgrad.fitting.sessions import animation
from gaussgrad.fitting.sessions.animation import FRAMES, Reel

WIDE = (60, 960)


def picture(progress, channels):
    """A spot that moves to the right."""
    weights = np.linspace(0.5, 1.0, channels, dtype=np.float32)[None]
    spot = Gaussians(np.float32([[960 * progress, 30]]), cholesky=np.float32([[40, 0, 20]]), weights=weights)
    return Picture(spot, WIDE, background=np.full(channels, 0.25))


def watched(reel, begun, channels, steps=1000, tried=()):
    """The shares of the way at which the reel kept a picture, of a descent that began at a share."""
    kept = []

    def copy(progress):
        kept.append(progress)
        return picture(progress, channels)

    for step in range(steps + 1):
        progress = begun + (1 - begun) * step / steps
        reel.watch(Moment(step, 0.0, 1, 0.0, progress, tried=tried, _copy=lambda at=progress: copy(at)))
    return kept


@pytest.mark.parametrize("begun", [0.0, 0.6])
def test_frames_are_few_and_more_of_the_beginning_of_what_is_seen(begun):
    kept = (np.array(watched(Reel(io.BytesIO()), begun, 1)) - begun) / (1 - begun)
    assert kept[0] == 0
    assert FRAMES - 10 < len(kept) <= FRAMES  # each at a step of its own
    assert 0.4 < np.mean(kept < 0.25) < 0.6
    assert np.diff(kept).max() < 0.05


@pytest.mark.parametrize(("name", "channels"), [("way.gif", 1), ("way.gif", 3), ("way.webp", 3)])
def test_the_file_shows_the_way_small_and_its_end_for_longer(tmp_path, name, channels):
    reel = Reel(io.BytesIO())
    kept = watched(reel, 0.0, channels, steps=4)
    end = picture(0.5, channels)
    reel.write(tmp_path / name, end)
    with Image.open(tmp_path / name) as file:
        frames = [np.asarray(frame.convert("RGB")) / 255 for frame in ImageSequence.Iterator(file)]
        until = file.info.get("timestamp", 0)  # of WebP: when the last frame begins
        assert until == animation.FRAME * len(kept) or file.info["duration"] == animation.END
    assert len(frames) == len(kept) + 1
    shown = [picture(at, channels).render(0.5) for at in kept] + [end.render(0.5)]
    for frame, drawn in zip(frames, shown, strict=True):
        assert frame.shape == (30, 480, 3)
        assert np.abs(np.moveaxis(frame, -1, 0) - drawn).mean() < 0.03


def test_a_new_trial_begins_a_new_animation(tmp_path):
    reel = Reel(io.BytesIO())
    watched(reel, 0.0, 1, steps=30)
    kept = watched(reel, 0.0, 1, steps=4, tried=(Trial(10, 20.0),))
    reel.write(tmp_path / "way.gif", picture(0.5, 1))
    with Image.open(tmp_path / "way.gif") as file:
        assert file.n_frames == len(kept) + 1


def test_nothing_is_replaced_unasked(tmp_path):
    (tmp_path / "way.gif").write_text("something")
    with pytest.raises(FileExistsError, match=r"way\.gif exists already"):
        animation.refuse(tmp_path / "way.gif", overwrite=False)
    with pytest.raises(FileExistsError, match=r"way\.gif exists already"):
        Reel(io.BytesIO()).write(tmp_path / "way.gif", picture(0.0, 1))
    assert (tmp_path / "way.gif").read_text() == "something"
