"""Where peers can be imported: this Python, or an environment made for them."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PEERS = Path(__file__).parent / "peers"


def requirements(peer: str) -> list[str]:
    """What a peer's file says it needs, in the form of PEP 723."""
    text = (PEERS / f"{peer}.py").read_text(encoding="utf-8")
    block = re.search(r"^# /// script\n((?:#.*\n)+?)# ///$", text, re.MULTILINE)
    if block is None:
        raise ValueError(f"{peer}.py must begin with its requirements in the form of PEP 723")
    return tomllib.loads(re.sub(r"^# ?", "", block[1], flags=re.MULTILINE))["dependencies"]


def importable(peer: str) -> bool:
    """Whether this Python has what the peer needs."""
    try:
        importlib.import_module(f"benchmarks.peers.{peer}")
    except ImportError:
        return False
    return True


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(folder: Path, peers: Iterable[str]) -> dict[str, str]:
    """Install what the peers need into an environment in `folder`, one by one; the reasons of those that fail."""
    python = python_of(folder)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    reasons = {}
    for peer in peers:
        command = [str(python), "-m", "pip", "install", "--quiet", *requirements(peer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
            reasons[peer] = first_line(f"not installable: {errors[-1]}")
    return reasons


def first_line(text: str) -> str:
    """A reason that fits a table."""
    line = " ".join(text.strip().splitlines()[0].split()) if text.strip() else "no reason given"
    return line if len(line) <= 160 else f"{line[:157]}..."
