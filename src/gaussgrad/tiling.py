"""Tiles of large frames: where they lie, cut for training, and put back together after a prediction."""

import itertools
from dataclasses import dataclass

import numpy as np

OVERLAP = 4  # neighbours share a quarter of a tile in predictions, so that each sees its own spots whole


@dataclass(frozen=True)
class Grid:
    """Tiles of one size in frames of one size, row by row."""

    frame: tuple[int, int]  # (height, width)
    tile: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def corners(self) -> list[tuple[int, int]]:
        """(top, left) of each tile."""
        return [(top, left) for top in self.tops for left in self.lefts]

    def cut(self, frames: np.ndarray) -> np.ndarray:
        """Tiles (b * tiles, c, h, w) of frames (b, c, height, width); those of the first frame come first."""
        height, width = self.tile
        cut = [frames[..., top : top + height, left : left + width] for top, left in self.corners]
        return np.stack(cut, axis=1).reshape(-1, frames.shape[1], height, width)

    def join(self, tiles: np.ndarray) -> np.ndarray:
        """Frames (b, c, height, width) of tiles (b * tiles, c, h, w): each pixel from the tile that owns it."""
        split = tiles.reshape(-1, len(self.corners), *tiles.shape[1:])
        frames = np.empty((len(split), tiles.shape[1], *self.frame), tiles.dtype)
        rows, columns = self._owned()
        owned = [(row, column) for row in rows for column in columns]
        for i, ((top, left), ((y0, y1), (x0, x1))) in enumerate(zip(self.corners, owned, strict=True)):
            frames[..., y0:y1, x0:x1] = split[:, i, :, y0 - top : y1 - top, x0 - left : x1 - left]
        return frames

    def offsets(self) -> np.ndarray:
        """(tiles, 2): what is added to x, y of a tile to get those of the frame."""
        return np.array([(left, top) for top, left in self.corners])

    def owns(self, means: np.ndarray) -> np.ndarray:
        """Whether each tile owns the pixel where a mean lies: (b, tiles, n), of means (b, tiles, n, 2) in the frame.

        What lies beyond the frame is owned by the tiles at its edge.
        """
        rows, columns = (self._lines(owned) for owned in self._owned())
        boxes = np.array([(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns])[:, None]  # (tiles, 1, 4)
        return np.all((boxes[..., :2] <= means) & (means < boxes[..., 2:]), axis=-1)

    def _owned(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """First and last pixel, exclusive, that each row and each column of tiles owns."""
        return (
            _split_overlaps(self.tops, self.tile[0], self.frame[0]),
            _split_overlaps(self.lefts, self.tile[1], self.frame[1]),
        )

    @staticmethod
    def _lines(owned: list[tuple[int, int]]) -> list[tuple[float, float]]:
        """Coordinates of the lines between pixels; the outermost are infinitely far."""
        inner = [start - 0.5 for start, _ in owned[1:]]
        return list(zip([-np.inf, *inner], [*inner, np.inf], strict=True))


def apart(frame: tuple[int, int], tile: tuple[int, int]) -> Grid:
    """As many tiles as fit without overlap, evenly spread: no pixel is both trained on and held out.

    Examples
    --------
    >>> apart((100, 256), (64, 64)).tops, apart((100, 256), (64, 64)).lefts
    ((18,), (0, 64, 128, 192))
    """
    starts = []
    for length, side in zip(frame, tile, strict=True):
        count = length // side
        gap = (length - count * side) / max(count - 1, 1)
        first = (length - side) // 2 if count == 1 else 0
        starts.append(tuple(first + round(i * (side + gap)) for i in range(count)))
    return Grid(frame, tile, *starts)


def covering(frame: tuple[int, int], tile: tuple[int, int]) -> Grid:
    """Tiles that cover the frame, neighbours sharing at least a quarter, evenly spread.

    Examples
    --------
    >>> covering((64, 256), (64, 64)).tops, covering((64, 256), (64, 64)).lefts
    ((0,), (0, 48, 96, 144, 192))
    """
    starts = []
    for length, side in zip(frame, tile, strict=True):
        shared = side // OVERLAP
        count = -(-(length - shared) // (side - shared))
        starts.append(tuple(round(i * (length - side) / max(count - 1, 1)) for i in range(count)))
    return Grid(frame, tile, *starts)


def _split_overlaps(starts: tuple[int, ...], side: int, length: int) -> list[tuple[int, int]]:
    """What each tile owns along one axis: up to the middle of what it shares with its neighbours."""
    inner = [(before + side + after) // 2 for before, after in itertools.pairwise(starts)]
    return list(zip([0, *inner], [*inner, length], strict=True))
