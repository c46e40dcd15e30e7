"""Public names on the pages become links: `gaussgrad.render` in code leads to the page of that function."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode


def link_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put a link around each piece of code that is a name with a page of its own."""
    known = app.env.domains["py"].objects
    for code in list(doctree.findall(nodes.literal)):
        entry = known.get(code.astext())
        if entry is None or entry.docname == page or isinstance(code.parent, nodes.reference):
            continue
        if any(isinstance(above, nodes.title) for above in (code.parent, code.parent.parent)):
            continue
        link = make_refnode(app.builder, page, entry.docname, entry.node_id, [])
        code.replace_self(link)
        link += code


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True}
