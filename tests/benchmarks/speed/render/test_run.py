"""A run: what it records of itself, and what it does where a measurement fails."""

from benchmarks.__main__ import parse
from benchmarks.speed.render import alone, names, run


def test_names_of_measurements_are_unique():
    assert len(set(names.MEASURED)) == len(names.MEASURED)


def test_a_measurement_that_fails_is_named_with_its_reason(monkeypatch):
    def fails(threads, seconds):
        raise RuntimeError("no room left")

    monkeypatch.setitem(alone.MEASUREMENTS, "memory", fails)
    (figure,) = run.measure_alone("memory", threads=1, seconds=0.0)
    assert (figure.name, figure.verdict, figure.reason) == ("memory", "not measured", "RuntimeError: no room left")


def test_the_command_of_the_report_tells_no_folder_of_this_machine(tmp_path):
    folders = ["-o", "/a/b", "--yardstick", str(tmp_path), "--install-peers", "/d"]
    options = parse(["speed", "render", *folders, "--only", "mem*", "--seconds", "2"])
    expected = (
        "python -m benchmarks speed render -o FOLDER --yardstick FOLDER --install-peers --only 'mem*' --seconds 2"
    )
    assert run.command(options) == expected
