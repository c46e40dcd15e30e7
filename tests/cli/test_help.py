"""Help: it comes by `python -m` too, says every setting and column, and waits for nothing heavy."""

import subprocess
import sys

from gaussgrad.cli.predict import predict
from gaussgrad.files.columns import COLUMNS

COMMANDS = ("train", "predict", "inspect", "sample", "fit", "render", "info", "export")


def run_python(*arguments):
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_package_is_a_command_too():
    printed = run_python("-m", "gaussgrad", "--help")
    assert "Usage: gaussgrad [OPTIONS] COMMAND" in printed
    for command in COMMANDS:
        assert f" {command} " in printed


def test_the_help_of_no_command_imports_anything_heavy():
    heavy = {"torch", "lightning", "numba", "matplotlib", "sklearn", "scipy", "PIL", "pandas"}
    code = (
        "import sys; from gaussgrad.cli.app import run\n"
        f"for name in {COMMANDS}: run([name, '--help'])\n"
        f"print('heavy:', {heavy} & set(sys.modules))"
    )
    assert "heavy: set()" in run_python("-c", code)


def test_the_help_of_predict_names_every_column():
    missing = [column.name for column in COLUMNS if column.name not in predict.__doc__]
    assert missing == []
