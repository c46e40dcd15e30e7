"""Pictures made of Gaussians for other programs: SVG, CSV and NPZ."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gaussgrad import checks, covariance
from gaussgrad.files import svg
from gaussgrad.files.columns import write_gaussians
from gaussgrad.files.folders import fresh_file
from gaussgrad.files.gauss import Contents
from gaussgrad.gaussians import Gaussians


def write_svg(path: str | os.PathLike[str], contents: Contents, overwrite: bool = False) -> None:
    """A radial gradient for each Gaussian; see `gaussgrad.files.svg`."""
    fields = contents.fields
    if fields["colour_space"] != "srgb":
        raise ValueError(checks.complain("colour_space", "srgb for an SVG", fields["colour_space"]))
    svg.write_svg(
        path,
        contents.means,
        contents.cholesky,
        contents.values(),
        size=(fields["height"], fields["width"]),
        background=contents.background.tolist(),
        tolerance=fields["tolerance"],
        overwrite=overwrite,
    )


def write_csv(path: str | os.PathLike[str], contents: Contents, overwrite: bool = False) -> None:
    """The table of `gaussgrad.files.columns`: covariances, and values at the means. It holds no background."""
    channels = contents.weights.shape[1]
    if channels not in (1, 3):
        cure = "Export an .npz file."
        raise ValueError(checks.complain("a table", "of grey or RGB Gaussians", f"{channels} channels", cure))
    covariances = covariance.from_cholesky(contents.cholesky.astype(np.float64))  # float32 cannot hold narrow ones
    arrays = contents.means, covariances, contents.values()
    write_gaussians(path, [Path(path).stem], Gaussians(*(array[None] for array in arrays)), overwrite=overwrite)


def write_npz(path: str | os.PathLike[str], contents: Contents, overwrite: bool = False) -> None:
    """The arrays and fields by their names."""
    fields = {name: value for name, value in contents.fields.items() if value is not None}
    arrays = {name: getattr(contents, name) for name in ("means", "cholesky", "weights", "background")}
    with fresh_file(path, overwrite) as partial:
        np.savez(partial, **arrays, **fields)


WRITERS: dict[str, Callable[[str | os.PathLike[str], Contents, bool], None]] = {
    ".svg": write_svg,
    ".csv": write_csv,
    ".npz": write_npz,
}
