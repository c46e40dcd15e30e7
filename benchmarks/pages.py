"""The pages of docs/ that show what was measured: text between two marks."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def write(page: Path, name: str, text: str) -> None:
    """Put text between the lines `<!-- name -->` and `<!-- end of name -->` of a page."""
    whole = page.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not marked.search(whole):
        raise ValueError(f"{page.name} has no marks for {name!r}: the lines <!-- {name} --> and <!-- end of {name} -->")
    page.write_text(marked.sub(lambda match: f"{match[1]}\n{text.strip()}\n\n{match[2]}", whole), encoding="utf-8")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))
