"""Pages of docs/ take what was measured between their marks."""

import pytest

from benchmarks import pages
from benchmarks.speed.device import run as device
from benchmarks.speed.mixtures import run as mixtures
from benchmarks.speed.render import run as render


def test_a_text_replaces_what_stands_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- speed -->\nold\n<!-- end of speed -->\nafter\n", encoding="utf-8")
    pages.write(page, "speed", "new \\1\n")
    expected = "before\n<!-- speed -->\n\nnew \\1\n\n<!-- end of speed -->\nafter\n"
    assert page.read_text(encoding="utf-8") == expected
    with pytest.raises(ValueError, match=r"page\.md has no marks for 'digits'"):
        pages.write(page, "digits", "new")


@pytest.mark.parametrize(("page", "names"), [
    (render.PAGE, ["figures"]), (mixtures.PAGE, ["digits", "bias", "speed"]), (device.PAGE, ["device"]),
])  # fmt: skip
def test_the_pages_of_the_docs_have_the_marks(page, names):
    text = page.read_text(encoding="utf-8")
    for name in names:
        assert text.index(f"<!-- {name} -->\n") < text.index(f"<!-- end of {name} -->\n")
