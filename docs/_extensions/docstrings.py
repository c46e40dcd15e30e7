"""Docstrings on the site: what they cite of the documentation becomes a link to its page."""

import re
from typing import Any

from sphinx.application import Sphinx

CITATION = re.compile(r"`*\bdocs/(\w+)\.md`*")


def link_pages(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put a link in the place of `docs/maths.md`, in the lines of one docstring."""
    lines[:] = [CITATION.sub(r":doc:`docs/\1.md </\1>`", line) for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", link_pages)
    return {"parallel_read_safe": True}
