"""Ways to damage files, and settings that nobody means."""

import json
from pathlib import Path
from typing import Any

from benchmarks.endurance.draws import Random, pick

WORDS = (
    *("nan", "inf", "-inf", "-1", "0", "1e400", "9" * 400, str(2**70), str(10**9), "-0", "1e-320", "", " ", "[/b]"),
    *("[red]", "x", "None", "true", "../..", "=cmd|1!A0", "é" * 300, "0x10", "1_000", "１", "%s%n", "\n"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 10**400, 2**63, -(2**63), 1e308, float("nan"), float("inf"), "", "x", [], {}, [[]]),
    *("gaussgrad.run", [1] * 50, {"a": {}}, -0.0, 0.5, "é", "\u0000", 10**9),
)
NUMBERS = (0, 1, 127, 128, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def hostile_word(rng: Random) -> str:
    return pick(rng, WORDS)


def damage(rng: Random, path: Path) -> None:
    """Change a file in one of many ways."""
    content = path.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.7:
        path.write_text(json.dumps(_with_hostile_value(rng, json.loads(content))), encoding="utf-8")
        return
    path.write_bytes(
        pick(rng, (cut, turned, overwritten, inserted, removed, doubled, random, emptied, numbered))(rng, content)
    )


def _with_hostile_value(rng: Random, record: Any) -> Any:
    """One value of a record, at any depth, is another."""
    if isinstance(record, dict) and record and rng.random() < 0.9:
        name = pick(rng, list(record))
        if rng.random() < 0.1:
            return {key: value for key, value in record.items() if key != name}
        return {**record, name: _with_hostile_value(rng, record[name])}
    return pick(rng, VALUES)


def _place(rng: Random, content: bytes) -> int:
    """Anywhere, or near the beginning, where headers are."""
    reach = len(content) if rng.random() < 0.5 else min(len(content), 128)
    return int(rng.integers(max(1, reach)))


def cut(rng: Random, content: bytes) -> bytes:
    return content[: _place(rng, content)]


def turned(rng: Random, content: bytes) -> bytes:
    """Some bits changed."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        changed[_place(rng, content)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwritten(rng: Random, content: bytes) -> bytes:
    place = _place(rng, content)
    block = rng.bytes(int(rng.integers(1, 32)))
    return content[:place] + block + content[place + len(block) :]


def inserted(rng: Random, content: bytes) -> bytes:
    place = _place(rng, content)
    return content[:place] + pick(rng, (b"\0" * 16, b"\xff" * 4, b"[" * 1000, b"nan", rng.bytes(9))) + content[place:]


def removed(rng: Random, content: bytes) -> bytes:
    place = _place(rng, content)
    return content[:place] + content[place + int(rng.integers(1, 64)) :]


def doubled(rng: Random, content: bytes) -> bytes:
    return content + content


def random(rng: Random, content: bytes) -> bytes:
    return rng.bytes(int(rng.integers(0, 2000)))


def emptied(rng: Random, content: bytes) -> bytes:
    return b""


def numbered(rng: Random, content: bytes) -> bytes:
    """A number of two, four or eight bytes is an extreme one."""
    place, width = _place(rng, content), int(pick(rng, (2, 4, 8)))
    number = (pick(rng, NUMBERS) % 2 ** (8 * width)).to_bytes(width, str(pick(rng, ("little", "big"))))
    return content[:place] + number + content[place + width :]
