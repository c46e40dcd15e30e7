"""Tables of Gaussians: one schema says the columns, and what is written reads back."""

import numpy as np
import pytest

from gaussgrad.files.columns import COLUMNS, read_gaussians, write_gaussians
from gaussgrad.files.tables import read_table
from gaussgrad.gaussians import Gaussians

NAMES = ("a.png", "b, c.png", "d.png")


def gaussians(rng, channels=None, dtype=np.float32):
    """Three images of four Gaussians each."""
    covariances = np.tile(np.array([1.5, 0.25, 1.0]), (3, 4, 1)) * rng.uniform(0.5, 2, (3, 4, 1))
    weights = rng.normal(size=(3, 4) if channels is None else (3, 4, channels))
    return Gaussians(
        means=rng.normal(size=(3, 4, 2)).astype(dtype),
        covariances=covariances.astype(dtype),
        weights=weights.astype(dtype),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_gaussians_read_back_to_the_bit(tmp_path, rng, channels, dtype):
    written = gaussians(rng, channels, dtype)
    write_gaussians(tmp_path / "t.csv", NAMES, written)
    for i, name in enumerate(NAMES):
        read = read_gaussians(tmp_path / "t.csv", image=name)
        assert read.means.dtype == np.float64
        for field in ("means", "covariances", "weights"):
            back = getattr(read, field).astype(dtype)
            np.testing.assert_array_equal(back, getattr(written, field)[i].reshape(back.shape), strict=True)
        assert read.weights.shape == ((4, 3) if channels == 3 else (4,))


def test_the_columns_stand_in_the_order_of_the_schema(tmp_path, rng):
    stddevs = rng.uniform(size=(3, 4, 2)).astype(np.float32)
    for channels, weights in ((None, ["weight"]), (3, ["weight_red", "weight_green", "weight_blue"])):
        write_gaussians(tmp_path / "t.csv", NAMES, gaussians(rng, channels), stddevs, overwrite=True)
        table = read_table(tmp_path / "t.csv")
        shape = ["image", "index", "x", "y", "xx", "xy", "yy"]
        assert list(table) == [*shape, *weights, "x_stddev", "y_stddev"]
        assert list(table) == [column.name for column in COLUMNS if column.name in table]
        np.testing.assert_array_equal(np.array(table["y_stddev"], np.float32), stddevs[..., 1].ravel())
        assert read_gaussians(tmp_path / "t.csv", image="d.png").means.shape == (4, 2)


def test_every_column_has_a_meaning_and_every_length_a_unit():
    assert all(column.meaning for column in COLUMNS)
    units = {column.name: column.unit for column in COLUMNS}
    assert {units[name] for name in ("x", "y", "x_stddev", "y_stddev")} == {"px"}
    assert {units[name] for name in ("xx", "xy", "yy")} == {"px²"}


def test_only_owned_gaussians_are_rows_counted_from_0(tmp_path):
    means = np.arange(12.0).reshape(2, 3, 2)
    found = Gaussians(means, np.tile([1.0, 0.0, 1.0], (2, 3, 1)), np.ones((2, 3)))
    owned = np.array([[True, False, True], [False, False, True]])
    write_gaussians(tmp_path / "found.csv", ["a", "b"], found, owned=owned)
    table = read_table(tmp_path / "found.csv")
    assert (table["image"], table["index"], table["x"]) == (["a", "a", "b"], ["0", "1", "0"], ["0.0", "4.0", "10.0"])
