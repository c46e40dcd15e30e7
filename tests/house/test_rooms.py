"""What a user sees of the package, and what CONTRIBUTING.md says of its rooms, is what is there."""

import re
import subprocess
import sys

from paths import ROOT, SOURCE

import gaussgrad


def test_dir_lists_the_public_names_and_the_version():
    assert dir(gaussgrad) == sorted([*gaussgrad.__all__, "__version__"])
    assert all(hasattr(gaussgrad, name) for name in dir(gaussgrad))


def test_contributing_lists_every_room_once():
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("| room |")[1].split("\n\n")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = [name for cell in cells for name in re.findall(r"`([\w.]+)/?`", cell)]
    package = SOURCE / "gaussgrad"
    files = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    rooms = files | {path.parent.name for path in package.glob("*/__init__.py")}
    assert sorted(listed) == sorted(rooms)


def test_python_m_gaussgrad_is_the_command():
    done = subprocess.run([sys.executable, "-m", "gaussgrad", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"gaussgrad {gaussgrad.__version__}\n"
