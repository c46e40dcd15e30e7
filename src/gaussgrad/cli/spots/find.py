"""gaussgrad spots find: the spots of frames as a table with standard errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from gaussgrad.files.stacks import Stack
    from gaussgrad.simulation import Camera
    from gaussgrad.spots.calibration import Calibration


def find(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FRAMES",
            help="A TIFF stack of any length, an .npy or .npz array (f, h, w), or a folder of such files or of images.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="SPOTS.csv", help="The table to write.")],
    frames: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="FIRST STOP", min=0, help="Only the frames FIRST, FIRST + 1, ... before STOP, from 0."),
    ] = None,
    region: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(metavar="X Y WIDTH HEIGHT", help="Only this part of each frame; x and y stay those of the frame."),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="NM", min=1e-6, help="Nanometres of a pixel: the table is then in nm, not in pixels."),
    ] = None,
    gain: Annotated[
        float | None, typer.Option(metavar="COUNTS", min=1e-9, show_default="from the frames", help="Of one photon.")
    ] = None,
    offset: Annotated[
        float | None, typer.Option(metavar="COUNTS", show_default="0 with --gain", help="Of a pixel without light.")
    ] = None,
    read_noise: Annotated[
        float | None,
        typer.Option(metavar="COUNTS", min=0.0, show_default="0 with --gain", help="Standard deviation of reading."),
    ] = None,
    gain_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The gain of each pixel: an .npy or TIFF image of one page.")
    ] = None,
    offset_map: Annotated[Path | None, typer.Option(metavar="FILE", help="The offset of each pixel.")] = None,
    read_noise_map: Annotated[Path | None, typer.Option(metavar="FILE", help="The read noise of each pixel.")] = None,
    stddev: Annotated[
        float | None,
        typer.Option(metavar="PIXELS", min=0.3, max=30.0, show_default="from the frames", help="Of a spot."),
    ] = None,
    widths: Annotated[
        Literal["common", "each"], typer.Option(help="Whether all spots have one width, or each its own.")
    ] = "common",
    false_alarms: Annotated[
        float, typer.Option(metavar="N", min=1e-12, help="Spots that noise alone may make in a frame, on average.")
    ] = 0.1,
    form: Annotated[
        Literal["gaussgrad", "thunderstorm", "picasso"],
        typer.Option("--format", help="Whose columns to write; for thunderstorm add --pixel-size."),
    ] = "gaussgrad",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
) -> None:
    """Write the spots of frames as CSV, each with its standard errors.

    Nothing is trained, and without options the frames tell gain, offset, background and width. Columns: frame, x, y,
    xx, xy, yy (of the light of a spot), photons, background (of a pixel), x_stddev, y_stddev, photons_stddev (standard
    errors) and deviance (for each pixel around the spot; near 1 where the model holds). The first frame is 0, and the
    middle of the first pixel is x = y = 0. SPOTS.units.json, beside the table, tells the unit of each column, and what
    was read off the frames.
    """
    from gaussgrad import checks
    from gaussgrad.cli.options import refuse_outputs
    from gaussgrad.console import waiting

    refuse_outputs(source, output, overwrite)
    if form == "thunderstorm" and pixel_size is None:
        raise ValueError(checks.complain("--pixel-size", "given for --format thunderstorm", "nothing"))
    numbers = {"gain": gain, "offset": offset, "read_noise": read_noise}
    maps = {"gain": gain_map, "offset": offset_map, "read_noise": read_noise_map}
    with waiting("finding spots") as report:
        from gaussgrad.files.stacks import Stack

        with Stack(source) as stack:
            pages, first = _chosen(stack, frames), frames[0] if frames else 0
            window = _window(stack, region)
            camera = _camera(numbers, maps, stack.first.shape, window)
            options = {"camera": camera, "stddev": stddev, "widths": widths, "false_alarms": false_alarms}
            calibration = _calibrated(stack, pages, window, options)
            count = _write(output, stack, pages, window, first, calibration, (form, pixel_size), report, overwrite)
            size = stack.first.shape
        _write_units(output, calibration, form, pixel_size, size, overwrite)
    typer.echo(f"{len(pages)} frames, {count} spots: {output}")


def _camera(
    numbers: dict[str, float | None], maps: dict[str, Path | None], size: Sequence[int], window: tuple[slice, slice]
) -> "Camera | None":
    """Of the region; None where nothing is told."""
    from gaussgrad import checks
    from gaussgrad.simulation import Camera

    told = {name: value for name, value in numbers.items() if value is not None}
    for name, path in maps.items():
        option = f"--{name.replace('_', '-')}"
        if path is not None and name in told:
            raise ValueError(checks.complain(f"{option}-map", f"left out beside {option}", path))
        if path is not None:
            told[name] = _map(f"{option}-map", path, size)
    for name in told:
        if "gain" not in told:
            wanted, cure = "given with --gain", "Add --gain, the counts of one photon."
            option = f"--{name.replace('_', '-')}" + ("-map" if maps[name] else "")
            raise ValueError(checks.complain(option, wanted, maps[name] or numbers[name], cure))
    return Camera(**told).cropped(*window) if told else None


def _map(option: str, path: Path, size: Sequence[int]) -> Any:
    """The numbers of each pixel (h, w) of an image of one page."""
    from gaussgrad import checks
    from gaussgrad.files.stacks import Stack

    with Stack(path) as stack:
        if len(stack) != 1 or stack.first.shape != tuple(size):
            wanted = f"one image of the size of the frames, {size[0]} x {size[1]} (height x width)"
            got = f"{len(stack)} of {stack.first.shape[0]} x {stack.first.shape[1]} in {path}"
            raise ValueError(checks.complain(option, wanted, got))
        return stack.read(stack.pages)[0]


def _chosen(stack: "Stack", frames: tuple[int, int] | None) -> range:
    from gaussgrad import checks

    if frames is None:
        return stack.pages
    first, stop = frames
    if not 0 <= first < stop <= len(stack):
        wanted = f"a first frame and a later one to stop before, from 0 to {len(stack)}"
        raise ValueError(checks.complain("--frames", wanted, f"{first} {stop}"))
    return stack.pages[first:stop]


def _window(stack: "Stack", region: tuple[int, int, int, int] | None) -> tuple[slice, slice]:
    """Rows and columns."""
    from gaussgrad import checks

    height, width = stack.first.shape
    if region is None:
        return slice(0, height), slice(0, width)
    x, y, wide, high = region
    if not (0 <= x < x + wide <= width and 0 <= y < y + high <= height):
        wanted = f"within the frames of {width} x {height} (width x height)"
        raise ValueError(checks.complain("--region", wanted, " ".join(map(str, region))))
    return slice(y, y + high), slice(x, x + wide)


def _calibrated(stack: "Stack", pages: range, window: tuple[slice, slice], options: Any) -> "Calibration":
    """From some of the frames, evenly chosen."""
    import math

    from gaussgrad.simulation.estimation import sample_length
    from gaussgrad.spots.finder import calibration_of, checked_frames

    rows, columns = window
    most = sample_length((rows.stop - rows.start, columns.stop - columns.start))
    sample = stack.read(pages[:: math.ceil(len(pages) / most)], window)
    return calibration_of(checked_frames(sample), **options)


def _write(
    output: Path,
    stack: "Stack",
    pages: range,
    window: tuple[slice, slice],
    first: int,
    calibration: "Calibration",
    written: tuple[str, float | None],
    report: Any,
    overwrite: bool,
) -> int:
    """Write the table batch by batch; how many spots there are."""
    import csv

    from gaussgrad.files.folders import fresh_file
    from gaussgrad.spots import formats
    from gaussgrad.spots.finder import batch_length, find_in_batches

    rows, columns = window
    form, pixel_size = written
    step = batch_length((rows.stop - rows.start, columns.stop - columns.start))
    batches = (stack.read(pages[at : at + step], window) for at in range(0, len(pages), step))
    count = 0
    with fresh_file(output, overwrite) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        light = "count" if calibration.plan.gaussian else "photon"
        formats.write_header(file, form, light)
        writer = csv.writer(file)
        for done, table in enumerate(find_in_batches(batches, calibration), start=1):
            placed = table.moved(first, (columns.start, rows.start))
            writer.writerows(formats.rows(placed, form, pixel_size=pixel_size, first=count + 1))
            count += len(table.frame)
            report(min(1.0, done * step / len(pages)))
    return count


def _write_units(
    output: Path,
    calibration: "Calibration",
    form: str,
    pixel_size: float | None,
    size: Sequence[int],
    overwrite: bool,
) -> None:
    import numpy as np

    from gaussgrad.spots.formats import units_of, write_units
    from gaussgrad.spots.reading import SIDECAR

    camera = calibration.camera
    light = "count" if calibration.plan.gaussian else "photon"
    record = {
        "format": form,
        "units": units_of("pixel" if pixel_size is None or form == "picasso" else "nm", light),
        "pixel_size_nm": pixel_size,
        "size_pixels": list(size),  # height and width of the frames
        "noise": "gaussian" if calibration.plan.gaussian else "poisson",
        # of maps the median
        "gain": float(np.median(camera.gain)),
        "offset": float(np.median(camera.offset)),
        "read_noise": float(np.median(camera.read_noise)),
        "stddevs_pixels": calibration.plan.stddevs,
    }
    write_units(output.with_suffix(SIDECAR), record, overwrite)
