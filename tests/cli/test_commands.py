"""The command line: what it writes, and that every mistake of a user is one line on stderr and exit code 2."""

import contextlib
import errno
import importlib.metadata
import io
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from fresh import in_fresh_process
from PIL import Image
from tiny_images import spots

import gaussgrad
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.files.images import read_image, write_image
from gaussgrad.files.locks import locked
from gaussgrad.files.tables import read_table, write_table

QUICK = ("-n", "2", "--epochs", "1", "--batch-size", "16")


@pytest.fixture
def refuse(call):
    """A function that runs the command line and returns the one line with which it refuses."""

    def run(*arguments):
        code, _, err = call(*arguments)
        assert code == 2
        assert err.startswith("gaussgrad: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return run


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """An array of images on disk."""
    path = tmp_path_factory.mktemp("images") / "spots.npy"
    np.save(path, spots())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder."""
    folder = tmp_path_factory.mktemp("model") / "model"
    GaussianAutoencoder((10, 12), n=2).save(folder)
    return folder


def test_help_and_version_are_shown(call):
    assert call("--version") == (0, f"gaussgrad {importlib.metadata.version('gaussgrad')}\n", "")
    for arguments in (["--help"], [], ["train", "--help"], ["predict", "--help"], ["render", "--help"]):
        code, out, err = call(*arguments)
        assert (code, err) == (0, "")
        assert "Usage: gaussgrad" in out


@pytest.fixture
def heeded():
    """Ctrl-C interrupts, also in a test run in the background, which inherits that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def freeing(monkeypatch):
    """A command that Ctrl-C reaches while it frees something, and that then goes on."""

    class Freed:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def run(_):
        freed = Freed()
        del freed
        time.sleep(20)

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    monkeypatch.setattr("gaussgrad.cli.app.run", run)


@pytest.mark.usefixtures("heeded", "freeing")
def test_ctrl_c_while_something_is_freed_stops_the_command_all_the_same(call):
    assert call("train") == (130, "", "")


@pytest.mark.usefixtures("heeded", "freeing")
def test_ctrl_c_while_the_first_is_sent_again_stops_the_command_too(call, monkeypatch):
    class Slow(threading.Thread):
        def start(self):
            signal.raise_signal(signal.SIGINT)
            super().start()
            time.sleep(0.1)  # what it sends comes here, too

    monkeypatch.setattr(threading, "Thread", Slow)
    assert call("train") == (130, "", "")


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_is_sent_once_where_nobody_tells_that_it_came(call, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    assert call("--version")[0] == 0  # leaves its hook to a process that goes on
    came = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    count = signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.unraisablehook(SimpleNamespace(exc_type=KeyboardInterrupt))
    time.sleep(0.1)  # in vain, while it is ignored
    signal.signal(signal.SIGINT, count)
    time.sleep(0.2)
    assert came == [signal.SIGINT]


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_that_a_library_turns_into_another_error_is_no_mistake_of_the_user(call, monkeypatch):
    def run(_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("no such box") from None

    monkeypatch.setattr("gaussgrad.cli.app.run", run)
    before = signal.getsignal(signal.SIGINT)
    assert call("train") == (130, "", "")
    assert signal.getsignal(signal.SIGINT) is before


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from gaussgrad.cli.app import run; run(['train', '--help']);"
        "print('heavy:', {'torch', 'lightning', 'numba', 'matplotlib', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: set()" in done.stdout


def train_without(package, images, run):
    """Whether the package was there before it was taken away, the exit code, and what is said on stderr."""
    there, said = package in sys.modules, io.StringIO()
    sys.modules[package] = None
    from gaussgrad import cli

    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as stop:
        cli.main(["train", str(images), "-o", str(run)])
    return there, stop.value.code, said.getvalue()


@pytest.mark.parametrize("package", ["typer", "lightning", "rich"])
def test_a_missing_extra_is_told_in_one_sentence(package, tmp_path, images):
    found = in_fresh_process(train_without, package, images, tmp_path / "run")
    sentence = f'the command line needs the package {package}. Use: python -m pip install ".[app]"'
    assert found == (False, 2, f"gaussgrad: {sentence}\n")
    assert not (tmp_path / "run").exists()


def test_train_predict_and_render_work_together(call, images, tmp_path):
    run = tmp_path / "run"
    code, out, err = call("train", images, "-o", run, *QUICK)
    assert (code, err) == (0, "")
    assert "32 to train on, 8 held out, 10 x 12" in out
    assert "PCA" in out
    assert not (run / "checkpoints").exists()

    code, out, err = call("predict", run, images, "-o", tmp_path / "found.csv", "--overlay", tmp_path / "overlay")
    assert (code, err) == (0, "")
    table = read_table(tmp_path / "found.csv")
    assert list(table) == ["image", "index", "x", "y", "xx", "xy", "yy", "weight"]
    assert table["image"] == [str(i // 2) for i in range(80)]
    assert table["index"] == [str(i % 2) for i in range(80)]
    assert len(list((tmp_path / "overlay").glob("*.png"))) == 40
    with Image.open(tmp_path / "overlay" / "7.png") as picture:
        assert np.asarray(picture).std() > 10

    options = ("--size", 10, 12, "--image", 7)
    code, out, err = call("render", tmp_path / "found.csv", "-o", tmp_path / "drawn.npy", *options)
    assert (code, err) == (0, "")
    loaded = GaussianAutoencoder.load(run / "model")
    expected = loaded(torch.from_numpy(spots()[7:8]))[0, 0] - loaded.background
    np.testing.assert_allclose(np.load(tmp_path / "drawn.npy"), expected.detach().numpy(), rtol=0, atol=1e-5)


def test_a_folder_of_colour_images_names_its_rows_and_colours(call, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(spots(count=10, channels=3)):
        write_image(folder / f"spot_{i}.png", image)
    assert call("train", folder, "-o", tmp_path / "run", *QUICK, "--latent", "points+covariance+weight")[0] == 0
    assert call("predict", tmp_path / "run", folder / "spot_3.png", "-o", tmp_path / "found.csv")[0] == 0
    table = read_table(tmp_path / "found.csv")
    assert list(table)[-3:] == ["weight_red", "weight_green", "weight_blue"]
    assert table["image"] == ["spot_3.png", "spot_3.png"]
    assert call("render", tmp_path / "found.csv", "-o", tmp_path / "drawn.png", "--size", 10, 12)[0] == 0
    assert read_image(tmp_path / "drawn.png").shape == (3, 10, 12)


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_drawn_as_render_draws_them(call, tmp_path, suffix, weighted):
    rows = np.array([[3.0, 2.0, 1.5, 0.4, 1.0, 0.5], [5.5, 4.0, 1.0, 0.0, 2.0, 0.25]])[:, : 6 if weighted else 5]
    source = tmp_path / f"rows{suffix}"
    if suffix == ".npy":
        np.save(source, rows)
    else:
        names = ["yy", "x", "xx", "xy", "y", "weight"][: rows.shape[1]]  # the header decides, not the order
        order = [["x", "y", "xx", "xy", "yy", "weight"].index(name) for name in names]
        write_table(source, names, rows[:, order].tolist())
    assert call("render", source, "-o", tmp_path / "drawn.npy", "--size", 7, 9)[0] == 0
    expected = gaussgrad.render(*gaussgrad.from_rows(rows), size=(7, 9), amplitude="peak")
    np.testing.assert_allclose(np.load(tmp_path / "drawn.npy"), expected.astype(np.float32), rtol=1e-6)


def test_pixels_beyond_white_are_told(call, tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[3.0, 2.0, 1.5, 0.0, 1.0, 4.0]]))
    code, _, err = call("render", tmp_path / "rows.npy", "-o", tmp_path / "drawn.png", "--size", 7, 9)
    assert code == 0
    assert "pixels lie outside [0, 1]" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "Missing option '--output' / '-o'."),
        (["paint"], "No such command 'paint'."),
        (["train", "-o", "run", "--latent", "dots"], "Invalid value for '--latent'"),
        (["train", "-o", "run", "-n", "0"], "Invalid value for '-n'"),
        (["train", "-o", "run", "-n", "ten"], "Invalid value for '-n'"),
        (["train", "-o", "run", "--colour"], "No such option"),
        (["render", "rows.csv", "-o", "out.png", "--size", "5"], "--size"),
        (["predict", "run"], "Missing"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(refuse, arguments, words):
    assert words in refuse(*arguments)


def _spoilt(tmp_path, images):
    """name -> (arguments, words) of commands that meet something a user can mend."""
    empty = tmp_path / "empty"
    empty.mkdir()
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    write_image(mixed / "a.png", np.zeros((1, 5, 6)))
    write_image(mixed / "b.png", np.zeros((1, 6, 5)))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"no image")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n")
    (tmp_path / "whole.csv").write_text("x,y,xx,xy,yy\n1,2,1,0,1\n")
    (tmp_path / "flat.csv").write_text("x,y,xx,xy,yy\n1,2,1,3,1\n")
    (tmp_path / "text.csv").write_text("x,y,xx,xy,yy\n1,2,1,zero,1\n")
    np.save(tmp_path / "square.npy", np.zeros((4, 4)))
    np.save(tmp_path / "few.npy", spots(count=2))
    run, out = tmp_path / "run", tmp_path / "out.png"
    size = ("--size", 5, 5)
    for name, header in (("misspelt", "Weight"), ("partial", "weight_red"), ("both", "weight,weight_red")):
        zeros = ",0" * len(header.split(","))
        (tmp_path / f"{name}.csv").write_text(f"x,y,xx,xy,yy,{header}\n1,2,1,0,1{zeros}\n")
    for dtype in ("complex128", "bool", "str"):
        np.save(tmp_path / f"{dtype}.npy", np.ones((2, 5)).astype(dtype))
    np.savez(tmp_path / "archive.npz", np.ones((2, 5)))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    (tmp_path / "zip.npy").write_bytes(b"PK\3\4")
    huge = ("--size", 10_000_000, 10_000_000)
    return {
        "misspelt weight": (["render", tmp_path / "misspelt.csv", "-o", out, *size], "got as others Weight. Rename"),
        "partial colours": (["render", tmp_path / "partial.csv", "-o", out, *size], "got as others weight_red."),
        "weight and colours": (["render", tmp_path / "both.csv", "-o", out, *size], "others weight, weight_red."),
        "complex rows": (["render", tmp_path / "complex128.npy", "-o", out, *size], "got dtype complex128"),
        "rows of bool": (["render", tmp_path / "bool.npy", "-o", out, *size], "bool.npy must be an array of real"),
        "rows of text": (["render", tmp_path / "str.npy", "-o", out, *size], "got dtype <U"),
        "archive of rows": (["render", tmp_path / "archive.npy", "-o", out, *size], "it is an archive of arrays"),
        "damaged archive": (["render", tmp_path / "zip.npy", "-o", out, *size], "cannot be read as an array"),
        "huge picture": (["render", tmp_path / "whole.csv", "-o", out, *huge], "not enough memory"),
        "empty folder": (["train", empty, "-o", run], "holds no image"),
        "different sizes": (["train", mixed, "-o", run], "b.png must be grey of 5 x 6"),
        "unreadable image": (["train", broken, "-o", run], "a.png cannot be read as an image"),
        "missing data": (["train", tmp_path / "no", "-o", run], "does not exist"),
        "too few": (["train", tmp_path / "few.npy", "-o", run], "enough for two to train on"),
        "foreign output": (["train", images, "-o", mine, "--overwrite"], "is no run of gaussgrad"),
        "no parent": (["train", images, "-o", tmp_path / "no" / "run"], "does not exist"),
        "resume nothing": (["train", "-o", run, "--resume"], "is no run of gaussgrad"),
        "predict no model": (["predict", mine, images, "-o", tmp_path / "t.csv"], "is no model folder"),
        "no rows": (["render", tmp_path / "no.csv", "-o", out, *size], "No such file"),
        "missing columns": (["render", tmp_path / "rows.csv", "-o", out, *size], "the columns x, y, xx, xy, yy"),
        "not positive definite": (["render", tmp_path / "flat.csv", "-o", out, *size], "must be positive definite"),
        "no number": (["render", tmp_path / "text.csv", "-o", out, *size], "got 'zero' in line 2"),
        "wrong rows": (["render", tmp_path / "square.npy", "-o", out, *size], "rows must be"),
        "wrong picture": (["render", tmp_path / "rows.csv", "-o", tmp_path / "out.bmp", *size], "a file ending in"),
        "no size": (["render", tmp_path / "whole.csv", "-o", out, "--size", 0, 5], "size must be"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "misspelt weight",
        "partial colours",
        "weight and colours",
        "complex rows",
        "rows of bool",
        "rows of text",
        "archive of rows",
        "damaged archive",
        "huge picture",
        "empty folder",
        "different sizes",
        "unreadable image",
        "missing data",
        "too few",
        "foreign output",
        "no parent",
        "resume nothing",
        "predict no model",
        "no rows",
        "missing columns",
        "not positive definite",
        "no number",
        "wrong rows",
        "wrong picture",
        "no size",
    ],
)
def test_what_a_user_can_mend_is_one_line_and_nothing_is_written(refuse, tmp_path, images, kind):
    arguments, words = _spoilt(tmp_path, images)[kind]
    before = sorted(tmp_path.rglob("*"))
    assert words in refuse(*arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_rows_are_never_overwritten_by_their_own_image(refuse, tmp_path):
    rows = np.array([[3.0, 2.0, 1.5, 0.4, 1.0]])
    np.save(tmp_path / "rows.npy", rows)
    output = f"{tmp_path}/../{tmp_path.name}/rows.npy"
    words = refuse("render", tmp_path / "rows.npy", "-o", output, "--size", 7, 9, "--overwrite")
    assert "--output must be another file than the rows" in words
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), rows)


def test_an_existing_output_is_refused_before_the_work_starts(refuse, call, images, model, tmp_path):
    table, overlay = tmp_path / "found.csv", tmp_path / "overlay"
    table.write_text("mine")
    assert "found.csv exists already" in refuse("predict", model, images, "-o", table)
    assert table.read_text() == "mine"
    overlay.mkdir()
    wanted = ("predict", model, images, "-o", tmp_path / "new.csv", "--overlay", overlay)
    assert "overlay exists already" in refuse(*wanted)
    assert "overlay exists already" in refuse("predict", tmp_path / "no model", *wanted[2:])
    assert not (tmp_path / "new.csv").exists()
    assert call(*wanted, "--overwrite")[0] == 0
    assert len(list(overlay.glob("*.png"))) == 40
    (tmp_path / "out.png").write_text("mine")
    assert "out.png exists already" in refuse("render", table, "-o", tmp_path / "out.png", "--size", 5, 5)
    assert (tmp_path / "out.png").read_text() == "mine"


def test_pictures_replace_only_pictures_that_predict_wrote(refuse, call, images, model, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    write_image(mine / "a.png", spots()[0])
    wanted = ("predict", model, images, "-o", tmp_path / "t.csv", "--overwrite", "--overlay")
    assert "holds files that are not gaussgrad's" in refuse(*wanted, mine)
    assert [path.name for path in mine.iterdir()] == ["a.png"]
    overlay = tmp_path / "overlay"
    assert call(*wanted, overlay)[0] == 0
    assert call(*wanted, overlay)[0] == 0
    (overlay / "letter.txt").write_text("mine")
    assert "holds files that are not gaussgrad's" in refuse(*wanted, overlay)
    assert (overlay / "letter.txt").read_text() == "mine"
    assert (overlay / "39.png").is_file()


def test_pictures_never_go_where_the_inputs_or_the_table_are(refuse, model, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(spots(count=3)):
        write_image(folder / f"{i}.png", image)
    before = sorted(tmp_path.rglob("*"))
    wanted = ("predict", model, folder, "--overwrite", "-o", tmp_path / "t.csv", "--overlay")
    for overlay in (folder, folder / "new", tmp_path):
        assert "a folder apart from IMAGES" in refuse(*wanted, overlay)
    for overlay in (model, model / "new"):
        assert "a folder apart from RUN" in refuse(*wanted, overlay)
    assert "a folder apart from --output" in refuse(*wanted, tmp_path / "t.csv")
    one = folder / "0.png"
    assert "another file than IMAGES" in refuse("predict", model, one, "-o", one, "--overwrite")
    assert sorted(tmp_path.rglob("*")) == before


def test_images_inside_the_run_to_replace_are_refused(refuse, call, images, tmp_path):
    run = tmp_path / "run"
    assert call("train", images, "-o", run, *QUICK)[0] == 0
    np.save(run / "mine.npy", spots())
    assert "that does not hold DATA" in refuse("train", run / "mine.npy", "-o", run, *QUICK, "--overwrite")
    assert (run / "mine.npy").is_file()


def test_a_missing_gpu_is_refused_before_anything_is_written(refuse, images, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refuse("train", images, "-o", tmp_path / "run", *QUICK, "--device", "cuda")
    assert line == "gaussgrad: --device must be cpu where torch finds no GPU; got cuda. Leave it out.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_kept_unless_told_otherwise(refuse, call, images, tmp_path):
    run = tmp_path / "run"
    assert call("train", images, "-o", run, *QUICK)[0] == 0
    before = (run / "metrics.json").read_bytes()
    assert "holds a finished run" in refuse("train", images, "-o", run, *QUICK)
    assert (run / "metrics.json").read_bytes() == before
    code, out, _ = call("train", images, "-o", run, "--resume")
    assert (code, "is finished" in out) == (0, True)
    assert call("train", images, "-o", run, *QUICK, "--seed", 3, "--overwrite")[0] == 0
    assert (run / "metrics.json").read_bytes() != before


def test_an_unfinished_run_goes_on_only_as_it_was_configured(refuse, call, images, tmp_path):
    run = tmp_path / "run"
    assert call("train", images, "-o", run, *QUICK)[0] == 0
    (run / "metrics.json").unlink()
    line = refuse("train", images, "-o", run, *QUICK)
    assert "holds an unfinished run. Add --resume to go on, or --overwrite to start anew." in line
    assert "-n must be 2, as the run" in refuse("train", "-o", run, "--resume", "-n", 3)
    assert "--batch-size must be 16" in refuse("train", "-o", run, "--resume", "--batch-size", 8)
    assert "holds an unfinished run" in refuse("predict", run, images, "-o", tmp_path / "found.csv")
    with locked(run):
        line = refuse("train", "-o", run, "--resume")
    assert (
        line == f"gaussgrad: {run} is being written by another process. Wait until it ends, or choose another folder.\n"
    )
    assert call("train", images, "-o", run, *QUICK, "--resume")[0] == 0
    assert (run / "metrics.json").is_file()


def test_a_model_of_another_size_is_refused(refuse, images, tmp_path):
    GaussianAutoencoder((8, 8), n=2).save(tmp_path / "model")
    line = refuse("predict", tmp_path / "model", images, "-o", tmp_path / "found.csv")
    assert "= (1, 8, 8), as the model was trained on; got (1, 10, 12). Resize or convert the images." in line


def test_several_images_in_a_table_need_a_choice(refuse, call, images, model, tmp_path):
    assert call("predict", model, images, "-o", tmp_path / "found.csv")[0] == 0
    arguments = ("render", tmp_path / "found.csv", "-o", tmp_path / "out.png", "--size", 10, 12)
    assert "Choose one with --image" in refuse(*arguments)
    assert "--image must be an image of" in refuse(*arguments, "--image", "99")
    assert not (tmp_path / "out.png").exists()


def _full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_line_and_leaves_no_table(refuse, images, model, tmp_path, monkeypatch):
    monkeypatch.setattr("gaussgrad.files.columns.write_table", _full)
    line = refuse("predict", model, images, "-o", tmp_path / "found.csv", "--overlay", tmp_path / "overlay")
    assert line == f"gaussgrad: {tmp_path / 'found.csv'}: No space left on device.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_no_picture(refuse, tmp_path, monkeypatch):
    rows = tmp_path / "rows.csv"
    rows.write_text("x,y,xx,xy,yy\n1,2,1,0,1\n")
    monkeypatch.setattr(np, "save", _full)
    line = refuse("render", rows, "-o", tmp_path / "out.npy", "--size", 5, 5)
    assert line == f"gaussgrad: {tmp_path / 'out.npy'}: No space left on device.\n"
    assert list(tmp_path.iterdir()) == [rows]


def test_a_disk_full_after_training_leaves_a_run_that_goes_on(refuse, call, images, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_model", _full)
        line = refuse("train", images, "-o", tmp_path / "run", *QUICK)
    assert line == f"gaussgrad: {tmp_path / 'run' / 'model'}: No space left on device.\n"
    assert not (tmp_path / "run" / "model").exists()
    assert call("train", "-o", tmp_path / "run", "--resume")[0] == 0
    assert (tmp_path / "run" / "metrics.json").is_file()
