"""Equations as MathJax should see them: Sphinx puts those of several lines into an environment that takes no number."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def keep_as_written(app: Sphinx, doctree: nodes.document) -> None:
    """Mark each equation as complete, between the delimiters of MathJax."""
    for equation in doctree.findall(nodes.math_block):
        text = equation.astext().strip()
        equation["no-wrap"] = True
        equation.children = [nodes.Text(rf"\[{text}\]")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", keep_as_written)
    return {"parallel_read_safe": True}
