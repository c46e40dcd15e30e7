"""The code of the documentation runs, each script alone, and prints what the page says; examples draw their picture."""

import contextlib
import doctest
import importlib
import io
import os
import re
import runpy
import sys
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fresh import in_fresh_process
from paths import ROOT
from PIL import Image

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
EXAMPLE_DATA = {"handwriting.py": "kanji_strokes.npz"}
"""The file of real data that an example takes; without it the example makes its own."""
EXAMPLE_OPTIONS = {
    "handwriting.py": ("--minutes", "0.03"),
    "keypoints.py": ("--steps", "5"),
    "one_dimension.py": ("--starts", "1", "--steps", "30"),
    "vae.py": ("--epochs", "1", "--samples", "5"),
}
"""What keeps an example short."""
ANSWER_LINES = 8
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; `follows` when only blank lines stand between it and the block before."""

    language: str
    code: str
    line: int  # of its first line of code, counted from 1
    heading: str
    follows: bool


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    fence, language, start, heading, follows = "", "", 0, "", False
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        opening = re.match(r"\s*(```+|~~~+)\s*(\w*)", line)
        if fence:
            if line.strip() == fence:
                code = "\n".join(lines[start - 1 : number - 1]) + "\n"
                found.append(Block(language, code, start, heading, follows))
                fence, follows = "", True
        elif opening:
            fence, language, start = opening[1], opening[2], number + 1
        elif line.strip():
            follows = False
            heading = line.lstrip("# ") if re.match(r"#+ ", line) else heading
    if fence:
        raise ValueError(f"the block before line {start} is never closed")
    return found


def run_page(text: str, name: str) -> int:
    """Run the Python blocks of a page and compare what they print; the number of blocks run.

    Each script runs alone, as a reader copies it; sessions go on from one to the next.
    """
    session: dict[str, Any] = {"__name__": "__main__"}
    page = blocks(text)
    count = 0
    for block, after in zip_longest(page, page[1:]):
        if block.language != "python":
            continue
        count += 1
        if missing := missing_frameworks(block.code):
            pytest.skip(f"{name}:{block.line} needs {', '.join(missing)}")
        if ">>>" in block.code:
            _run_session(block, session, name)
        else:
            printed = _run_script(block, name)
            if after is not None and after.language == "text" and after.follows:
                compare_output(printed, after.code, f"{name}:{after.line}")
    return count


def missing_frameworks(code: str) -> list[str]:
    """Frameworks that the code imports and that are not installed here."""
    named = re.findall(r"^\s*(?:import|from) (jax|keras|tensorflow)\b", code, flags=re.MULTILINE)
    return sorted({name for name in named if find_spec(name) is None})


def _run_script(block: Block, name: str) -> str:
    stdout = io.StringIO()
    padded = "\n" * (block.line - 1) + block.code  # so that a traceback shows the line of the page
    with contextlib.redirect_stdout(stdout):
        exec(compile(padded, name, "exec"), {"__name__": "__main__"})
    return stdout.getvalue()


def _run_session(block: Block, namespace: dict[str, Any], name: str) -> None:
    session = doctest.DocTestParser().get_doctest(block.code, namespace, name, name, block.line - 1)
    session.globs = namespace  # the parser copies it, but the next block goes on from here
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    if runner.run(session, out=report.write, clear_globs=False).failed:
        raise AssertionError(report.getvalue())


def compare_output(printed: str, expected: str, place: str) -> None:
    """Raise where the printed text is not the expected one, in which ... stands for anything."""
    if not doctest.OutputChecker().check_output(expected, printed, OPTIONS):
        raise AssertionError(f"{place} says\n{expected}but the code prints\n{printed}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_of_the_page_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert run_page(text, page.name) == len(re.findall(r"^\s*```+\s*python\b", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_of_the_page_lead_to_files(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"", text)
    relative = [link or image for link, image in targets if "://" not in link + image]
    assert [target for target in relative if not (page.parent / target).exists()] == []


def test_each_row_of_the_table_of_frameworks_draws():
    page = (ROOT / "docs/start.md").read_text(encoding="utf-8")
    calls = re.findall(r"^\| [\w ]+ \| `(.+?)` \| .+\|$", page, flags=re.MULTILINE)
    assert len(calls) == 5
    for call in calls:
        library = re.search(r"numpy|torch|jax|tensorflow|keras", call)[0]
        if find_spec(library) is None:
            pytest.skip(f"needs {library}")
        namespace = {name: importlib.import_module(name) for name in (library, "gaussgrad")}
        if library in ("jax", "keras"):
            importlib.import_module({"jax": "jax.numpy", "keras": "gaussgrad.layers.keras"}[library])
        drawn = eval(call, namespace)
        drawn = drawn(namespace["keras"].ops.zeros((1, 10, 2)))[0, ..., 0] if library == "keras" else drawn
        assert tuple(drawn.shape) == (64, 64)


@pytest.mark.parametrize("name", ["README.md", "docs/start.md"])
def test_first_answers_take_at_most_eight_lines(name):
    page = blocks((ROOT / name).read_text(encoding="utf-8"))
    answers = [block for block in page if block.language == "python"]
    lengths = {block.line: sum(1 for line in block.code.splitlines() if line.strip()) for block in answers}
    assert {line: length for line, length in lengths.items() if length > ANSWER_LINES} == {}


def test_the_readme_stays_under_150_lines():
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) < 150


def test_the_speed_that_the_readme_tells_stands_in_the_measured_tables():
    section = " ".join(PAGES[0].read_text(encoding="utf-8").partition("## How fast")[2].partition("##")[0].split())
    ours, other = re.search(r"take ([\d.]+ [µm]s) .+ takes ([\d.]+ ms)", section).groups()
    lines = (ROOT / "docs/performance.md").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if f"| {ours} | {other} |" in line]
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[1].startswith("1,000 Gaussians")
    assert cells[2].startswith("forward + backward, torch autograd")
    assert cells[3] == "dense PyTorch, torch.compile"


def test_the_picture_of_the_readme_shows_what_its_lines_make(tmp_path):
    script = runpy.run_path(str(ROOT / "docs/pictures/five_lines.py"))
    script["draw"](tmp_path / "picture.png")
    kept, drawn = (
        np.asarray(Image.open(path).convert("RGB"), float) for path in (script["PICTURE"], tmp_path / "picture.png")
    )
    assert kept.shape == drawn.shape
    assert np.abs(kept - drawn).mean() < 2  # fonts differ between versions


def cited_equations(code: str) -> list[tuple[str, int]]:
    """(page, number) of every equation cited as "docs/page.md, equations 1, 3 to 5 and 7"."""
    found = []
    citation = r"docs/(\w+\.md), equations? ((?:M?\d+(?:, | and | to |-)?)+)"
    for page, numbers in re.findall(citation, " ".join(code.split())):
        for first, last in re.findall(r"M?(\d+)(?:(?: to |-)M?(\d+))?", numbers):
            found += [(page, number) for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_equation_the_code_cites_stands_in_the_docs():
    cited = {equation for path in (ROOT / "src").rglob("*.py") for equation in cited_equations(path.read_text("utf-8"))}
    tags = {
        (page.name, int(number))
        for page in PAGES
        for number in re.findall(r"\\tag\{M?(\d+)\}", page.read_text("utf-8"))
    }
    assert cited
    assert sorted(cited - tags) == []


def test_citations_of_equations_are_read_as_written():
    code = "docs/a.md, equation 7. docs/b.md,\n    equations 1, 3 to 5 and 9; docs/c.md, equations M2 to M3."
    numbers = [("a.md", 7), *(("b.md", number) for number in (1, 3, 4, 5, 9)), ("c.md", 2), ("c.md", 3)]
    assert cited_equations(code) == numbers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_equations_of_the_page_are_numbered_upwards(page):
    numbers = [int(number) for number in re.findall(r"\\tag\{M?(\d+)\}", page.read_text("utf-8"))]
    assert numbers == sorted(set(numbers))


@pytest.mark.long
@pytest.mark.parametrize(
    ("example", "with_data"),
    [
        pytest.param(example, with_data, id=example.name + " DATA" * with_data)
        for example in EXAMPLES
        for with_data in (False, True)[: 1 + (example.name in EXAMPLE_DATA)]
    ],
)
def test_example_ends_and_leaves_the_picture_it_promises(example, with_data, tmp_path, request):
    if missing := missing_frameworks(example.read_text(encoding="utf-8")):
        pytest.skip(f"needs {', '.join(missing)}")
    promises_picture = "--output" in example.read_text(encoding="utf-8")
    picture = tmp_path / "picture.png"
    arguments = ["-o", str(picture)] if promises_picture else []
    if with_data:
        arguments.append(str(request.getfixturevalue("data_file")(EXAMPLE_DATA[example.name])))
    arguments += EXAMPLE_OPTIONS.get(example.name, ())
    printed = in_fresh_process(run_example, example, arguments, tmp_path)
    if promises_picture:
        compare_picture_has_content(picture)
    else:
        assert printed.strip()


def test_first_draws_a_picture_of_yours(tmp_path):
    yours, picture = ROOT / "docs" / "pictures" / "samples.png", tmp_path / "picture.png"
    arguments = [str(yours), "-o", str(picture), "--steps", "1"]
    printed = in_fresh_process(run_example, ROOT / "examples" / "first.py", arguments, tmp_path)
    assert "of the variance of the picture" in printed
    compare_picture_has_content(picture)


def run_example(example: Path, arguments: list[str], folder: Path) -> str:
    """What a script prints that is called in a folder, in a process where warnings are errors."""
    warnings.simplefilter("error")
    os.chdir(folder)
    sys.argv = [str(example), *arguments]
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        runpy.run_path(str(example), run_name="__main__")
    return stdout.getvalue()


def compare_picture_has_content(path: Path) -> None:
    """Raise where the file is no readable picture, or one of a single colour."""
    with Image.open(path) as picture:
        darkest_and_brightest = picture.convert("L").getextrema()
    assert darkest_and_brightest[0] < darkest_and_brightest[1]


PAGE = """
# A page
```python
x = 2
print(x + 1)
```

```text
{}
```
Between.
```python
>>> 2 * 10
{}
```
"""


def test_a_page_whose_output_is_right_passes():
    assert run_page(PAGE.format(3, 20), "page.md") == 2


@pytest.mark.parametrize(("printed", "shown"), [(4, 20), (3, 21)])
def test_a_page_whose_output_is_wrong_fails(printed, shown):
    with pytest.raises(AssertionError, match="page"):
        run_page(PAGE.format(printed, shown), "page.md")


def test_a_script_that_needs_the_one_before_fails():
    with pytest.raises(NameError, match="'x' is not defined"):
        run_page(PAGE.format(3, 20) + "```python\nprint(x)\n```\n", "page.md")


def test_an_error_on_a_page_is_reported_with_its_line():
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("\n\n```python\n1 / 0\n```\n", "page.md")
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == ("page.md", 4)
