"""The gate: what it takes for a report to begin."""

import sys

import pytest

from benchmarks import contract


def saying(*lines: str, code: int = 0) -> tuple[str, ...]:
    """A command that says these lines."""
    return (sys.executable, "-c", f"print({chr(10).join(lines)!r}); raise SystemExit({code})")


@pytest.mark.parametrize("last", ["860 passed in 14.74s", "== 3 passed, 1 skipped in 0.10s =="])
def test_a_passing_contract_gives_the_line_that_counts_its_tests(last):
    assert contract.check(saying("2 workers [3 items]", "...", last)) == last.strip("= ")


def test_the_count_is_found_where_another_line_follows_it():
    command = (sys.executable, "-c", "import sys; print('3 passed in 1s'); print('slow', file=sys.stderr)")
    assert contract.check(command) == "3 passed in 1s"


def test_a_failing_contract_tells_the_end_of_what_it_said():
    with pytest.raises(contract.ContractBroken, match=r"1 failed, 2 passed\n\n.* no report"):
        contract.check(saying("1 failed, 2 passed", code=1))


def test_a_contract_that_counts_nothing_has_not_passed():
    with pytest.raises(contract.ContractBroken, match="no tests ran"):
        contract.check(saying("no tests ran in 0.01s"))
