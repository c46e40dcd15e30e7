"""The file .gauss: readable with safetensors alone; what is damaged or hostile is one sentence, without its memory."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from gaussgrad import Gaussians, Picture
from gaussgrad.files import gauss


def write(path: Path, compact: bool) -> Path:
    rng = np.random.default_rng(0)
    means, weights = rng.uniform(0, 9, size=(7, 2)), rng.uniform(size=(7, 3))
    factors = np.exp(rng.normal(size=(7, 3)))
    arrays = [array.astype("float32") for array in (means, factors, weights)]
    picture = Picture(Gaussians(arrays[0], weights=arrays[2], cholesky=arrays[1]), (9, 10), background=[0.1, 0.2, 0.3])
    picture.save(path, compact=compact)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A plain and a compact file."""
    folder = tmp_path_factory.mktemp("files")
    return {kind: write(folder / f"{kind}.gauss", kind == "compact") for kind in gauss.ENCODINGS}


def test_a_plain_file_is_read_with_safetensors_alone(files):
    tensors = load_file(files["plain"])
    with safe_open(files["plain"], framework="numpy") as file:
        fields = file.metadata()
    assert {name: array.shape for name, array in tensors.items()} == {
        "means": (7, 2),
        "cholesky": (7, 3),
        "weights": (7, 3),
        "background": (3,),
    }
    assert fields == {
        "format": "gaussgrad.gauss",
        "version": "1",
        "encoding": "plain",
        "height": "9",
        "width": "10",
        "amplitude": "peak",
        "tolerance": "0.0001",
        "colour_space": "srgb",
        "black": "0.0",
        "white": "1.0",
        "sample_type": "float32",
    }


def spoil(source: Path, path: Path, tensors=None, fields=None) -> Path:
    """A copy with other tensors and fields; None takes one away."""
    held = {**load_file(source), **(tensors or {})}
    with safe_open(source, framework="numpy") as file:
        metadata = {**file.metadata(), **(fields or {})}
    held, metadata = ({k: v for k, v in kept.items() if v is not None} for kept in (held, metadata))
    save_file(held, path, metadata)
    return path


NAN = np.full((7, 2), np.nan, "float32")
FLAT = np.array([[1.0, 0.0, 1.0]] * 6 + [[1.0, 0.0, -1.0]], "float32")
BYTES = np.zeros(9, "uint8")
SPOILT = {
    "another format": ("plain", {}, {"format": "pt"}, "its format is not 'gaussgrad.gauss'"),
    "no format": ("plain", {}, {"format": None}, "its format is not"),
    "a later version": ("plain", {}, {"version": "2"}, "its version must be 1; got '2'"),
    "another encoding": ("plain", {}, {"encoding": "zip"}, "its encoding must be one of"),
    "no height": ("plain", {}, {"height": None}, "the field height is missing"),
    "a height in words": ("plain", {}, {"height": "tall"}, "the field height is 'tall'"),
    "a height of no pixel": ("plain", {}, {"height": "0"}, "height must be an integer of at least 1"),
    "a height of a million digits": ("plain", {}, {"height": "9" * 1_000_000}, "the picture must be of at most"),
    "an absurd size": ("plain", {}, {"height": "99999", "width": "99999"}, "the picture must be of at most"),
    "a tolerance of 1": ("plain", {}, {"tolerance": "1.0"}, "tolerance must be a number in"),
    "a tolerance of nan": ("plain", {}, {"tolerance": "nan"}, "the field tolerance is 'nan'"),
    "white below black": ("plain", {}, {"white": "-1.0"}, "black must be below white"),
    "an infinite white": ("plain", {}, {"white": "inf"}, "white must be a finite number"),
    "another amplitude": ("plain", {}, {"amplitude": "area"}, "amplitude must be one of"),
    "another colour space": ("plain", {}, {"colour_space": "lab"}, "colour_space must be one of"),
    "another sample type": ("plain", {}, {"sample_type": "int4"}, "sample_type must be one of"),
    "no means": ("plain", {"means": None}, {}, "the tensor means is missing"),
    "means of integers": ("plain", {"means": np.zeros((7, 2), "int64")}, {}, "means must be of type F32 or F64"),
    "means in 3-D": ("plain", {"means": np.zeros((7, 3), "float32")}, {}, "means must be of shape (any, 2)"),
    "fewer weights": ("plain", {"weights": np.zeros((6, 3), "float32")}, {}, "weights must be of shape (7, 3)"),
    "a weight without axis": ("plain", {"weights": np.array(1.0, "float32")}, {}, "weights must be of shape (7, 3)"),
    "no channel": ("plain", {"background": np.zeros(0, "float32")}, {}, "background must be a number for each"),
    "nan": ("plain", {"means": NAN}, {}, "means must be finite; got nan at means[0, 0]"),
    "a negative diagonal": ("plain", {"cholesky": FLAT}, {}, "cholesky must be of positive diagonal entries"),
    "an infinite background": ("plain", {"background": np.array([0, 0, np.inf])}, {}, "background must be finite"),
    "bytes that are no zip": ("compact", {"means": BYTES}, {}, "means cannot be inflated"),
    "floats for bytes": ("compact", {"means": NAN}, {}, "means must be of type U8"),
    "bytes in rows": ("compact", {"means": BYTES.reshape(3, 3)}, {}, "means must be of shape (any)"),
    "more than it holds": ("compact", {}, {"gaussians": "8"}, "means does not inflate to 64 bytes"),
    "fewer than none": ("compact", {}, {"gaussians": "-7"}, "the field gaussians or origin is out of range"),
    "an absurd number": ("compact", {}, {"gaussians": "9999999999"}, "Gaussians must be at most 4194304"),
    "an absurd number of channels": (
        "compact",
        {"background": np.zeros(10**6)},
        {"gaussians": "100"},
        "1000000 channels",
    ),
    "steps of 0": ("compact", {}, {"steps": "0 1 1"}, "steps.position must be positive"),
    "two steps": ("compact", {}, {"steps": "1 1"}, "the field steps is '1 1'"),
    "huge steps": ("compact", {}, {"steps": "1e300 1e300 1e300"}, "must be finite"),
    "an origin far away": ("compact", {}, {"origin": f"0 {2**60}"}, "out of range"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_file_is_refused_in_one_sentence_without_its_memory(files, tmp_path, kind):
    encoding, tensors, fields, words = SPOILT[kind]
    path = spoil(files[encoding], tmp_path / "spoilt.gauss", tensors, fields)
    tracemalloc.start()
    with pytest.raises(ValueError, match="cannot be read as a picture") as caught:
        Picture.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = str(caught.value)
    assert said.startswith(f"{path} cannot be read as a picture: ")
    assert words in said
    assert (said.count("\n"), said[-1]) == (0, ".")
    assert peak < 20_000_000


@pytest.mark.parametrize("encoding", gauss.ENCODINGS)
def test_a_cut_or_altered_file_is_read_or_refused(files, tmp_path, rng, encoding):
    """Never anything but ValueError: each cut, and 150 times four bytes that are altered."""
    whole = files[encoding].read_bytes()
    path = tmp_path / "altered.gauss"
    variants = [whole[: len(whole) * part // 16] for part in range(16)]
    for _ in range(150):
        altered = bytearray(whole)
        for place in rng.integers(0, len(whole), size=4):
            altered[place] = rng.integers(256)
        variants.append(bytes(altered))
    refused = []
    for variant in variants:
        path.write_bytes(variant)
        try:
            Picture.load(path)
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(said.startswith(f"{path} cannot be read as a picture: ") for said in refused)


def test_a_header_that_lies_about_its_length_takes_no_memory(tmp_path):
    header = json.dumps({"means": {"dtype": "F32", "shape": [2**40, 2], "data_offsets": [0, 2**43]}}).encode()
    for length in (len(header), 2**62):
        path = tmp_path / f"{length}.gauss"
        path.write_bytes(length.to_bytes(8, "little") + header)
        with pytest.raises(ValueError, match="cannot be read as a picture"):
            gauss.read(path)


def test_what_is_missing_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        gauss.read(tmp_path / "none.gauss")
