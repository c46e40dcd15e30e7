"""What must hold of the built site: links inside of it lead somewhere, and nothing is fetched from the network."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
"""Which attribute of which element a browser loads without a click."""
IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        text = path.read_text(encoding="utf-8")
        self.numbers_lost = bool(re.search(r"\\begin\{split\}[^$]*?\\tag\{[^$]*?\\end\{split\}", text))
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if LOADED.get(tag) in values and values.get("rel") != "canonical":
            self.loaded.add(values[LOADED[tag]])


def complaints(folder: Path) -> list[str]:
    """One sentence for each broken link and each file that a page or a style sheet would fetch from the network."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
    found = [
        f"{path.relative_to(folder)} fetches {address}"
        for path in sorted(folder.rglob("*.css"))
        for address in IN_STYLES.findall(path.read_text(encoding="utf-8"))
    ]
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        found += [f"{name} has an equation that loses its number"] * page.numbers_lost
        found += [f"{name} fetches {address}" for address in sorted(page.loaded) if is_outside(address)]
        inner = sorted(address for address in page.links | page.loaded if not is_outside(address))
        found += [
            f"{name} links to {address}, which is not there" for address in inner if is_broken(address, path, pages)
        ]
    return found


def is_outside(address: str) -> bool:
    """Whether an address leads to the network."""
    return bool(urlsplit(address).netloc)


def is_broken(address: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Whether an address on the page at `path` leads to no file, or to no anchor of another page."""
    parts = urlsplit(address)
    if parts.scheme:  # data:, mailto:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target in pages and parts.fragment:
        return unquote(parts.fragment) not in pages[target].anchors
    return not target.is_file()


def check(app: Any, exception: Exception | None) -> None:
    """Warn of each; `make docs` ends with an error after a warning."""
    from sphinx.util import logging  # here, so that the tests need no Sphinx

    if exception is None and app.builder.format == "html":
        for complaint in complaints(Path(app.outdir)):
            logging.getLogger(__name__).warning(complaint)


def setup(app: Any) -> dict[str, Any]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
