"""Help: it comes by `python -m` too, says every setting and column, and waits for nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from gaussgrad import cli
from gaussgrad.cli.app import COMMANDS, SPOTS, load
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
    assert {name: load(f"spots.{name}").help.partition("\n")[0] for name in SPOTS} == SPOTS


def test_every_file_is_a_command_or_serves_them():
    folder = Path(cli.__file__).parent
    groups = {"spots": SPOTS}
    assert {path.stem for path in folder.glob("*.py")} == {*COMMANDS, "__init__", "app", "codes", "options"} - {*groups}
    for group, commands in groups.items():
        assert {path.stem for path in (folder / group).glob("*.py")} == {*commands, "__init__"}


def test_the_list_imports_no_command_and_the_help_of_a_command_nothing_heavy():
    heavy = {"torch", "lightning", "numba", "matplotlib", "sklearn", "scipy", "PIL", "pandas"}
    code = (
        "import sys; from gaussgrad.cli.app import COMMANDS, run; run(['--help'])\n"
        "print('commands:', [name for name in COMMANDS if f'gaussgrad.cli.{name}' in sys.modules])\n"
        "for name in COMMANDS: run([name, '--help'])\n"
        "for name in ('find', 'compare', 'link', 'drift'): run(['spots', name, '--help'])\n"
        f"print('heavy:', {heavy} & set(sys.modules))"
    )
    printed = run_python("-c", code)
    assert "commands: []" in printed
    assert "heavy: set()" in printed


def test_paragraphs_of_the_help_are_broken_by_the_terminal_alone():
    """Where a docstring breaks its lines, the terminal would break them again."""
    for name in (*COMMANDS, *(f"spots.{name}" for name in SPOTS)):
        assert all("\n" not in paragraph for paragraph in load(name).help.split("\n\n")), name


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("gaussgrad pre", ["predict"]),
        ("gaussgrad train --presence", ["--presence-cost"]),
        ("gaussgrad train --compose m", ["max"]),
        ("gaussgrad render x.gauss --over", ["--overwrite"]),
    ],
)
def test_a_shell_completes_commands_options_and_choices(call, monkeypatch, words, completed):
    monkeypatch.setenv("_GAUSSGRAD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    code, out, err = call()
    assert (code, out.split(), err) == (0, completed, "")


def test_the_help_of_predict_names_every_column():
    missing = [column.name for column in COLUMNS if column.name not in predict.__doc__]
    assert missing == []
