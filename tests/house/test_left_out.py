"""What a run leaves out is counted once, written down for a later run, and refused where everything should be there."""

import left_out
import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.parametrize("value", ["a b", "c"])
def test_needs_a_framework(value):
    pytest.skip("page.md:3 needs fictional, other")

def test_needs_data():
    pytest.skip("needs real data: pass --data=FOLDER")

@pytest.mark.gpu
def test_needs_a_gpu():
    raise AssertionError

def test_another_system():
    pytest.skip("this system does not fork")
"""
LEFT_OUT = [
    "library/late.py",
    "library/later.py",
    "test_all.py",
    "test_some.py::test_needs_a_framework[a b]",
    "test_some.py::test_needs_a_framework[c]",
    "test_some.py::test_needs_data",
]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with tests of every kind, and a framework that nobody has."""
    monkeypatch.setattr(left_out, "FRAMEWORKS", ("fictional",))
    monkeypatch.setattr(left_out, "MODULES", {"fictional": ("library",)})
    monkeypatch.setattr(left_out, "_has_gpu", lambda: False)
    pytester.makeconftest('pytest_plugins = ["left_out"]')
    pytester.makeini("[pytest]\naddopts = --doctest-modules --import-mode=importlib\nmarkers = gpu")
    pytester.makepyfile(test_some=TESTS, test_all="import pytest\npytest.importorskip('fictional')\n")
    library = pytester.mkdir("library")
    for name in ("late.py", "later.py"):
        (library / name).write_text("import fictional\n")
    return pytester


def written(project: pytest.Pytester) -> list[str]:
    return (project.path / ".pytest_cache/d/left-out/tests.txt").read_text().splitlines()


def test_a_run_counts_what_it_leaves_out_and_writes_it_down(project: pytest.Pytester):
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=1, skipped=8)
    result.stdout.fnmatch_lines(
        [
            "fictional is not installed: 2 tests and all of 3 files",
            "real data is missing: 1 test",
            "a GPU is missing: 1 test",
            "    test_some.py::test_needs_a_gpu",
            "test_some.py::test_another_system: Skipped: this system does not fork",
        ]
    )
    assert written(project) == LEFT_OUT


def test_workers_report_what_they_leave_out(project: pytest.Pytester):
    project.makeconftest(
        'pytest_plugins = ["left_out"]\nimport left_out\nleft_out.FRAMEWORKS = ("fictional",)\n'
        'left_out.MODULES = {"fictional": ("library",)}\nleft_out._has_gpu = lambda: False\n'
    )
    project.runpytest_inprocess("-n2").assert_outcomes(passed=1, skipped=8)
    assert written(project) == LEFT_OUT


def test_the_file_gives_a_later_run_what_an_earlier_one_left_out(project: pytest.Pytester):
    project.runpytest_inprocess()
    (project.path / "fictional.py").touch()
    project.syspathinsert()
    result = project.runpytest_inprocess("@.pytest_cache/d/left-out/tests.txt", "--every-framework")
    result.assert_outcomes(skipped=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED  # for its tests are skipped all the same
    result.stdout.fnmatch_lines(["fictional is not installed: 2 tests", "--every-framework: *"])


def test_a_run_that_should_have_everything_refuses_to_start_without(project: pytest.Pytester):
    for option, said in (
        ("--every-framework", "fictional cannot be imported"),
        ("--data=nowhere", "no folder nowhere"),
    ):
        result = project.runpytest_inprocess(option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{option.partition('=')[0]}: *{said}*"])
