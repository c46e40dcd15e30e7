"""How time is taken: in turn, with a ratio per round."""

from benchmarks.speed import timing
from benchmarks.speed.spread import Spread


def test_ratios_are_taken_per_round_before_the_median():
    above, below = [1.0, 20.0, 3.0], [1.0, 10.0, 1.0]  # the machine was slow in the second round
    assert Spread.of(timing.ratios(above, below)) == Spread(2.0, 1.5, 2.5)


def test_two_calls_take_turns_and_each_goes_first_every_other_round(monkeypatch):
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(timing, "BLOCK_SECONDS", 0.0)
    order = []
    calls = [timing.Here(lambda name=name: order.append(name) or {}) for name in "ab"]
    first, second = timing.in_turn(*calls, seconds=0.0)
    assert len(first) == len(second) == timing.FEWEST_ROUNDS
    assert "".join(order[-2 * timing.FEWEST_ROUNDS :]) == "abbaabbaab"
