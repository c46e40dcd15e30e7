"""Hostile files, numbers and names: each is one line on stderr and exit code 2, and leaves nothing behind."""

import contextlib
import gzip
import io
import json
import struct
import time
import zipfile
from importlib import import_module

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from rich.console import Console
from tiny_images import spots

from gaussgrad import console
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.files import archives
from gaussgrad.files.tables import read_table
from gaussgrad.training import checkpoints
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import Configuration

QUICK = ("-n", 2, "--epochs", 1, "--batch-size", 16)


@pytest.fixture
def refuse(call, tmp_path, monkeypatch):
    """A function that runs the command line in a folder, and returns the one line with which it refuses."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        code, out, err = call(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith("gaussgrad: ")
        assert sorted(tmp_path.rglob("*")) == before
        for word in (".partial-", "overwrite=True", "batch item"):
            assert word not in err
        return err

    return run


@pytest.fixture
def model(tmp_path):
    GaussianAutoencoder((10, 12), n=2).save(tmp_path / "model")
    return tmp_path / "model"


def npy(shape):
    """An .npy file of 64 bytes that claims a shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(64)


def npz(path, *, method=0, flag=0):
    """An archive whose member claims a method of compression, or a flag."""
    np.savez(path, images=np.zeros((5, 8, 8), np.uint8))
    content = bytearray(path.read_bytes())
    central = content.find(b"PK\1\2")
    struct.pack_into("<HH", content, central + 8, flag, method)
    struct.pack_into("<HH", content, 6, flag, method)
    path.write_bytes(content)


def ring(path, pages, to):
    """A TIFF file whose last page names an earlier one as the next."""
    tifffile.imwrite(path, np.zeros((pages, 8, 9), np.uint8), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        places = [page.offset for page in file.pages]
    content = bytearray(path.read_bytes())
    tags = struct.unpack_from("<H", content, places[-1])[0]
    struct.pack_into("<I", content, places[-1] + 2 + 12 * tags, places[to])
    path.write_bytes(content)


def idx(*lengths):
    return struct.pack(f">4B{len(lengths)}I", 0, 0, 8, len(lengths), *lengths)


def test_damaged_arrays_are_told_in_one_line(refuse, tmp_path):
    for shape, words in {
        f"({10**30}, 8, 8)": "its header is damaged",
        "(True, 8, 8)": "its header is damaged",
        "(5, 8, ": "its header is damaged",
        "(" * 5000: "its header is damaged",
        "(1000000000000, 8, 8)": "Unable to allocate",
        "(5, 8, 8)": "Failed to read all data",
    }.items():
        (tmp_path / "a.npy").write_bytes(npy(shape))
        assert f"a.npy cannot be read as images ({words}" in refuse("train", "a.npy", "-o", "run", *QUICK)
        assert f"a.npy cannot be read as an array ({words}" in refuse("render", "a.npy", "-o", "o.png", "--size", 5, 5)


def test_damaged_archives_are_told_in_one_line(refuse, tmp_path):
    path = tmp_path / "a.npz"
    for options, words in (
        ({"method": 97}, "That compression method is not supported"),
        ({"flag": 1}, "is encrypted"),
    ):
        npz(path, **options)
        assert words in refuse("train", path, "-o", "run", *QUICK)
    for name in ("images", "images.npy"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"raw")
        assert "its member images is no array" in refuse("train", path, "-o", "run", *QUICK)


def test_little_never_unpacks_to_much(refuse, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_UNPACKED", 1000)
    np.savez_compressed(tmp_path / "a.npz", np.zeros((5, 20, 20), np.uint8))
    words = "bytes, more than the 1,000 that are read."
    assert f"{words} Save the array as .npy" in refuse("train", "a.npz", "-o", "run", *QUICK)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(5, 20, 20) + bytes(2000)))
    assert f"{words} Unpack it first" in refuse("train", "a.gz", "-o", "run", *QUICK)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(5, 4, 4) + bytes(10**7)))
    assert "got more bytes where (5, 4, 4) needs 80" in refuse("train", "a.gz", "-o", "run", *QUICK)
    (tmp_path / "a.idx").write_bytes(idx(2**31, 2**31, 2**31) + bytes(20))
    assert "got 20 bytes where" in refuse("train", "a.idx", "-o", "run", *QUICK)


@pytest.mark.parametrize(("pages", "to"), [(1, 0), (3, 1), (120, 0)])
def test_pages_that_form_a_ring_are_refused(refuse, tmp_path, pages, to):
    ring(tmp_path / "ring.tif", pages, to)
    assert "ring.tif cannot be read as an image (its pages form a ring)" in refuse("train", "ring.tif", "-o", "run")


def test_a_file_of_reduced_images_only_is_refused(refuse, tmp_path):
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((8, 9), np.uint8), subfiletype=1)
    words = "small.tif cannot be read as an image (it holds no image, or only reduced ones)"
    assert words in refuse("fit", "small.tif", "-n", 3, "--steps", 1, "-o", "o.gauss")
    assert words in refuse("train", "small.tif", "-o", "run", *QUICK)


def test_warnings_of_readers_stay_unsaid_and_lost_pages_are_told(refuse, tmp_path, caplog):
    ring(tmp_path / "cut.tif", 3, 1)
    content = bytearray((tmp_path / "cut.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        second = file.pages[1].offset
    tags = struct.unpack_from("<H", content, second)[0]
    struct.pack_into("<I", content, second + 2 + 12 * tags, 10**6)
    (tmp_path / "cut.tif").write_bytes(content)
    assert "cut.tif cannot be read as an image (invalid page offset 1000000)" in refuse("train", "cut.tif", "-o", "run")
    assert caplog.records == []


def test_what_pillow_logs_of_a_tiff_stays_unsaid(refuse, tmp_path, caplog):
    Image.new("RGB", (6, 4)).save(tmp_path / "many.tif")
    with tifffile.TiffFile(tmp_path / "many.tif") as file:
        samples = file.pages[0].tags["SamplesPerPixel"].valueoffset
    content = bytearray((tmp_path / "many.tif").read_bytes())
    struct.pack_into("<H", content, samples, 6912)
    (tmp_path / "many.tif").write_bytes(content)
    assert "many.tif cannot be read as an image (" in refuse("train", "many.tif", "-o", "run")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--minutes", "inf"),
        ("--epochs", "9" * 400),
        ("-n", 10**9),
        ("--looks", 10**9),
        ("--seed", 2**70),
        ("--learning-rate", "inf"),
        ("--beta", "inf"),
    ],
)
def test_numbers_beyond_what_can_be_done_are_refused_and_leave_no_run(refuse, tmp_path, option, value):
    assert f"Invalid value for '{option}'" in refuse("train", tmp_path, "-o", "run", option, value)


def test_steps_that_nobody_waits_for_are_refused(refuse, tmp_path):
    assert "Invalid value for '--refine': Input should be less than or equal to 100000" in refuse(
        "predict", "model", "a.npy", "-o", "a.csv", "--refine", 2**70
    )


def test_records_of_a_run_that_anybody_may_edit(refuse, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    np.save(tmp_path / "a.npy", spots())
    (run / "config.json").write_text("[" * 100_000)
    assert "config.json is damaged: it cannot be read as JSON" in refuse("train", "-o", "run", "--resume")
    settings = Configuration(data=str(tmp_path / "a.npy"), epochs=1, n=2, batch_size=16)
    for name, value in {"n": 10**9, "epochs": 10**400, "minutes": float("inf"), "objective": "beauty"}.items():
        record = {"format": "gaussgrad.run", "version": runs.VERSION, "configuration": {**vars(settings), name: value}}
        (run / "config.json").write_text(json.dumps(record))
        assert f"config.json is damaged: {name} must be" in refuse("train", "-o", "run", "--resume")


def test_a_foreign_checkpoint_is_refused(tmp_path):
    module, path = torch.nn.Linear(2, 3), tmp_path / "last.ckpt"
    whole = {**dict.fromkeys(checkpoints.LIGHTNING), "state_dict": module.state_dict()}
    others = [{"weights": torch.zeros(3)}, [1, 2], {**whole, "state_dict": 7}]
    for held in (*others, {**whole, "state_dict": torch.nn.Linear(3, 3).state_dict()}):
        torch.save(held, path)
        with pytest.raises(ValueError, match=r"last\.ckpt is no checkpoint of this run\. Start"):
            checkpoints.refuse_unfit(path, module)
    path.write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged\. Start anew with --overwrite\."):
        checkpoints.refuse_unfit(path, module)
    torch.save(whole, path)
    checkpoints.refuse_unfit(path, module)


def test_rows_that_make_no_gaussian_are_named_by_file_and_line(refuse, tmp_path):
    def draw(name, content):
        (tmp_path / name).write_text(content)
        return refuse("render", name, "-o", "o.png", "--size", 5, 5)

    header = "x,y,xx,xy,yy,weight\n"
    words = draw("a.csv", f"{header}1,2,1,0,1,1\n\n1,2,1,3,1,1\n")
    assert "a.csv, line 4: xx, xy, yy must be positive definite; got [1.0, 3.0, 1.0]." in words
    assert "a.csv, line 2 must be of finite numbers" in draw("a.csv", f"{header}1,nan,1,0,1,1\n")
    assert "a.csv, line 2 must be of finite numbers" in draw("a.csv", f"{header}1,1,1,0,1,inf\n")
    assert "a.csv must be of at least one Gaussian; got no row." in draw("a.csv", header)
    np.save(tmp_path / "a.npy", np.array([[1.0, 2, 1, 0, 1], [1.0, 2, 1, 3, 1]]))
    assert "a.npy, row 1: xx, xy, yy must be" in refuse("render", "a.npy", "-o", "o.png", "--size", 5, 5)
    np.save(tmp_path / "a.npy", np.empty((0, 5)))
    assert "a.npy must be of at least one" in refuse("render", "a.npy", "-o", "o.png", "--size", 5, 5)
    np.save(tmp_path / "a.npy", np.array([[1.0, 2, 1, 0, 1]]))
    assert "size must be of at most 2^48 pixels" in refuse("render", "a.npy", "-o", "o.png", "--size", 5, 10**18)


def test_an_output_of_another_kind_and_one_that_cannot_be_written_are_named_as_asked(refuse, model, tmp_path):
    np.save(tmp_path / "a.npy", spots())
    assert "--output must be a file ending in .csv; got t.xlsx." in refuse("predict", model, "a.npy", "-o", "t.xlsx")
    long = f"{'n' * 300}.png"
    np.save(tmp_path / "rows.npy", np.array([[1.0, 2, 1, 0, 1]]))
    (tmp_path / "o.png").write_text("mine")
    assert "o.png exists already. Choose another output, or add --overwrite." in refuse(
        "render", "rows.npy", "-o", "o.png", "--size", 5, 5
    )
    assert f"{long}: " in refuse("render", "rows.npy", "-o", long, "--size", 5, 5)


def test_help_has_a_short_name(call):
    for arguments in (["-h"], ["predict", "-h"], ["train", "-h"]):
        code, out, _ = call(*arguments)
        assert (code, "Usage: gaussgrad" in out) == (0, True)


def test_names_with_brackets_are_printed_as_they_are(call, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "[b].npy", spots(count=2))
    code, out, err = call("predict", model, "[b].npy", "-o", "run[red].csv")
    assert (code, err) == (0, "")
    assert "2 images, 2 Gaussians each: run[red].csv\n" in out
    code, out, err = call("inspect", model, "[b].npy", "-o", "[b].png")
    assert (code, err) == (0, "")
    assert "[b].png shows the 2 worst images.\n" in out
    (tmp_path / "[").mkdir()
    assert call("predict", model, "[b].npy", "-o", "[/b].csv")[0] == 0  # as markup it would close what is not open


def test_no_name_is_a_formula_in_a_table_and_no_picture_takes_the_place_of_another(call, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    names = ["=cmd|1!A0.png", "+a.png", "@a.png", "a.jpg", "a.jpg.png"]
    for name, image in zip(names, spots(count=5), strict=True):
        Image.fromarray(np.uint8(255 * image[0])).save(folder / name)
    assert call("predict", model, "images", "-o", "t.csv", "--overlay", "shown")[0] == 0
    written = read_table(tmp_path / "t.csv")["image"]
    assert not [name for name in written if name[0] in "=+-@"]
    assert {name.removeprefix("./") for name in written} == set(names)
    assert len(list((tmp_path / "shown").glob("*.png"))) == 5
    for k, name in enumerate(("=cmd|1!A0.png", "./=cmd|1!A0.png")):
        assert call("render", "t.csv", "-o", f"o{k}.png", "--size", 10, 12, "--image", name)[0] == 0


def test_who_waits_sees_what_is_done_and_how_much(monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", 0.0)
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    with console.waiting("finding Gaussians", screen) as report:
        report(0.5)
        time.sleep(0.3)
    assert "finding Gaussians" in screen.file.getvalue()
    dark = Console(file=io.StringIO())
    with console.waiting("finding Gaussians", dark):
        time.sleep(0.1)
    assert dark.file.getvalue() == ""


def test_commands_that_may_take_long_tell_how_far_they_are(call, model, tmp_path, monkeypatch):
    told = []

    @contextlib.contextmanager
    def waiting(doing, *_):
        told.append(doing)
        yield told.append

    monkeypatch.setattr(console, "waiting", waiting)
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", spots(count=2))
    assert call("predict", model, "a.npy", "-o", "t.csv", "--overlay", "shown")[0] == 0
    assert told == ["finding Gaussians", 1.0, "writing", 0.5, 1.0]
    told.clear()
    assert call("inspect", model, "a.npy", "-o", "o.png")[0] == 0
    assert told == ["looking at the Gaussians", 1.0, "drawing the worst"]
    told.clear()
    assert call("render", "t.csv", "--image", 0, "-o", "p.png", "--size", 10, 12)[0] == 0
    assert told == ["drawing"]


def test_memory_that_torch_cannot_get_is_told_in_one_line(refuse, model, tmp_path, monkeypatch):
    def greedy(*_):
        torch.empty(2**58)

    monkeypatch.setattr(import_module("gaussgrad.cli.predict"), "_refuse_outputs", greedy)
    assert "not enough memory" in refuse("predict", model, tmp_path, "-o", "t.csv")
