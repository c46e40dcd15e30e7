"""The scripts of the gallery: each has its place and a title, and takes public names alone. `make docs` runs them."""

import ast
import importlib.util

import pytest
from paths import ROOT, SOURCE

FOLDER = ROOT / "examples" / "gallery"
SCRIPTS = sorted(FOLDER.glob("*.py"))
LONGEST = 110  # lines
LARGEST = 1_000_000  # bytes of the kept weights


def order() -> list[str]:
    """In which the site shows them, from the extension, imported as a file."""
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "_extensions" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return sorted((path.stem for path in SCRIPTS), key=lambda name: module.place(f"{name}.py"))


def public(room: str) -> list[str]:
    """What stands in the `__all__` of a room, as it is written; nothing for what is no room."""
    path = SOURCE.joinpath(*room.split(".")) / "__init__.py"
    for node in ast.parse(path.read_text("utf-8")).body if path.exists() else ():
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    return []


def not_public(code: str) -> list[str]:
    """The full names of gaussgrad that a script takes and that no room shows."""
    used = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "gaussgrad":
            used += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("gaussgrad", "gaussgrad.covariance"):
            used.append((ast.unparse(node.value), node.attr))
    rooms = [("gaussgrad", path.name) for path in (SOURCE / "gaussgrad").iterdir() if public(f"gaussgrad.{path.name}")]
    return [f"{room}.{name}" for room, name in used if name not in public(room) and (room, name) not in rooms]


def test_the_gallery_shows_every_script_once():
    assert len(order()) == len(SCRIPTS) > 0


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_a_title_and_takes_public_names_alone(path):
    code = path.read_text("utf-8")
    compile(code, path.name, "exec")
    title, line, *_ = ast.get_docstring(ast.parse(code)).splitlines()
    assert line == "=" * len(title)
    assert "\n# %%\n" in code
    assert not_public(code) == []
    assert len(code.splitlines()) <= LONGEST


def test_a_private_name_is_seen():
    code = "import gaussgrad\nfrom gaussgrad.plot.style import INK\ngaussgrad.checks.number\ngaussgrad.render"
    assert not_public(code) == ["gaussgrad.plot.style.INK", "gaussgrad.checks"]


def test_the_kept_weights_are_small():
    assert 0 < (FOLDER / "strokes.safetensors").stat().st_size < LARGEST
