"""The command: what it can be asked, how it refuses, and that nothing is measured before the contract holds."""

import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import contract
from benchmarks.arguments import matching
from benchmarks.endurance import run as endurance
from benchmarks.endurance.families import FAMILIES
from benchmarks.quality import (
    crop_encoder,
    curves,
    encoder,
    fewest,
    photographs,
    rates,
    recovery,
    refinement,
    second_order,
    starts,
    variants,
)
from benchmarks.speed.against import run as against
from benchmarks.speed.histograms import run as histograms
from benchmarks.speed.mixtures import run as mixtures
from benchmarks.speed.moments import run as moments
from benchmarks.speed.render import run as render
from benchmarks.speed.spots import run as spots


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """What was to be measured; nothing is."""
    calls: list[tuple] = []
    for module in (
        render,
        mixtures,
        histograms,
        moments,
        spots,
        against,
        endurance,
        crop_encoder,
        encoder,
        variants,
        refinement,
        recovery,
        photographs,
        second_order,
        fewest,
        curves,
        rates,
        starts,
    ):
        name = module.__name__.removeprefix("benchmarks.")
        monkeypatch.setattr(module, "report_on", lambda *given, name=name: calls.append((name, *given)) or 0)
    monkeypatch.setattr(contract, "check", lambda: "3 passed")
    return calls


@pytest.fixture
def digits(tmp_path):
    file = tmp_path / "digits.npy"
    file.touch()
    return str(file)


def test_a_failing_contract_stops_the_command_before_anything_is_measured(monkeypatch, capsys):
    failing = (sys.executable, "-c", "print('1 failed'); raise SystemExit(1)")
    check = contract.check
    monkeypatch.setattr(contract, "check", lambda: check(failing))
    monkeypatch.setattr(mixtures, "report_on", lambda *_: pytest.fail("measured although the contract is broken"))
    assert command.main(["speed", "mixtures"]) == 1
    assert "1 failed" in capsys.readouterr().err


def test_speed_alone_measures_all_of_its_subjects_by_their_defaults(asked):
    assert command.main(["speed"]) == 0
    (first, options, line), *others = asked
    assert (first, str(options.output), options.names[0], options.docs, line) == (
        "speed.render.run", "benchmark-report", "yardstick-forward", False, "3 passed",
    )  # fmt: skip
    usual = [(f"speed.{name}.run", 5.0, False) for name in ("mixtures", "histograms", "moments")]
    assert others == [*usual, ("speed.spots.run", 1000, False)]


def test_speed_against_another_state_passes_its_exit_code_on(asked, monkeypatch, tmp_path):
    (tmp_path / "gaussgrad").mkdir()
    (tmp_path / "gaussgrad" / "__init__.py").touch()
    monkeypatch.setattr(against, "report_on", lambda *given: asked.append(given) or 1)
    assert command.main(["speed", "--against", str(tmp_path), "--only", "mixture*", "--seconds", "2"]) == 1
    ((source, names, seconds),) = asked
    assert (source, seconds) == (tmp_path.resolve(), 2.0)
    assert len(names) == 2
    assert all(name.startswith("mixture") for name in names)


def test_the_subjects_of_quality_get_what_was_asked(asked, digits, tmp_path):
    command.main(["quality", "encoder", digits, "-o", str(tmp_path / "new"), "--seeds", "4", "--only", "ten points"])
    settings = ["-n", "9", "--size", "32", "--minutes", "0.5", "--seeds", "4", "--docs"]
    command.main(["quality", "encoder", digits, digits, "--test", digits, "-o", str(tmp_path / "new"), *settings])
    command.main(["quality", "variants", digits, "-o", str(tmp_path / "new"), "--epochs", "1"])
    command.main(["quality", "refinement", digits, "--images", digits, digits, "-n", "40"])
    command.main(["quality", "recovery", "--scenes", "2", "--only", "recover"])
    command.main(["quality", "fit", digits, digits, "-n", "5", "-n", "9", "--seconds", "0.5", "--docs"])
    command.main(["quality", "fit", digits])
    command.main(["quality", "curves", "-o", str(tmp_path / "new"), "--seconds", "3"])
    command.main(["quality", "second-order", digits, "-n", "7", "--seconds", "2", "--docs"])
    command.main(["quality", "fewest", digits, "--psnr", "30"])
    command.main(["quality", "rate", digits, "-n", "5", "--steps", "7", "--figure", "a.png", "--docs"])
    command.main(["quality", "rate", digits])
    command.main(["quality", "starts", "--spots", "9", "--docs"])
    paths = (type(tmp_path)(digits), tmp_path / "new")
    assert asked == [
        ("quality.encoder", *paths, [4], ["ten points"], None),
        ("quality.crop_encoder", [paths[0]] * 2, [paths[0]], paths[1], 9, 32, 0.5, [4], True),
        ("quality.variants", *paths, 1, []),
        ("quality.refinement", [paths[0]], [paths[0]] * 2, [40]),
        ("quality.recovery", 2, [0, 1, 2], ["recover"]),
        ("quality.photographs", [paths[0]] * 2, [5, 9], [0.5], True),
        ("quality.photographs", [paths[0]], [10_000], [10.0, 60.0], False),
        ("quality.curves", tmp_path / "new", [3.0]),
        ("quality.second_order", [paths[0]], 7, 2.0, True),
        ("quality.fewest", [paths[0]], 30.0, False),
        ("quality.rates", [paths[0]], [5], 7, type(tmp_path)("a.png"), True),
        ("quality.rates", [paths[0]], [500, 1000, 2000, 5000, 10_000, 20_000], 1000, None, False),
        ("quality.starts", 9, True),
    ]


def test_endurance_gets_what_was_asked(asked):
    command.main(["endurance", "--minutes", "2.5", "--seed", "7", "--only", "kills", "--attempt", "3"])
    command.main(["endurance", "--docs"])
    assert asked == [
        ("endurance.run", 2.5, 7, ["kills"], 3, False),
        ("endurance.run", 5.0, 0, list(FAMILIES), None, True),
    ]


@pytest.mark.parametrize(("arguments", "listed"), [
    ([], ("speed", "quality", "endurance")),
    (["speed"], ("render", "mixtures", "histograms", "moments", "--against")),
    (["quality"], ("encoder", "variants", "refinement", "recovery", "fit", "curves", "second-order", "fewest")),
])  # fmt: skip
def test_help_lists_what_there_is(arguments, listed, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.parse([*arguments, "--help"])
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert all(f"  {name}" in said for name in listed)


@pytest.mark.parametrize(("arguments", "told"), [
    ([], "required: ROOM"),
    (["sped"], "invalid choice: 'sped'"),
    (["quality"], "required: SUBJECT"),
    (["speed", "--against", "/nowhere"], "/nowhere holds no gaussgrad"),
    (["speed", "--only", "mix*"], "goes with --against"),
    (["speed", "render", "--only", "nothing"], "matches none of: yardstick-forward; "),
    (["speed", "render", "--docs", "--only", "memory"], "a whole run"),
    (["quality", "encoder", "/nowhere"], "/nowhere does not exist"),
    (["quality", "encoder", __file__, "-o", "tests"], "tests exists; name a new folder"),
    (["quality", "encoder", __file__, __file__, "-o", "new"], "--test IMAGE"),
    (["quality", "encoder", __file__, "-o", "new", "--only", "deconvolutional decoder"], "--decoder-seconds"),
    (["quality", "refinement", "--images", __file__], "name a RUN, or give -n"),
    (["endurance", "--minutes", "inf"], "--minutes must be a positive number"),
    (["endurance", "--only", "luck"], "invalid choice: 'luck'"),
    (["endurance", "--docs", "--only", "kills"], "--docs takes a whole run"),
    (["quality", "recovery", "--only", "luck"], "'luck' is none of: squared error; "),
])  # fmt: skip
def test_what_cannot_be_run_is_refused_in_one_line(arguments, told, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.parse(arguments)
    said = capsys.readouterr().err
    assert exit_.value.code == 2
    assert told in said
    assert said.count("\n") == 1


def test_patterns_choose_names_in_their_order():
    assert matching(["mem*", "a"], ("a", "b", "memory")) == ("a", "memory")
    assert matching(None, ("a", "b")) == ("a", "b")
