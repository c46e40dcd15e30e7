"""What a stranger finds beside the code: versions of Python that agree, and the files that a published project has."""

import re
import tomllib

import yaml
from paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def workflow_jobs() -> dict:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]


def pythons(job: dict) -> list[str]:
    """The versions of Python that a job runs with."""
    if "strategy" in job:
        return job["strategy"]["matrix"]["python"]
    return [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]


def test_the_workflow_runs_every_python_that_the_classifiers_name():
    last = [text.rpartition(" :: ")[2] for text in PYPROJECT["project"]["classifiers"]]
    named = [text for text in last if re.fullmatch(r"3\.\d+", text)]
    jobs = workflow_jobs()
    assert pythons(jobs["linux"]) == named
    assert all(set(pythons(job)) <= set(named) for job in jobs.values())


def test_the_oldest_python_is_the_same_everywhere():
    oldest = pythons(workflow_jobs()["linux"])[0]
    tools = PYPROJECT["tool"]
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert tools["mypy"]["python_version"] == oldest
    assert tools["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert all(pythons(job)[0] == oldest for job in workflow_jobs().values())


def test_the_workflow_runs_the_commands_that_contributing_gives_without_make():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("Without make")[1].split("```")[1]
    given = {line.removeprefix(".venv/bin/") for line in page.splitlines() if line.startswith(".venv/bin/")}
    steps = [step["run"] for step in workflow_jobs()["without-make"]["steps"] if "run" in step]
    assert len(steps) > 1
    assert set(steps) <= given


def test_the_source_distribution_has_every_file_that_a_page_of_the_root_links_to():
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    pages = [ROOT / name for name in included if name.endswith(".md")]
    links = {link for page in pages for link in re.findall(r"\]\(([\w.-]+)[)#]", page.read_text(encoding="utf-8"))}
    assert sorted(link for link in links if link not in included) == []
    assert [name for name in included if not (ROOT / name).exists()] == []


def test_the_source_distribution_has_the_workflow_that_tests_read():
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert WORKFLOW.relative_to(ROOT).parts[0] in included
