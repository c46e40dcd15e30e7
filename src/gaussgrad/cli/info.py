"""gaussgrad info: what a .gauss file holds, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from gaussgrad.files.gauss import Contents

CHANNELS = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGB and alpha"}


def info(
    source: Annotated[Path, typer.Argument(metavar="FILE.gauss", help="A picture made of Gaussians.")],
) -> None:
    """Say what a .gauss file holds: size, Gaussians, bytes, widths and colours."""
    from gaussgrad.console import waiting
    from gaussgrad.files.gauss import read

    with waiting("reading"):
        rows = _rows(read(source), source.stat().st_size)
    for name, text in rows.items():
        typer.echo(f"{name:17}{text}")


def _rows(contents: "Contents", size: int) -> dict[str, str]:
    fields, (n, channels) = contents.fields, contents.weights.shape
    pixels = fields["height"] * fields["width"]
    colours = CHANNELS.get(channels, f"{channels} channels")
    kind = f"{fields['sample_type']} with black {fields['black']:.6g} and white {fields['white']:.6g}"
    rows = {
        "size": f"{fields['height']} x {fields['width']} (height x width), {colours}, {fields['colour_space']}",
        "made from": kind,
        "Gaussians": f"{n:,}, amplitude {fields['amplitude']}, tolerance {fields['tolerance']:g}",
        "background": _numbers(contents.background),
        "file": f"{size:,} bytes, {8 * size / pixels:.3f} bits per pixel, {_encoding(contents)}",
    }
    return rows | (_ranges(contents) if n else {}) | _measures(fields)


def _ranges(contents: "Contents") -> dict[str, str]:
    """Widths as standard deviations along the axes of the ellipses, and values at the means."""
    import numpy as np

    xx, yx, yy = contents.cholesky.astype(np.float64).T
    wide, narrow = np.linalg.svd(np.stack([xx, 0 * xx, yx, yy], axis=-1).reshape(-1, 2, 2), compute_uv=False).T
    values = contents.values()
    return {
        "wider axes": f"{_range(wide)} px",
        "narrower axes": f"{_range(narrow)} px",
        "values at means": f"from {_numbers(values.min(axis=0))} to {_numbers(values.max(axis=0))}",
    }


def _range(numbers: "np.ndarray") -> str:
    import numpy as np

    return f"from {numbers.min():.3g} to {numbers.max():.3g}, half of them below {np.median(numbers):.3g}"


def _numbers(numbers: "np.ndarray") -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


def _encoding(contents: "Contents") -> str:
    if contents.encoding == "plain":
        return f"plain {contents.means.dtype}"
    position, width, weight = contents.fields["steps"]
    unit = "of white" if contents.fields["version"] == 1 else "px of white"
    return f"compact: steps of {position:g} px, {width:g} of a width, {weight:g} {unit}"


def _measures(fields: dict[str, float]) -> dict[str, str]:
    """How good it was, in words."""
    from math import log10

    fit, rounding = fields.get("fit_psnr"), fields.get("rounding_psnr")
    ssim = f", SSIM {fields['fit_ssim']:.3f}" if "fit_ssim" in fields else ""
    rows = {} if fit is None else {"fit": f"PSNR {fit:.2f} dB{ssim}"}
    if rounding is not None:
        rows["rounding"] = f"PSNR {rounding:.2f} dB to the picture before"
        if fit is not None:
            lost = 10 * log10(1 + 10 ** ((fit - rounding) / 10)) if fit < float("inf") else float("inf")
            rows["rounding"] += f", so that about {lost:.2f} dB of the fit are lost"
    return rows
