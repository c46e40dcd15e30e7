"""The file .gauss: readable with safetensors alone; what is damaged or hostile is one sentence, without its memory."""

import base64
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
        "version": "2",
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
    "a later version": ("plain", {}, {"version": "3"}, "its version must be at most 2; got '3'"),
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
    "a mean beyond all frames": ("plain", {"means": 1e20 * np.ones((7, 2))}, {}, "means must be at most 2^40 away"),
    "a line": ("plain", {"cholesky": 1e-20 * np.ones((7, 3))}, {}, "cholesky must be of diagonal entries of at least"),
    "an infinite background": ("plain", {"background": np.array([0, 0, np.inf])}, {}, "background must be finite"),
    "bytes that are others": ("compact", {"means": BYTES}, {}, "its checksum is wrong: it was damaged or changed"),
    "bytes that are no zip": ("compact", {"means": BYTES}, {"version": "1"}, "means cannot be decompressed"),
    "no checksum": ("compact", {}, {"crc32": None}, "the field crc32 is missing"),
    "floats for bytes": ("compact", {"means": NAN}, {}, "means must be of type U8"),
    "bytes in rows": ("compact", {"means": BYTES.reshape(3, 3)}, {}, "means must be of shape (any)"),
    "more than it holds": ("compact", {}, {"gaussians": "8"}, "means does not decompress to 64 bytes"),
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


# The compact file of `write`, as version 1 wrote it.
FIRST_VERSION = (
    "I066w00000dm>+7ZDn*}WMOn+Utc0Rdm>?NaBOLGb!25CIwEjoVQV5RB4TV|V{0NhA}}s6A}k_fZ)|UMa$j?BVPj<?IwEs&XJR5OB4uu4Z)9n1"
    "XCgWxV{dJ6VPkY6EFxxaa&2LBB03^xVRdtJXL4a=E@xqNb8{jrB4=TBb8~57ZgV0!A~zx|B4}l4XJ~XHIwCnDEFy1mX=iC}B03^AATS~<B64qa"
    "Ze(e0XJ2r0ZgL_zA~Z2BG&VFeGB7qUI5;;qGc_VCB6DGFaBO8?ba`-PB03^wY;R$7GcqD9B6D<QaC0I$A}}s6HZnCJFfK4NATTa4Ff%zYHZnCL"
    "EFyGoY-Ms`ZewL4IwCMGFfcGNA}k_yWpZ<AZ*C$wA~7N?B6nzMbY&tsA~7y7A}k_zX=HS0B03^5Fd}^{B4S}<YiDwAb#7!LI(s5yVRT_%Z)Rq5"
    "Wpr~QI$JO-F*02&B4l)VaAhJoB1SVZA}k_vXkl<=B05_$U41MfV`y(|WpitJB075_WMOn+UvFk+b7gdMB05_!GAuMXT`VGGba`-PB03^fI3g?}"
    "b7*03Wg<FTGdEp*EFx`XVQzCGI(s5yVRT_%Z)Rq5Wpr~QI$Jb3EH^Y=EFxrdd2nSSIwDm#A}k_vXkl<=B05_#HC=ryB6nqJXJ~YDB075_WMOn+"
    "UvFk+b7gdMB05_)G%PVPGF>bpWOR9OWg<EvRX8FnB6DbAaAhJoTQoRbeSIJx&CJX_&CE<bnwgnCc-k|O(2)>oN@2hT#6);Bcyh{Eu*n58NU<kH"
    "m|)ch0N}X<J9ygT@V&?F`ur<{2m^~k7&8OW007A11Mzs;6Z3N`^ZCce$jHD5#HgTJNJpBV-H3q!LxzFDZhC4$`E&^&ixG^F0RTz)23`"
)


def test_a_compact_file_of_the_first_version_is_read(tmp_path):
    path = tmp_path / "first.gauss"
    path.write_bytes(base64.b85decode(FIRST_VERSION))
    picture = Picture.load(path)
    held = picture.gaussians
    np.testing.assert_array_equal(held.means[:3], [[0.375, 0.125], [7.3125, 0.0], [7.6875, 0.3125]])
    np.testing.assert_allclose(held.cholesky[1], [np.exp(12 * 0.03), 10 * 0.03, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(256 * held.weights[:2], [[139, 77, 108], [167, 176, 100]])
    assert (picture.size, picture.steps, picture.n) == ((9, 10), None, 7)
    picture.save(path, compact=True, overwrite=True)
    assert Picture.load(path).steps is not None
