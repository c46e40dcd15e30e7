"""Docstrings on the site: a cited page of the documentation becomes a link, and shapes stay as written."""

import re
from typing import Any

from sphinx.application import Sphinx

CITATION = re.compile(r"\bdocs/(\w+)\.md")
AXES = re.compile(r"(?<![\w`*])\*(?=[a-z]+[,)\] ])")  # in shapes such as (b, *size): no start of emphasis


def mend(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put a link in the place of docs/maths.md, and let an asterisk be one, in the lines of one docstring."""
    lines[:] = [AXES.sub(r"\*", CITATION.sub(r":doc:`docs/\1.md </\1>`", line)) for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", mend)
    return {"parallel_read_safe": True}
