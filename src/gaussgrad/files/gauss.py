"""The file `.gauss`: a picture made of Gaussians as a safetensors file, whole numbers or compact.

docs/pictures.md tells its tensors and fields.
"""

import contextlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gaussgrad import checks
from gaussgrad.files import compact
from gaussgrad.files.errors import first_line
from gaussgrad.files.folders import fresh_file

SUFFIX = ".gauss"
FORMAT = "gaussgrad.gauss"
VERSION = "2"
VERSIONS = ("1", "2")  # that are read
ENCODINGS = ("plain", "compact")
ARRAYS = ("means", "cholesky", "weights", "background")
MOST_GAUSSIANS = 2**22
MOST_NUMBERS = 2**25  # of all Gaussians: five each, and one per channel
MOST_VALUES = 2**29  # of the picture: height times width times channels
MOST_STEPS = 2**52  # of a mean from 0
LARGEST = 2.0**40  # of any number, and the inverse of the smallest width: products of them stay finite in float32
_FIELDS = {
    "height": int,
    "width": int,
    "amplitude": str,
    "tolerance": float,
    "colour_space": str,
    "black": float,
    "white": float,
    "sample_type": str,
}
MEASURES = {"fit_psnr": float, "fit_ssim": float, "rounding_psnr": float}  # fields that may be missing
_LONGEST = 100  # characters of a field: Python takes seconds for a number of millions
_TYPES = {"plain": ("F32", "F64"), "compact": ("U8",)}


class Contents(NamedTuple):
    """A picture as a file holds it: arrays (n, 2), (n, 3), (n, c) and (c,), and fields by their names."""

    means: np.ndarray
    cholesky: np.ndarray
    weights: np.ndarray
    background: np.ndarray
    fields: dict[str, Any]
    encoding: str = "plain"

    def values(self) -> np.ndarray:
        """The weights (n, c) as values at the means."""
        if self.fields["amplitude"] == "peak":
            return self.weights
        return self.weights / _integrals(self.cholesky)

    def checked(self) -> "Contents":
        """These contents, or ValueError where no file may hold them."""
        n, channels = self.weights.shape
        check_sizes(n, channels, self.fields["height"], self.fields["width"])
        for name in ARRAYS:
            array = getattr(self, name)
            checks.finite(name, array)
            _refuse_beyond(name, array, np.abs(array) <= LARGEST, "at most 2^40 away from 0")
        checks.positive_diagonal("cholesky", self.cholesky)
        wide = self.cholesky[:, ::2] * LARGEST >= 1
        _refuse_beyond("cholesky", self.cholesky, wide, "of diagonal entries of at least 2^-40")
        return self


def _refuse_beyond(name: str, numbers: np.ndarray, good: np.ndarray, wanted: str) -> None:
    index = checks.first_offender(~good)
    if index is not None:
        row = index[0]
        raise ValueError(checks.complain(name, wanted, f"{numbers[row].tolist()} at {name}[{row}]"))


def write(
    path: str | os.PathLike[str], contents: Contents, steps: compact.Steps | None = None, overwrite: bool = False
) -> None:
    """Write a file: plain, or compact by steps; fields that are None are left out."""
    from safetensors.numpy import save

    contents = contents.checked()
    tensors = {name: np.ascontiguousarray(getattr(contents, name)) for name in ARRAYS}
    fields = {"format": FORMAT, "version": VERSION, "encoding": "plain", **contents.fields}
    if steps is not None:
        packed = compact.pack(_unpacked(contents), steps.checked())
        tensors |= packed.tensors | {"background": contents.background.astype(np.float32)}
        fields |= {"encoding": "compact", "gaussians": len(contents.means), "crc32": _checksum(packed.tensors)}
        fields |= {"steps": " ".join(map(str, steps)), "origin": " ".join(map(str, packed.origin))}
    metadata = {name: str(value) for name, value in fields.items() if value is not None}
    with fresh_file(path, overwrite) as partial:
        partial.write_bytes(_in_order(save(tensors, metadata)))  # save_file would hide it from all but its owner


def _in_order(data: bytes) -> bytes:
    """A file of safetensors with its header sorted, which it has in random order: equal pictures are equal bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def rounded(contents: Contents, steps: compact.Steps) -> Contents:
    """The contents as a compact file gives them back, in the order they have."""
    return _with(contents, compact.rounded(_unpacked(contents), steps.checked()))


def rounded_apart(contents: Contents, steps: compact.Steps) -> list[Contents]:
    """The contents with only their means rounded, only their widths, and only their values at the means."""
    before = _unpacked(contents)
    after = compact.rounded(before, steps.checked())
    return [_with(contents, before._replace(**{name: getattr(after, name)})) for name in before._fields]


def _unpacked(contents: Contents) -> compact.Unpacked:
    return compact.Unpacked(*(a.astype(np.float64) for a in (contents.means, contents.cholesky, contents.values())))


def _with(contents: Contents, unpacked: compact.Unpacked) -> Contents:
    """The contents with other Gaussians, in float32."""
    return contents._replace(**_as_float32(unpacked, contents.fields["amplitude"]))


def _checksum(tensors: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of compressed bytes: LZMA by itself would not tell damage from numbers."""
    return zlib.crc32(b"".join(tensors[name].tobytes() for name in ARRAYS[:3]))


def _as_float32(unpacked: compact.Unpacked, amplitude: str) -> dict[str, Any]:
    """Arrays by name; compact files hold values at the means, whatever the amplitude."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as not finite
        weights = unpacked.values * (1 if amplitude == "peak" else _integrals(unpacked.cholesky))
        arrays = [array.astype(np.float32) for array in (unpacked.means, unpacked.cholesky, weights)]
    return dict(zip(ARRAYS, arrays, strict=False))


def _integrals(cholesky: np.ndarray) -> np.ndarray:
    """The integrals (n, 1) of Gaussians whose value at the mean is 1."""
    return 2 * math.pi * cholesky[:, :1] * cholesky[:, 2:]


def check_sizes(n: int, channels: int, height: int, width: int) -> None:
    """Refuse a picture that no file may hold: a damaged one must not take the memory of the machine."""
    if channels < 1:
        raise ValueError(checks.complain("background", "a number for each channel", "none"))
    if n > MOST_GAUSSIANS or n * (5 + channels) > MOST_NUMBERS:
        wanted = f"at most {MOST_GAUSSIANS} in a file, and at most {MOST_NUMBERS} numbers"
        raise ValueError(checks.complain("Gaussians", wanted, f"{n} with {channels} channels"))
    if height * width * channels > MOST_VALUES:
        wanted = f"of at most {MOST_VALUES} values"
        raise ValueError(checks.complain("the picture", wanted, f"{height} x {width} with {channels} channels"))


def read(path: str | os.PathLike[str]) -> Contents:
    """What a file holds, checked: shapes, finite numbers, positive diagonals, sizes.

    Raises
    ------
    ValueError
        For a file that is damaged, of another version, or no file of this kind, in one sentence with its path.
    """
    with _opened(path) as file:
        fields, encoding = _read_fields(file)
        _check_types(file, encoding)
        background = _tensor(file, "background", (None,))
        read_arrays = _read_plain if encoding == "plain" else _read_compact
        arrays = read_arrays(file, len(background), fields)
        return Contents(**arrays, background=background, fields=fields, encoding=encoding).checked()


@contextlib.contextmanager
def damage_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """What is found wrong inside is told in one sentence with the path."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a picture: {first_line(error)}.") from error


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """The open file."""
    from safetensors import safe_open

    with open(path, "rb"):  # the system's own words for what is missing or a folder
        pass
    with damage_named(path), safe_open(path, framework="numpy") as file:
        yield file


def _read_fields(file: Any) -> tuple[dict[str, Any], str]:
    """The fields as numbers and text, and the encoding."""
    metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    if metadata.get("version") not in VERSIONS:
        cure = "Use the gaussgrad that wrote it"
        got = repr(metadata.get("version", ""))[:20]
        raise ValueError(checks.complain("its version", f"at most {VERSION}", got, cure))
    encoding = checks.option("its encoding", metadata.get("encoding"), ENCODINGS)
    wanted = {**_FIELDS, **{name: kind for name, kind in MEASURES.items() if name in metadata}}
    fields = {name: _parsed(metadata, name, kind) for name, kind in wanted.items()}
    for name in ("height", "width"):
        checks.count(name, fields[name])
    if encoding == "compact":
        fields["gaussians"] = int(_parsed(metadata, "gaussians", int))
        fields["steps"] = compact.Steps(*_several(metadata, "steps", float, 3)).checked()
        fields["origin"] = _several(metadata, "origin", int, 2)
        fields["version"] = int(metadata["version"])
        if fields["version"] > 1:
            fields["crc32"] = _parsed(metadata, "crc32", int)
    return fields, encoding


def _parsed(metadata: Mapping[str, str], name: str, kind: type) -> Any:
    return _several(metadata, name, kind, 1)[0]


def _several(metadata: Mapping[str, str], name: str, kind: type, count: int) -> list[Any]:
    """So many values of a field, with spaces between."""
    if name not in metadata:
        raise ValueError(f"the field {name} is missing")
    texts = metadata[name][:_LONGEST].split()
    try:
        values = [kind(text) for text in texts]
    except ValueError:
        values = []
    if len(values) != count or any(value != value for value in values):  # NaN
        raise ValueError(f"the field {name} is {metadata[name][:20]!r}")
    return values


def _check_types(file: Any, encoding: str) -> None:
    """Refuse tensors that are missing or of another type, before any is read."""
    there = set(file.keys())
    for name in ARRAYS:
        if name not in there:
            raise ValueError(f"the tensor {name} is missing")
        types = _TYPES["plain" if name == "background" else encoding]
        found = file.get_slice(name).get_dtype()
        if found not in types:
            raise ValueError(checks.complain(name, f"of type {' or '.join(types)}", found))


def _tensor(file: Any, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A tensor of a shape in which None is any length."""
    found = tuple(file.get_slice(name).get_shape())
    if len(found) != len(shape) or any(want not in (None, got) for want, got in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(checks.complain(name, f"of shape ({wanted})", f"shape {found}"))
    return file.get_tensor(name)


def _read_plain(file: Any, channels: int, fields: dict[str, Any]) -> dict[str, np.ndarray]:
    """Means, factors and weights as they are."""
    means = _tensor(file, "means", (None, 2))
    check_sizes(len(means), channels, fields["height"], fields["width"])
    cholesky = _tensor(file, "cholesky", (len(means), 3))
    weights = _tensor(file, "weights", (len(means), channels))
    return {"means": means, "cholesky": cholesky, "weights": weights}


def _read_compact(file: Any, channels: int, fields: dict[str, Any]) -> dict[str, np.ndarray]:
    """Means, factors and weights of deflated bytes, float32."""
    n, origin = fields["gaussians"], fields["origin"]
    if n < 0 or max(map(abs, origin)) > MOST_STEPS:
        raise ValueError("the field gaussians or origin is out of range")
    check_sizes(n, channels, fields["height"], fields["width"])
    tensors = {name: _tensor(file, name, (None,)) for name in ARRAYS[:3]}
    if fields["version"] > 1 and _checksum(tensors) != fields["crc32"]:
        raise ValueError("its checksum is wrong: it was damaged or changed")
    unpacked = compact.unpack(tensors, n, channels, fields["steps"], origin, fields["version"])
    return _as_float32(unpacked, fields["amplitude"])
