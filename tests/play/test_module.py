"""The JavaScript of the page, run by Node against what the reference says."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from play_golden import FILE, golden


def differences(kept, now, place=""):
    """Where two nested records differ in structure, or in numbers by more than rounding."""
    if isinstance(now, dict):
        assert kept.keys() == now.keys(), place
        return [d for name in now for d in differences(kept[name], now[name], f"{place}.{name}")]
    if isinstance(now, list) and now and isinstance(now[0], dict):
        assert len(kept) == len(now), place
        return [d for k, pair in enumerate(zip(kept, now, strict=True)) for d in differences(*pair, f"{place}[{k}]")]
    if isinstance(now, str):
        return [] if kept == now else [place]
    return [] if np.allclose(kept, now, rtol=1e-13, atol=1e-14) else [place]


def test_the_golden_values_are_those_of_the_reference():
    """If not: python tests/support/play_golden.py"""
    assert differences(json.loads(FILE.read_text(encoding="utf-8")), golden()) == []


def test_the_javascript_gives_the_golden_values():
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    files = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
