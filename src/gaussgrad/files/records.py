"""Records in JSON, which anybody may have edited."""

import json
import os
from pathlib import Path
from typing import Any


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object of a JSON file, empty for other JSON; OSError where it is not there.

    Raises
    ------
    ValueError
        For what is no JSON, in a sentence with the path.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "record.json"
    >>> _ = path.write_text('{"n": 3}')
    >>> read_record(path)
    {'n': 3}
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path} is damaged: it cannot be read as JSON (too many brackets).") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: it cannot be read as JSON ({error}).") from error
    return record if isinstance(record, dict) else {}
