"""The benchmark of starts finds the same spots twice where they stand alone."""

from benchmarks.quality import starts


def test_spots_that_stand_alone_need_no_better_start():
    row = starts.measured(0.05, (3000.0, 5000.0), 1.0, spots=8, seed=0)
    assert len(row) == len(starts.COLUMNS)
    own, best, gain = row[3:6]
    assert float(own) > 0.9
    assert own == best
    assert gain == "+0.000 ± 0.000"
