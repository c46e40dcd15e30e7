"""A fast wrong answer is none: nothing is measured unless the contract tests pass."""

import re
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.pages import ROOT

COMMAND = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_torch.py")
SUMMARY = re.compile(r"\d+ passed\b.*")
SHOWN_LINES = 20


class ContractBroken(Exception):
    """The contract tests fail; the message is the end of what they said."""


def check(command: Sequence[str] = COMMAND) -> str:
    """Run the contract tests; the line that counts them, wherever pytest's plugins put it, or ContractBroken."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    counted = [found[0] for line in done.stdout.splitlines() if (found := SUMMARY.search(line))]
    if done.returncode or not counted:
        ending = "\n".join(said[-SHOWN_LINES:])
        raise ContractBroken(f"{ending}\n\nThe contract tests do not pass, so there is no report.")
    return counted[-1].rstrip(" =")
