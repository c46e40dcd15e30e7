"""The descent as an animation: Gaussians on the way are put by on the disk, and drawn when the fit is over."""

import contextlib
import os
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, final

import numpy as np

from gaussgrad import checks
from gaussgrad.files.folders import fresh_file, refuse_existing
from gaussgrad.fitting.photographs.moments import Moment
from gaussgrad.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".gif", ".webp")
FRAMES = 60  # at most, without the end
LONGEST = 480  # pixels of the longer side
FRAME, END = 80, 2000  # milliseconds that a frame and the end are shown


def refuse(path: Path, *, overwrite: bool) -> None:
    """Refuse another kind of file, and one that may not be replaced."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(checks.complain("--animate", f"a file ending in {' or '.join(SUFFIXES)}", path))
    refuse_existing(path, overwrite)


@contextlib.contextmanager
def filming(wanted: bool) -> "Iterator[Reel | None]":
    """A reel with its file, where one is wanted."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        yield Reel(file)


@final
class Reel:
    """Keeps pictures of a descent, more of its beginning, where Gaussians are added; costs it a copy of each."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begun: float | None = None
        self._trial = self._frame = self._kept = 0

    def watch(self, moment: Moment) -> None:
        """Keep the Gaussians of this moment if it is time to: frame k is due at the share (k / 60)^2 of the way."""
        if len(moment.tried) != self._trial:  # the end is of the last trial alone
            self._file.truncate(self._file.seek(0))
            self._trial, self._frame, self._kept, self._begun = len(moment.tried), 0, 0, None
        self._begun = moment.progress if self._begun is None else self._begun
        share = (moment.progress - self._begun) / max(1 - self._begun, 1e-9)
        if share < (self._frame / FRAMES) ** 2 or share >= 1:
            return
        pickle.dump(moment.picture(), self._file)
        self._frame = int(FRAMES * share**0.5) + 1
        self._kept += 1

    def write(self, path: str | os.PathLike[str], end: Picture, *, overwrite: bool = False) -> None:
        """Write what was kept and the end, which stays on the screen for longer."""
        frames = [*map(_drawn, self._pictures()), _drawn(end)]
        webp = Path(path).suffix.lower() == ".webp"
        if not webp and end.channels >= 3:  # one palette: a GIF has 256 colours, and they should not flicker
            palette = frames[-1].quantize(256)
            frames = [frame.quantize(palette=palette) for frame in frames]
        durations = [FRAME] * self._kept + [END]
        options: dict[str, Any] = {"quality": 80} if webp else {"optimize": False}
        with fresh_file(path, overwrite) as partial:
            frames[0].save(partial, save_all=True, append_images=frames[1:], duration=durations, loop=0, **options)

    def _pictures(self) -> Iterator[Picture]:
        self._file.seek(0)
        for _ in range(self._kept):
            yield pickle.load(self._file)


def _drawn(picture: Picture) -> "Image":
    """The picture in 8 bits, grey or RGB, at most 480 pixels long unless it is very narrow."""
    from PIL import Image

    scale = min(1.0, max(LONGEST / max(picture.size), 1 / min(picture.size)))
    drawn = np.round(255 * np.clip(picture.render(scale), 0, 1)).astype(np.uint8)
    return Image.fromarray(np.moveaxis(drawn[:3], 0, -1) if len(drawn) >= 3 else drawn[0])
