"""A picture made of Gaussians: what it takes to draw it at any size, and its file `.gauss`."""

import math
import os
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gaussgrad import checks, dispatch, metrics
from gaussgrad.files import compact as compaction
from gaussgrad.files import gauss
from gaussgrad.gaussians import Gaussians
from gaussgrad.ops import batching
from gaussgrad.ops.render import AMPLITUDES
from gaussgrad.ops.render import render as draw
from gaussgrad.scaling import Scale

COLOUR_SPACES = ("srgb", "linear")
SAMPLE_TYPES = ("uint8", "uint16", "float32")
_OPTIONS = ("amplitude", "tolerance", "colour_space", "black", "white", "sample_type")
MARGIN = 10.0  # dB of the rounding below the error of the fit: together at most 0.41 dB
_COARSEST, _FINEST = 8.0, 1 / 64  # steps that are chosen, in units of the usual ones
_SHARES = (0.25, 0.5, 0.25)  # of positions, widths and weights in the error: smallest files in the end
_TRIES = 6  # to choose steps: the first nearly fits


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture made of Gaussians on a background, drawn at any size.

    Values are those of an image whose black is 0 and white is 1.

    Parameters
    ----------
    gaussians : Gaussians
        Of one image, in its pixels: means (n, 2), covariances or Cholesky factors (n, 3), weights (n,) or (n, c), of
        any one framework.
    size : tuple of int
        (height, width) in pixels.
    amplitude : {"peak", "density"}
        What a weight means, as in `gaussgrad.render`.
    tolerance : float in [0, 1)
        Where each Gaussian is cut, as in `gaussgrad.render`.
    background : c floats, optional
        What the Gaussians are added to; zeros when absent.
    colour_space : {"srgb", "linear"}
        How to read the values. Nothing is converted.
    black, white : float
        The numbers of the source image that are 0 and 1 here: 0 and 255 for 8 bits.
    sample_type : {"uint8", "uint16", "float32"}
        The type of the source image; files of pixels get this type again.
    fit_psnr : float, optional
        PSNR in dB of the fit against its image, before rounding.
    fit_ssim : float, optional
        SSIM of the same, as `gaussgrad.metrics.ssim` has it.
    rounding_psnr : float, optional
        PSNR in dB of the rounded picture against the picture before rounding.
    steps : Steps, optional
        What its numbers are rounded to, which a compact file keeps.

    Raises
    ------
    ValueError
        For arrays of other shapes, or options out of range.

    Examples
    --------
    >>> import gaussgrad
    >>> spot = gaussgrad.Gaussians([[1.0, 0.0]], [[1.0, 0.0, 1.0]], [1.0])
    >>> picture = gaussgrad.Picture(spot, (1, 3), tolerance=0)
    >>> picture.render().round(2).tolist()
    [[[0.61, 1.0, 0.61]]]
    >>> picture.render(scale=2).shape
    (1, 2, 6)
    """

    gaussians: Gaussians
    size: tuple[int, int]
    _: KW_ONLY
    amplitude: str = "peak"
    tolerance: float = 1e-4
    background: Any = None
    colour_space: str = "srgb"
    black: float = 0.0
    white: float = 1.0
    sample_type: str = "float32"
    fit_psnr: float | None = None
    fit_ssim: float | None = None
    rounding_psnr: float | None = None
    steps: compaction.Steps | None = None

    def __post_init__(self) -> None:
        channels = _check_shapes(self.gaussians)
        size = checks.image_size(self.size)
        if len(size) != 2:
            raise ValueError(checks.complain("size", "(height, width)", repr(self.size)))
        background = (0.0,) * channels if self.background is None else tuple(_numpy(self.background).ravel().tolist())
        if len(background) != channels or not np.isfinite(background).all():
            wanted = f"{channels} finite numbers, one for each channel of the weights"
            raise ValueError(checks.complain("background", wanted, repr(self.background)))
        scale = Scale(self.black, self.white)
        checks.option("amplitude", self.amplitude, AMPLITUDES)
        checks.option("colour_space", self.colour_space, COLOUR_SPACES)
        checks.option("sample_type", self.sample_type, SAMPLE_TYPES)
        tolerance = checks.number("tolerance", self.tolerance, "a number in [0, 1)", 0.0, 1.0)
        checked = {"size": size, "background": background, "tolerance": tolerance}
        checked |= {"black": scale.black, "white": scale.white}
        checked |= {name: float(getattr(self, name)) for name in gauss.MEASURES if getattr(self, name) is not None}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def n(self) -> int:
        """The number of Gaussians."""
        return int(np.shape(self.gaussians.means)[0])

    @property
    def channels(self) -> int:
        """The number of channels: grey 1, grey and alpha 2, RGB 3, RGB and alpha 4."""
        return len(self.background)

    def render(self, scale: float = 1.0) -> Any:
        """The image (c, scale * height, scale * width), rounded to whole pixels; 0 is black and 1 is white.

        A point x of the picture comes to scale * (x + 1/2) - 1/2. Where `scale` is below 1, a pixel is the mean of the
        pixels of a picture that is larger by a whole number. Nothing is cut off: values may lie beyond 0 and 1.

        Parameters
        ----------
        scale : float
            Above 0, so large that a pixel is left.

        Returns
        -------
        image : array (c, h, w)
            In the framework and dtype of the Gaussians. Differentiable in them.

        Raises
        ------
        ValueError
            For a scale out of range, and values that `gaussgrad.render` refuses.
        """
        scale = checks.number("scale", scale, "a number above 0", math.ulp(0.0))
        size = tuple(round(axis * scale) for axis in self.size)
        if min(size) < 1:
            wanted = f"so large that a picture of {self.size[0]} x {self.size[1]} keeps a pixel"
            raise ValueError(checks.complain("scale", wanted, f"{scale:g}"))
        finer = math.ceil(1 / scale)  # 1 where nothing shrinks
        fine = (finer * size[0], finer * size[1])
        image = self._drawn(finer * scale, fine)
        unified = dispatch.unify(image=image, background=list(self.background))
        xp, (image, background) = unified.namespace, unified.arrays
        if finer > 1:
            blocks = batching.reshape(xp, image, (self.channels, size[0], finer, size[1], finer))
            image = xp.mean(blocks, axis=(2, 4))
        return unified.restore(image + background[:, None, None])

    def _drawn(self, scale: float, size: tuple[int, int]) -> Any:
        """The Gaussians alone, larger, as an image (c, h, w)."""
        held = self.gaussians
        image = draw(
            _times(held.means, scale, (scale - 1) / 2),
            None if held.covariances is None else _times(held.covariances, scale**2),
            held.weights,
            cholesky=None if held.cholesky is None else _times(held.cholesky, scale),
            size=size,
            amplitude=self.amplitude,
            tolerance=self.tolerance,
        )
        image = image if len(image.shape) == 3 else image[None]
        return image if self.amplitude == "peak" else image * scale**2

    def to_samples(self, image: Any) -> np.ndarray:
        """An image of `render` as the source's type holds it; whole numbers are rounded and cut to their range."""
        numbers = Scale(self.black, self.white).to_numbers(_numpy(image))
        if self.sample_type == "float32":
            return numbers.astype(np.float32)
        dtype = np.dtype(self.sample_type)
        return np.clip(np.round(numbers), 0, np.iinfo(dtype).max).astype(dtype)

    def save(
        self, path: str | os.PathLike[str], *, compact: bool | compaction.Steps = False, overwrite: bool = False
    ) -> None:
        """Write the picture as a `.gauss` file, which appears whole or not at all.

        Parameters
        ----------
        path : path
            The file.
        compact : bool or Steps
            Whether to round the numbers and compress them, to about a fifth of the bytes. True leaves numbers that are
            rounded as they are. Else it takes the coarsest steps that cost at most 0.41 dB where `fit_psnr` is known,
            or the usual ones. `fit_image(compact=True)` takes coarser ones, and fits the numbers to them.
        overwrite : bool
            Whether a file that exists may be replaced.

        Raises
        ------
        ValueError
            For values that are not finite, factors whose diagonal is not positive, or a picture too large for a file.
        FileExistsError
            Where `path` exists and may not be replaced.
        """
        picture, steps = self, None
        if compact is not False:
            picture, steps = self._rounded_well() if compact is True else (self.rounded(compact), compact)
        gauss.write(path, picture._contents(), steps, overwrite)

    def rounded(self, steps: compaction.Steps) -> "Picture":
        """The picture in NumPy as a compact file of these steps gives it back, with its `rounding_psnr`."""
        picture = Picture._of(gauss.rounded(self._contents().checked(), steps))
        psnr = metrics.psnr(_numpy(self.render()), picture.render())
        before = math.inf if self.rounding_psnr is None else self.rounding_psnr
        worst = min(psnr, before)
        return replace(picture, rounding_psnr=worst if worst < math.inf else None, steps=steps)

    def steps_within(self, psnr: float) -> compaction.Steps:
        """The coarsest steps that keep the picture as near to itself as `psnr` in dB, or nearly.

        Positions, widths and weights each add a fixed share of the error.
        """
        if psnr == math.inf:
            return compaction.Steps().scaled(_FINEST)
        contents, image, usual = self._contents().checked(), _numpy(self.render()), compaction.Steps()
        chosen = []
        for step, share, apart in zip(usual, _SHARES, gauss.rounded_apart(contents, usual), strict=True):
            gained = metrics.psnr(image, Picture._of(apart).render()) - psnr + 10 * math.log10(share)
            chosen.append(step * min(max(10 ** (gained / 20), _FINEST), _COARSEST))  # an error is a step squared
        steps = compaction.Steps(*chosen).shortened()
        for _ in range(_TRIES):
            missing = psnr - metrics.psnr(image, Picture._of(gauss.rounded(contents, steps)).render())
            if missing <= 0:
                break
            steps = steps.scaled(10 ** (-max(missing, 0.2) / 20)).shortened()
        return steps

    def _rounded_well(self) -> tuple["Picture", compaction.Steps]:
        """The picture as it is where it is rounded; else to steps that stay below the error of the fit, if known."""
        if self.steps is not None:
            before, after = self._contents(), self.rounded(self.steps)._contents()
            if all(np.array_equal(getattr(before, name), getattr(after, name)) for name in gauss.ARRAYS):
                return self, self.steps
        steps = compaction.Steps() if self.fit_psnr is None else self.steps_within(self.fit_psnr + MARGIN)
        return self.rounded(steps), steps

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Picture":
        """The picture of a `.gauss` file, in NumPy: Cholesky factors (n, 3), weights (n, c).

        Raises
        ------
        ValueError
            For a file that is damaged, of another version, or no such file; one sentence with its path.
        FileNotFoundError
            Where there is none.
        """
        contents = gauss.read(path)
        with gauss.damage_named(path):  # options that no picture has
            return Picture._of(contents)

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the picture for other programs, by the suffix of the path.

        - `.svg`: a radial gradient for each Gaussian, for browsers; weights must be 0 or more.
        - `.csv`: the table that `gaussgrad render` and `predict` know: x, y, xx, xy, yy and values at the means.
        - `.npz`: the arrays and options of this record by their names.

        Raises
        ------
        ValueError
            For another suffix, or what the format cannot hold.
        FileExistsError
            Where `path` exists and may not be replaced.
        """
        from gaussgrad.files.exports import WRITERS

        writer = WRITERS.get(Path(path).suffix.lower())
        if writer is None:
            raise ValueError(checks.complain("the output", f"a file ending in {', '.join(WRITERS)}", Path(path)))
        writer(path, self._contents().checked(), overwrite)

    def _contents(self) -> gauss.Contents:
        """The arrays in NumPy, as factors and weights with channels, and the options."""
        held = self.gaussians
        means = _numpy(held.means)
        weights = np.ones(len(means), means.dtype) if held.weights is None else _numpy(held.weights)
        arrays = means, _numpy(held.factors()), weights.reshape(len(means), self.channels)
        fields = {"height": self.size[0], "width": self.size[1]}
        fields |= {name: getattr(self, name) for name in (*_OPTIONS, *gauss.MEASURES)}
        return gauss.Contents(*arrays, np.asarray(self.background), fields)

    @staticmethod
    def _of(contents: gauss.Contents) -> "Picture":
        """The picture that a file holds."""
        held = contents.fields
        options = {name: held[name] for name in (*_OPTIONS, *gauss.MEASURES) if name in held}
        gaussians = Gaussians(contents.means, weights=contents.weights, cholesky=contents.cholesky)
        if held.get("version") == 2:  # those of version 1 were rounded otherwise
            options["steps"] = held["steps"]
        return Picture(gaussians, (held["height"], held["width"]), background=contents.background, **options)


def _check_shapes(gaussians: Gaussians) -> int:
    """The number of channels, or an error."""
    if gaussians.presence is not None:
        cure = "Leave out Gaussians that are absent, and presence."
        raise ValueError(checks.complain("gaussians", "without presence", "presence", cure))
    shapes = {name: np.shape(getattr(gaussians, name)) for name in ("means", gaussians.held)}
    n = shapes["means"][0] if shapes["means"] else 0
    for name, length in (("means", 2), (gaussians.held, 3)):
        if shapes[name] != (n, length):
            raise ValueError(checks.complain(name, f"of shape (n, {length}), n as of the means", f"{shapes[name]}"))
    weights = (n,) if gaussians.weights is None else tuple(np.shape(gaussians.weights))
    if weights[:1] != (n,) or len(weights) > 2 or 0 in weights[1:]:
        raise ValueError(checks.complain("weights", f"of shape ({n},) or ({n}, c)", f"{weights}"))
    return weights[1] if len(weights) == 2 else 1


def _times(array: Any, factor: float, plus: float = 0.0) -> Any:
    """factor * array + plus, of an array of any framework or a list; untouched where that changes nothing."""
    if factor == 1 and plus == 0:
        return array
    return (np.asarray(array) if isinstance(array, (list, tuple)) else array) * factor + plus


def _numpy(array: Any) -> np.ndarray:
    """Any framework's array in NumPy, float32 or float64."""
    array = array.detach().cpu() if hasattr(array, "detach") else array
    if str(getattr(array, "dtype", "")) == "torch.bfloat16":  # which NumPy does not know
        array = array.float()
    numbers = np.asarray(array)
    wide = numbers.dtype == np.float64 or numbers.dtype.kind in "iu"
    return numbers.astype(np.float64 if wide else np.float32, copy=False)
