"""A fast wrong answer is none: nothing is measured unless the contract tests pass."""

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.partners import ROOT

COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_torch.py")
SHOWN_LINES = 20


class ContractBroken(Exception):
    """The contract tests fail; the message is the end of what they said."""


def check(command: Sequence[str] = COMMAND) -> str:
    """Run the contract tests; their last line, or ContractBroken."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode:
        said = "\n".join(lines[-SHOWN_LINES:])
        raise ContractBroken(f"{said}\n\nThe contract tests fail, so there is no report.")
    return lines[-1] if lines else ""
