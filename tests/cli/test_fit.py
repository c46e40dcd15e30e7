"""gaussgrad fit: a photograph becomes a file and a picture, and what stops it on the way loses little."""

import itertools
import json
import signal

import numpy as np
import pytest
from PIL import Image

from gaussgrad import Picture, cli, metrics
from gaussgrad.files.images import read_image, write_image
from gaussgrad.fitting.photographs import checkpoints
from gaussgrad.fitting.sessions import photograph as session

SIZE = (24, 32)
QUICK = ("-n", 12, "--steps", 24)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a photograph."""
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / max(SIZE)
    write_image("photo.png", np.stack((x, 0.5 + 0.4 * np.sin(9 * y), x * y)))
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def numbers(path):
    held = Picture.load(path).gaussians
    return np.concatenate((held.means, held.cholesky, held.weights), axis=1)


def test_a_photograph_becomes_a_file_and_a_picture(call, folder):
    code, out, err = call("fit", "photo.png", *QUICK, "-o", "photo.gauss")
    assert (code, err) == (0, "")
    assert names(folder) == ["photo.fit.png", "photo.gauss", "photo.png"]
    picture = Picture.load("photo.gauss")
    psnr = metrics.psnr(read_image("photo.png"), picture.render())
    assert psnr == pytest.approx(picture.fit_psnr, abs=1e-3)
    assert (picture.size, picture.n, picture.sample_type) == (SIZE, 12, "uint8")
    ssim = metrics.ssim(read_image("photo.png"), picture.render())
    assert ssim == pytest.approx(picture.fit_ssim, abs=1e-5)
    seconds = f"0.{out.split(' s: PSNR')[0][-1]}"
    assert f"12 Gaussians after 24 steps and {seconds} s: PSNR {psnr:.2f} dB, SSIM {ssim:.3f}." in out
    assert f"photo.gauss: {(folder / 'photo.gauss').stat().st_size:,} bytes" in out
    assert "100%: " in out


def test_the_fewest_gaussians_that_reach_a_psnr_are_found(call, folder):
    code, out, err = call("fit", "photo.png", "--psnr", 17, "--steps", 24, "-o", "a.gauss", "--animate", "a.gif")
    assert (code, err) == (0, "")
    picture = Picture.load("a.gauss")
    assert 17 <= picture.fit_psnr <= 17.2
    assert f"{SIZE[0]} x {SIZE[1]}, the fewest Gaussians that reach 17 dB." in out
    assert "100%: " in out
    assert ", trial 2\n" in out
    assert f"{picture.n} Gaussians after" in out
    with Image.open("a.gif") as animation:
        assert animation.n_frames <= 25  # of the last trial alone


def test_a_psnr_that_is_not_reached_is_told(call, folder):
    assert "90 dB were not reached: give more" in call("fit", "photo.png", *QUICK, "--psnr", 90, "-o", "a.gauss")[1]
    assert "not reached" not in call("fit", "photo.png", *QUICK, "--psnr", 5, "-o", "b.gauss")[1]


def test_options_come_to_the_fit(call, folder):
    options = ("--non-negative", "--narrowest", 3, "--seed", 5)
    assert call("fit", "photo.png", "-n", 12, "--psnr", 12, *options, "-o", "a.gauss")[0] == 0
    picture = Picture.load("a.gauss")
    assert picture.gaussians.weights.min() >= 0
    assert 12 <= picture.fit_psnr < 20
    factors = np.zeros((picture.n, 2, 2))
    factors[:, [0, 1, 1], [0, 0, 1]] = picture.gaussians.cholesky
    assert np.linalg.svd(factors, compute_uv=False).min() > 2.999
    assert call("fit", "photo.png", *QUICK, "--seed", 6, "-o", "b.gauss")[0] == 0
    assert call("fit", "photo.png", *QUICK, "-o", "c.gauss")[0] == 0
    assert not np.array_equal(numbers("b.gauss"), numbers("c.gauss"))


def test_a_compact_fit_is_the_one_in_its_file(call, folder):
    code, out, _ = call("fit", "photo.png", *QUICK, "--compact", "-o", "a.gauss")
    assert code == 0
    picture = Picture.load("a.gauss")
    psnr = metrics.psnr(read_image("photo.png"), picture.render())
    assert psnr == pytest.approx(picture.fit_psnr, abs=1e-3)
    assert (picture.rounding_psnr, picture.steps is None) == (None, False)
    assert f"after 224 steps and {out.split(' and ')[1].split(' s: ')[0]} s: PSNR {psnr:.2f} dB (" in out
    assert " dB before rounding), SSIM 0." in out
    _, told, _ = call("info", "a.gauss")
    assert f"PSNR {psnr:.2f} dB, SSIM {picture.fit_ssim:.3f}\n" in told


def test_without_an_image_it_takes_a_photograph_that_is_there(call, folder):
    code, out, _ = call("fit", "-n", 5, "--steps", 1, "-o", "china.gauss")
    assert code == 0
    assert out.startswith("china.jpg of scikit-learn: 427 x 640, 5 Gaussians.\n")


def test_what_is_masked_transparent_or_nan_counts_for_nothing(call, folder):
    image = 0.8 * read_image("photo.png")
    known = np.arange(SIZE[1]) < 20
    image[:, :, ~known] = 1.0
    write_image("bright.tif", image)
    write_image("mask.png", np.broadcast_to(known, (1, *SIZE)).astype(np.float32))
    np.save("nan.npy", np.where(known, image, np.nan))
    write_image("clear.tif", np.concatenate((image, np.broadcast_to(known, (1, *SIZE)))))
    assert call("fit", "bright.tif", "--mask", "mask.png", *QUICK, "-o", "a.gauss")[0] == 0
    assert call("fit", "nan.npy", *QUICK, "-o", "b.gauss")[0] == 0
    assert call("fit", "clear.tif", *QUICK, "-o", "c.gauss")[0] == 0
    assert call("fit", "bright.tif", *QUICK, "-o", "d.gauss")[0] == 0
    np.testing.assert_array_equal(numbers("a.gauss"), numbers("b.gauss"))
    np.testing.assert_array_equal(numbers("a.gauss"), numbers("c.gauss"))
    assert Picture.load("a.gauss").fit_psnr > Picture.load("d.gauss").fit_psnr + 3
    assert Picture.load("a.gauss").render()[:, :, 25:].max() < 0.95


def frames(path):
    with Image.open(path) as file:
        return file.n_frames


@pytest.fixture
def at_step(monkeypatch):
    """A function that does something before a step of the next fit, at one of its visits; each step is kept."""
    seen, kept_every = session.Watch.__call__, session.KEPT_EVERY

    def at(step, action, visit=1):
        monkeypatch.setattr(session, "KEPT_EVERY", kept_every if step is None else 0.0)
        visits = itertools.count(1)

        def watched(self, moment):
            if moment.step == step and next(visits) == visit:
                action()
            seen(self, moment)

        monkeypatch.setattr(session.Watch, "__call__", watched)

    return at


def test_an_animation_shows_the_way_and_after_resume_the_rest(call, folder, at_step):
    at_step(15, lambda: signal.raise_signal(signal.SIGINT))
    assert call("fit", "photo.png", *QUICK, "-o", "a.gauss", "--animate", "a.gif")[0] == 130
    at_step(None, None)
    code, out, _ = call("fit", "-o", "a.gauss", "--resume", "--animate", "rest.gif")
    assert code == 0
    assert "rest.gif shows the way." in out
    assert (frames("a.gif"), frames("rest.gif")) == (16, 10)  # steps 0 to 14 and 15 to 23, and the end
    code, _, err = call("fit", "photo.png", *QUICK, "-o", "b.gauss", "--animate", "a.gif")
    assert (code, err.startswith("gaussgrad: a.gif exists already.")) == (2, True)


class Killed(BaseException):
    """What no one catches."""


def killed():
    raise Killed


def test_ctrl_c_keeps_what_is_reached_and_resume_ends_it(call, folder, at_step):
    at_step(15, lambda: signal.raise_signal(signal.SIGINT))
    code, out, _ = call("fit", "photo.png", *QUICK, "-o", "a.gauss")
    assert code == 130
    assert "after 15 steps" in out
    assert "Interrupted. Go on with: gaussgrad fit -o a.gauss --resume" in out
    assert names(folder) == ["a.fit.png", "a.gauss", "a.gauss.part", "photo.png"]
    before = Picture.load("a.gauss")
    np.testing.assert_array_equal(checkpoints.read(folder / "a.gauss.part").picture.render(), before.render())
    at_step(None, None)
    code, out, _ = call("fit", "-o", "a.gauss", "--resume", "-n", 12)
    assert code == 0
    assert "after 24 steps" in out
    assert names(folder) == ["a.fit.png", "a.gauss", "photo.png"]
    assert Picture.load("a.gauss").fit_psnr > before.fit_psnr


def test_ctrl_c_while_numbers_are_rounded_keeps_what_is_reached_too(call, folder, at_step):
    at_step(124, lambda: signal.raise_signal(signal.SIGINT))
    code, out, _ = call("fit", "photo.png", *QUICK, "--compact", "-o", "a.gauss")
    assert code == 130
    assert "after 124 steps" in out
    assert Picture.load("a.gauss").steps is not None
    at_step(None, None)
    assert call("fit", "-o", "a.gauss", "--resume")[0] == 0
    picture = Picture.load("a.gauss")
    assert picture.fit_psnr == pytest.approx(metrics.psnr(read_image("photo.png"), picture.render()), abs=1e-3)


def test_what_is_killed_goes_on_from_its_last_checkpoint(call, folder, at_step):
    at_step(15, killed)
    with pytest.raises(Killed):
        cli.main(["fit", "photo.png", *map(str, QUICK), "-o", "a.gauss"])
    assert names(folder) == ["a.gauss.part", "photo.png"]
    assert checkpoints.read(folder / "a.gauss.part").moment.step == 14
    for output in ("a.gauss", "a.fit.png", "a.gauss.part"):
        (folder / f".partial-0123abcd-{output}").touch()  # as one killed in the middle of writing leaves it
    steps = []
    at_step(15, lambda: steps.append(15))
    assert call("fit", "-o", "a.gauss", "--resume")[0] == 0
    assert steps == [15]
    assert names(folder) == ["a.fit.png", "a.gauss", "photo.png"]


STOPPED = {  # options, and the steps before which processes are stopped, with the visits: growth draws once more
    "growing": (("-n", 30, "--steps", 60, "--mask", "mask.png"), ((3, 1), (18, 2), (19, 1))),
    "rounding": ((*QUICK, "--compact", "--non-negative"), ((24, 2), (25, 1), (124, 1))),
    "to a PSNR": (("-n", 40, "--psnr", 35), ((30, 1), (33, 1))),
    "the fewest": (("--psnr", 20, "--steps", 24, "--compact"), ((15, 2), (10, 1), (99, 1))),
}


@pytest.mark.parametrize("case", STOPPED)
def test_what_is_stopped_however_often_leaves_the_bytes_of_what_nobody_stopped(call, folder, at_step, case):
    options, stops = STOPPED[case]
    write_image("mask.png", (np.indices(SIZE).sum(axis=0) % 9 > 1)[None].astype(np.float32))
    assert call("fit", "photo.png", *options, "-o", "whole.gauss")[0] == 0
    arguments = ("photo.png", *options)
    for number, (step, visit) in enumerate(stops):
        at_step(step, killed if number else lambda: signal.raise_signal(signal.SIGINT), visit)
        if number:
            with pytest.raises(Killed):
                cli.main(["fit", *map(str, arguments), "-o", "a.gauss"])
        else:
            assert call("fit", *arguments, "-o", "a.gauss")[0] == 130
        arguments = ("--resume",)
    at_step(None, None)
    assert call("fit", "-o", "a.gauss", "--resume")[0] == 0
    for suffix in (".gauss", ".fit.png"):
        assert (folder / f"a{suffix}").read_bytes() == (folder / f"whole{suffix}").read_bytes()
    assert not (folder / "a.gauss.part").exists()


def half(folder, at_step):
    """The text and the arrays in the checkpoint of a fit that is killed before its step 15."""
    at_step(15, killed)
    with pytest.raises(Killed):
        cli.main(["fit", "photo.png", *map(str, QUICK), "-o", "a.gauss"])
    at_step(None, None)
    with np.load(folder / "a.gauss.part") as archive:
        members = dict(archive)
    return str(members.pop("text")), members


def replaced(path, record, members):
    with path.open("wb") as file:
        np.savez(file, text=json.dumps(record), **members)


def test_the_checkpoint_of_an_earlier_version_goes_on(call, folder, at_step):
    text, members = half(folder, at_step)
    record = json.loads(text)
    record.pop("state")
    record["moment"].pop("progress")
    earlier = {name: members[name] for name in ("means", "cholesky", "weights", "background")}
    replaced(folder / "a.gauss.part", record, earlier)
    steps = []
    at_step(14, lambda: steps.append(14))
    code, out, _ = call("fit", "-o", "a.gauss", "--resume")
    assert (code, steps) == (0, [14])
    assert "12 Gaussians after 24 steps" in out


def test_a_damaged_state_is_refused_in_one_sentence(call, folder, at_step):
    text, members = half(folder, at_step)
    for damage in ("ages", "second", "generator", "stage"):
        damaged, record = dict(members), json.loads(text)
        if damage in members:
            damaged[damage] = members[damage][:-1]
        elif damage == "generator":
            record["state"][damage]["state"].pop("inc")
        else:
            record["state"].pop(damage)
        replaced(folder / "a.gauss.part", record, damaged)
        code, _, err = call("fit", "-o", "a.gauss", "--resume")
        assert (code, err.count("\n")) == (2, 1)
        assert "a.gauss.part cannot be read as an unfinished fit (" in err


REFUSED = {
    "not an image": (["notes.txt"], "notes.txt cannot be read as an image"),
    "no such image": (["none.png"], "none.png: No such file"),
    "whole numbers": (["deep.tif"], "must be of unsigned integers of 8 or 16 bits, or of floats; got int32"),
    "nothing known": (["nan.tif"], "nan.tif must be an image with at least one known pixel; got none"),
    "infinite": (["infinite.npy"], "must be finite, or NaN where a pixel is unknown; got an infinite number"),
    "no Gaussians": (["photo.png", "-n", 0], "'-n': Input should be greater than or equal to 1"),
    "NaN seconds": (["photo.png", "--seconds", "nan"], "'--seconds': Input should be greater than or equal to 0"),
    "NaN narrowest": (["photo.png", "--narrowest", "nan"], "'--narrowest': Input should be greater than or equal to 0"),
    "NaN psnr": (["photo.png", "--psnr", "nan"], "psnr must be a number of dB; got nan"),
    "suffix": (["photo.png", "-o", "a.png"], "--output must be a file ending in .gauss; got a.png"),
    "folder": (["photo.png", "-o", "none/a.gauss"], "none for the output a.gauss does not exist"),
    "output": (["photo.png", "-o", "there.gauss"], "there.gauss exists already"),
    "picture": (["photo.png", "-o", "shown.gauss"], "shown.fit.png exists already"),
    "unfinished": (["photo.png", "-o", "half.gauss"], "half.gauss.part holds an unfinished fit. Go on with --resume"),
    "nothing to resume": (["--resume"], "a.gauss.part does not exist: there is no fit to go on with"),
    "damaged": (["-o", "half.gauss", "--resume"], "half.gauss.part cannot be read as an unfinished fit"),
    "animation": (["photo.png", "--animate", "a.mp4"], "--animate must be a file ending in .gif or .webp; got a.mp4"),
    "animation there": (["photo.png", "--animate", "there.gif"], "there.gif exists already"),
    "mask": (["photo.png", "--mask", "half.gauss.part"], "half.gauss.part cannot be read as an image"),
    "itself": (["shown.fit.png", "-o", "shown.gauss", "--overwrite"], "is not IMAGE itself; got shown.gauss"),
    "both": (["--resume", "--overwrite"], "--overwrite must be left out with --resume"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_user_can_mend_is_one_line_before_any_work(call, folder, monkeypatch, kind):
    monkeypatch.setattr(session, "_fit", lambda *_: pytest.fail("work began"))
    for name in ("notes.txt", "there.gauss", "there.gif", "shown.fit.png", "half.gauss.part"):
        (folder / name).write_text("something")
    Image.fromarray(np.ones(SIZE, np.int32)).save("deep.tif")
    Image.fromarray(np.full(SIZE, np.nan, np.float32)).save("nan.tif")
    np.save("infinite.npy", np.full(SIZE, np.inf))
    before = names(folder)
    arguments, words = REFUSED[kind]
    output = () if "-o" in arguments else ("-o", "a.gauss")
    code, out, err = call("fit", *arguments, *output)
    assert (code, out) == (2, "")
    assert err.startswith("gaussgrad: ")
    assert err.count("\n") == 1
    assert words in err
    assert names(folder) == before


def test_other_settings_and_a_changed_image_do_not_go_on(call, folder, at_step):
    at_step(3, killed)
    write_image("mask.png", np.ones((1, *SIZE)))
    with pytest.raises(Killed):
        cli.main(["fit", "photo.png", "--mask", "mask.png", *map(str, QUICK), "-o", "a.gauss"])
    code, _, err = call("fit", "-o", "a.gauss", "--resume", "--narrowest", 0.5)
    assert (code, err) == (
        2,
        "gaussgrad: --narrowest must be 0.25, as the fit was started; got 0.5. Leave it out.\n",
    )
    for name, image in (("mask.png", np.eye(*SIZE)[None]), ("photo.png", np.zeros((3, *SIZE)))):
        before = read_image(name)
        write_image(name, image, overwrite=True)
        code, _, err = call("fit", "-o", "a.gauss", "--resume")
        assert code == 2
        assert "photo.png has changed since the fit was started, or its mask. Start anew." in err
        write_image(name, before, overwrite=True)
