"""gaussgrad spots: its commands, one file each."""

from pathlib import Path


def refuse_outputs(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that is no table, is there already, or is the input."""
    from gaussgrad import checks
    from gaussgrad.files.folders import refuse_existing
    from gaussgrad.spots.reading import SIDECAR

    if output.suffix.lower() != ".csv":
        raise ValueError(checks.complain("--output", "a file ending in .csv", output))
    for path in (output, output.with_suffix(SIDECAR)):
        refuse_existing(path, overwrite)
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(checks.complain("--output", f"another file than {source.name}", output))
