"""Help: it comes by `python -m` too, says every setting and column, and waits for nothing heavy."""

import subprocess
import sys
from pathlib import Path

from gaussgrad import cli
from gaussgrad.cli.app import COMMANDS, load
from gaussgrad.cli.predict import predict
from gaussgrad.files.columns import COLUMNS


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


def test_the_list_of_commands_has_the_first_line_of_the_help_of_each():
    assert {name: load(name).help.partition("\n")[0] for name in COMMANDS} == COMMANDS


def test_every_file_is_a_command_or_serves_them():
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")}
    assert files == {*COMMANDS, "__init__", "app", "codes", "options"}


def test_the_list_imports_no_command_and_the_help_of_a_command_nothing_heavy():
    heavy = {"torch", "lightning", "numba", "matplotlib", "sklearn", "scipy", "PIL", "pandas"}
    code = (
        "import sys; from gaussgrad.cli.app import COMMANDS, run; run(['--help'])\n"
        "print('commands:', [name for name in COMMANDS if f'gaussgrad.cli.{name}' in sys.modules])\n"
        "for name in COMMANDS: run([name, '--help'])\n"
        f"print('heavy:', {heavy} & set(sys.modules))"
    )
    printed = run_python("-c", code)
    assert "commands: []" in printed
    assert "heavy: set()" in printed


def test_the_help_of_predict_names_every_column():
    missing = [column.name for column in COLUMNS if column.name not in predict.__doc__]
    assert missing == []
