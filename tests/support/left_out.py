"""What a run leaves out for want of a framework, of real data or of a GPU: counted at its end, and written to a file.

The file holds one test a line, or a whole file of tests where nothing in it could be collected. Pytest takes it for
arguments, so that another environment can run what the last one did not:
`pytest @.pytest_cache/d/left-out/tests.txt --every-framework`.
"""

import os
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, final

import pytest

FRAMEWORKS = ("torch", "jax", "tensorflow", "keras", "onnxruntime", "triton")
DATA, GPU = "real data", "a GPU"

MODULES = {
    "keras": ("src/gaussgrad/layers/keras",),
    "jax": ("src/gaussgrad/frameworks/jax.py",),
    "tensorflow": (
        "src/gaussgrad/frameworks/tensorflow.py",
        "src/gaussgrad/frameworks/tensorflow_linalg.py",
        "src/gaussgrad/frameworks/tensorflow_namespace.py",
    ),
    "triton": ("src/gaussgrad/ops/render/triton", "src/gaussgrad/ops/mixture/triton"),
}
"""What cannot be imported without a framework, and so not be searched for docstrings."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data",
        metavar="FOLDER",
        type=Path,
        help="folder of real data, given as --data=FOLDER; without it the tests that read it are skipped",
    )
    parser.addoption(
        "--every-framework",
        action="store_true",
        help="refuse to start where a framework is missing, and fail if a test is skipped for want of one",
    )


def pytest_configure(config: pytest.Config) -> None:
    if find_spec("triton") is not None and not _has_gpu():
        os.environ.setdefault("TRITON_INTERPRET", "1")  # which Triton reads when PyTorch, or anybody, imports it
    missing = [name for name in FRAMEWORKS if find_spec(name) is None]
    if missing and config.getoption("--every-framework"):
        raise pytest.UsageError(f"--every-framework: {', '.join(missing)} cannot be imported here")
    folder = config.getoption("--data")
    if folder is not None and not folder.is_dir():
        raise pytest.UsageError(f"--data: there is no folder {folder}")
    if not hasattr(config, "workerinput"):  # xdist's workers report to the process that started them
        config.pluginmanager.register(Record(config))


@final
class FileLeftOut(pytest.File):
    """A module that cannot be imported here."""

    need = ""

    def collect(self) -> NoReturn:
        # xdist takes reports with equal reasons from one line for the same report, so the reason says the file
        pytest.skip(f"{self.nodeid} needs {self.need}")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterable[Any]:
    collectors = yield
    for library, places in MODULES.items():
        here = any(file_path.is_relative_to(parent.config.rootpath / place) for place in places)
        if collectors and here and find_spec(library) is None:
            left_out = FileLeftOut.from_parent(parent, path=file_path)
            left_out.need = library
            return [left_out]
    return collectors


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needing = [item for item in items if item.get_closest_marker("gpu")]
    if needing and not _has_gpu():
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=f"needs {GPU}"))


def needs_of(reason: str) -> list[str]:
    """What is missing, as a reason for skipping says it: "needs jax, keras", or as `pytest.importorskip` does."""
    said = re.search(r"\bneeds (.+)|could not import '(\w+)", reason)
    text = said[1] or said[2] if said else ""
    return [need for need in (*FRAMEWORKS, DATA, GPU) if re.search(rf"\b{need}\b", text)]


def count(ids: list[str]) -> str:
    """Such as "12 tests and all of 3 files"."""
    tests = sum("::" in name for name in ids)
    parts = [f"{tests} test{'s'[: tests != 1]}"] if tests else []
    files = len(ids) - tests
    return " and ".join([*parts, *([f"all of {files} file{'s'[: files != 1]}"] if files else [])])


@final
class Record:
    """The tests that were skipped, and why."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.reasons[report.nodeid] = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""

    def lacking(self, *needs: str) -> list[str]:
        """The tests, and whole files, that one of these is missing for."""
        return sorted(name for name, reason in self.reasons.items() if set(needs) & set(needs_of(reason)))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.config.getoption("--every-framework") and self.lacking(*FRAMEWORKS):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        cache = getattr(self.config, "cache", None)
        if cache is None or self.config.getoption("collectonly"):
            return
        file = cache.mkdir("left-out") / "tests.txt"
        left_out = self.lacking(*FRAMEWORKS, DATA)
        file.unlink(missing_ok=True)
        if left_out:  # an empty file of arguments would be all tests
            file.write_text("".join(f"{name}\n" for name in left_out), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.reasons:
            return
        terminalreporter.section("not run")
        for library in FRAMEWORKS:
            if left_out := self.lacking(library):
                terminalreporter.line(f"{library} is not installed: {count(left_out)}")
        for need in (DATA, GPU):
            if left_out := self.lacking(need):
                terminalreporter.line(f"{need} is missing: {count(left_out)}")
                for name in left_out:
                    terminalreporter.line(f"    {name}")
        for name, reason in self.reasons.items():
            if not needs_of(reason):
                terminalreporter.line(f"{name}: {reason}")
        if self.config.getoption("--every-framework") and self.lacking(*FRAMEWORKS):
            terminalreporter.line("--every-framework: tests were skipped for want of a framework", red=True)
