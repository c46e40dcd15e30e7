"""The site: every page has its place, every public name its entry, and the check of built pages sees what is wrong."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from paths import ROOT, SOURCE

DOCS = ROOT / "docs"
ROOMS = (
    "gaussgrad",
    "gaussgrad.autoencoder",
    "gaussgrad.covariance",
    "gaussgrad.fitting",
    "gaussgrad.layers.keras",
    "gaussgrad.layers.torch",
    "gaussgrad.plot",
    "gaussgrad.simulation",
    "gaussgrad.spots",
)
SAME_ELSEWHERE = "gaussgrad.layers.keras.Mixture"
"""The class of gaussgrad.layers.torch, as docs/api-layers-keras.md says."""
ALSO_NAMED = ["gaussgrad.inference"]
"""What docs/api-beside.md shows though `import gaussgrad` does not name it."""
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path
    for path in sorted(DOCS.rglob("*"))
    if path.suffix in (".md", ".ipynb") and not path.relative_to(DOCS).parts[0].startswith("_")
}


def entries(directive: str, text: str) -> list[str]:
    """What stands in the bodies of a directive, options left out."""
    found, inside = [], False
    for line in text.splitlines():
        if line in (f"```{{{directive}}}", f".. {directive}::"):
            inside = True
        elif line == "```":
            inside = False
        elif inside and line.strip() and not line.strip().startswith(":"):
            found.append(line.strip())
    return found


def documented_names() -> list[str]:
    """The full names of all entries of the API pages."""
    page = "\n".join(path.read_text("utf-8") for name, path in PAGES.items() if name.startswith("api-"))
    rooms = re.split(r"^\.\. currentmodule:: (\S+)$", page, flags=re.MULTILINE)[1:]
    pairs = zip(rooms[::2], rooms[1::2], strict=True)
    return [f"{room}.{name}" for room, text in pairs for name in entries("autosummary", text)]


def tree(module: str) -> ast.Module | None:
    """A module of ours as it is written, so that no framework is imported; None where there is none of that name."""
    path = SOURCE / module.replace(".", "/")
    files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]
    return ast.parse(files[0].read_text("utf-8")) if files else None


def public_names(room: str) -> set[str]:
    """What stands in its `__all__`."""
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree(room).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    return set(names)


def docstring(module: str, name: str) -> str:
    """Of a class or function, wherever a module takes it from."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return docstring(node.module, name)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return ast.get_docstring(node) or ""
    raise ValueError(f"{module} has no {name}")


def test_every_page_stands_in_one_table_of_contents():
    listed = []
    for path in PAGES.values():
        for entry in entries("toctree", path.read_text("utf-8")) if path.suffix == ".md" else ():
            target = entry.partition("<")[2].rstrip(">") or entry
            matches = [page for page in PAGES if re.fullmatch(target.replace("*", "[^/]*"), page)]
            listed += matches or [target]
    assert sorted(listed) == sorted(PAGES.keys() - {"index"})


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_entry(room):
    here = [name.removeprefix(f"{room}.") for name in documented_names() if name.startswith(f"{room}.")]
    listed = sorted(name for name in here if "." not in name and f"{room}.{name}" not in ALSO_NAMED)
    assert listed == sorted(name for name in public_names(room) if f"{room}.{name}" != SAME_ELSEWHERE)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_example(room):
    names = [name for name in sorted(public_names(room)) if tree(f"{room}.{name}") is None]  # no modules
    assert [name for name in names if ">>>" not in docstring(room, name)] == []


def built_pages() -> ModuleType:
    """The extension of Sphinx that looks at the built pages, imported as a file."""
    spec = importlib.util.spec_from_file_location("built_pages", DOCS / "_extensions" / "built_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = '<h1 id="top"></h1> <a href="other.html#there">o</a> <a href="#top">t</a> <a href="https://example.org">e</a>'
BAD = {
    '<a href="none.html">n</a>': "page.html links to none.html, which is not there",
    '<a href="other.html#none">n</a>': "page.html links to other.html#none, which is not there",
    '<img src="none.png">': "page.html links to none.png, which is not there",
    '<script src="https://example.org/a.js"></script>': "page.html fetches https://example.org/a.js",
    '<link rel="stylesheet" href="//example.org/a.css">': "page.html fetches //example.org/a.css",
    r"\[\begin{split} a \\ b \tag{1} \end{split}\]": "page.html has an equation that loses its number",
}


def complaints(folder: Path, body: str, style: str = "") -> list[str]:
    """What the check says of two pages and a style sheet."""
    (folder / "page.html").write_text(body, encoding="utf-8")
    (folder / "other.html").write_text('<p id="there"></p>', encoding="utf-8")
    (folder / "style.css").write_text(style, encoding="utf-8")
    return built_pages().complaints(folder)


def test_a_site_whose_links_lead_somewhere_passes(tmp_path):
    assert complaints(tmp_path, GOOD, "a { background: url(picture.png) }") == []


@pytest.mark.parametrize("body", BAD)
def test_a_broken_link_or_a_fetched_file_is_seen(tmp_path, body):
    assert complaints(tmp_path, GOOD + body) == [BAD[body]]


def test_a_font_from_the_network_is_seen(tmp_path):
    said = complaints(tmp_path, GOOD, '@font-face { src: url("https://example.org/a.woff2") }')
    assert said == ["style.css fetches https://example.org/a.woff2"]
