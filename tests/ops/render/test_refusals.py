"""What render refuses: each message names the argument, what was wanted, what came and what to do."""

from typing import Any

import numpy as np
import pytest
import torch

import gaussgrad
from gaussgrad.op import OPERATIONS

MEANS = np.full((5, 2), 3.0)
COVARIANCES = np.tile([2.0, 0.5, 1.0], (5, 1))
FACTORS = np.tile([1.5, 0.5, 1.0], (5, 1))
ROOT = np.array([[1.0, 0.0], [0.0, 1.0]])


def render(means: Any = MEANS, covariances: Any = COVARIANCES, weights: Any = None, **options: Any) -> Any:
    return gaussgrad.render(means, covariances, weights, **{"size": (8, 9), **options})


def with_entry(array: np.ndarray, index: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


def factors(cholesky: Any) -> dict[str, Any]:
    """Arguments with factors in place of covariances."""
    return {"covariances": None, "cholesky": cholesky}


@pytest.mark.parametrize(
    ("arguments", "error", "parts"),
    [
        ({"means": MEANS[0]}, ValueError, ["means", "(..., n, 2)", "(x, y)", "shape (2,)"]),
        ({"means": np.ones((5, 3))}, ValueError, ["means", "shape (5, 3)", "(depth, height, width)"]),
        ({"means": np.ones((5, 4))}, ValueError, ["means", "shape (5, 4)"]),
        ({"covariances": np.tile(ROOT, (5, 1, 1))}, ValueError, ["covariances", "covariance.from_matrix"]),
        ({"covariances": np.ones((5, 2))}, ValueError, ["covariances", "xx, xy, yy", "shape (5, 2)"]),
        ({"covariances": COVARIANCES[:3]}, ValueError, ["covariances", "n = 5", "n = 3"]),
        ({"means": MEANS[:3]}, ValueError, ["covariances", "n = 3", "n = 5"]),
        ({"weights": np.ones(4)}, ValueError, ["weights", "n = 5", "n = 4"]),
        ({"weights": np.ones((1, 5, 3))}, ValueError, ["weights", "rank 1", "shape (1, 5, 3)", "Reshape"]),
        ({"weights": 1.0}, ValueError, ["weights", "rank 1"]),
        (
            {"means": np.ones((2, 5, 2)), "covariances": np.tile(COVARIANCES, (3, 1, 1))},
            ValueError,
            ["covariances", "batch axes", "(2,)", "(3, 5, 3)"],
        ),
        ({"size": (0, 9)}, ValueError, ["size", "positive", "(0, 9)"]),
        ({"size": (8, -1)}, ValueError, ["size", "positive"]),
        ({"size": ()}, ValueError, ["size", "()"]),
        ({"size": (2, 3, 4, 5)}, ValueError, ["size", "(2, 3, 4, 5)"]),
        ({"size": 8}, TypeError, ["size", "tuple", "8"]),
        ({"size": (8.5, 9)}, TypeError, ["size", "(8.5, 9)"]),
        ({"size": None}, TypeError, ["size", "None"]),
        (
            {"means": with_entry(MEANS, (3, 1), np.nan)},
            ValueError,
            ["means", "finite", "nan", "batch item 0, Gaussian 3"],
        ),
        ({"covariances": with_entry(COVARIANCES, (2, 0), np.inf)}, ValueError, ["covariances", "finite", "inf"]),
        ({"weights": with_entry(np.ones(5), (4,), -np.inf)}, ValueError, ["weights", "finite", "-inf"]),
        (
            {"covariances": with_entry(COVARIANCES, (2, 1), 1.5)},
            ValueError,
            ["covariances", "positive definite", "[2.0, 1.5, 1.0]", "batch item 0, Gaussian 2", "from_cholesky"],
        ),
        ({"covariances": -COVARIANCES}, ValueError, ["covariances", "positive definite"]),
        ({"covariances": np.zeros((5, 3))}, ValueError, ["covariances", "positive definite", "[0.0, 0.0, 0.0]"]),
        ({"amplitude": "height"}, ValueError, ["amplitude", "'density'", "'peak'", "'height'"]),
        ({"compose": "mean"}, ValueError, ["compose", "'sum'", "'max'", "'union'", "'mean'"]),
        ({"tolerance": -0.1}, ValueError, ["tolerance", "[0, 1)", "-0.1"]),
        ({"tolerance": 1.0}, ValueError, ["tolerance", "[0, 1)", "1.0"]),
        ({"tolerance": float("nan")}, ValueError, ["tolerance", "nan"]),
        ({"tolerance": "0.1"}, TypeError, ["tolerance", "'0.1'"]),
        ({"tolerance": "small"}, TypeError, ["tolerance", "'small'"]),
        ({"backend": "gpu"}, ValueError, ["backend", "'reference'", "'cpu'", "'gpu'"]),
        ({"threads": 0}, ValueError, ["threads", "positive", "0"]),
        ({"threads": 1.5}, TypeError, ["threads", "1.5"]),
        ({"means": MEANS.astype(np.float32)}, TypeError, ["covariances", "same dtype", "float32", "float64"]),
        ({"means": MEANS.astype(complex)}, TypeError, ["means", "floating", "complex128"]),
        ({"means": MEANS.astype(bool)}, TypeError, ["means", "floating", "bool"]),
        ({"means": [[1, 2], [3]]}, TypeError, ["means", "ragged"]),
        ({"means": [torch.ones(2), torch.ones(2)]}, TypeError, ["means", "Stack arrays first"]),
        ({"means": [["a", "b"]]}, TypeError, ["means", "numbers"]),
        ({"means": None}, TypeError, ["means", "array", "None"]),
        ({"covariances": None}, TypeError, ["covariances", "cholesky", "neither", "Pass one"]),
        ({"cholesky": FACTORS}, TypeError, ["covariances", "cholesky", "both", "Leave one"]),
        (factors(ROOT), ValueError, ["cholesky", "packed lower triangles by rows", "[xx, yx, yy]", "shape (2, 2)"]),
        (factors(np.ones((5, 6))), ValueError, ["cholesky", "in 2-D", "shape (5, 6)"]),
        (factors(1.0), ValueError, ["cholesky", "shape ()"]),
        (factors(FACTORS[:3]), ValueError, ["cholesky", "n = 5", "n = 3"]),
        (factors(np.tile(FACTORS, (3, 1, 1))) | {"means": np.ones((2, 5, 2))}, ValueError, ["cholesky", "batch axes"]),
        (factors(FACTORS.astype(np.float32)), TypeError, ["cholesky", "same dtype", "float32"]),
        (
            factors(with_entry(FACTORS, (2, 0), 0.0)),
            ValueError,
            ["cholesky", "positive diagonal", "[0.0, 0.5, 1.0]", "batch item 0, Gaussian 2", "exp"],
        ),
        (factors(with_entry(FACTORS, (4, 2), -1.0)), ValueError, ["cholesky", "positive diagonal", "Gaussian 4"]),
        (factors(with_entry(FACTORS, (1, 2), np.nan)), ValueError, ["cholesky", "finite", "Gaussian 1"]),
        (factors(with_entry(FACTORS, (1, 1), np.inf)), ValueError, ["cholesky", "finite", "inf"]),
        ({"means": "points"}, TypeError, ["means", "an array of NumPy", "str"]),
        ({"means": torch.tensor(MEANS)}, TypeError, ["covariances", "torch.as_tensor"]),
        (
            {"means": torch.ones((5, 2), dtype=torch.int64), "covariances": [1.0, 0.0, 1.0]},
            TypeError,
            ["means", "floating", "int64", "means.float()"],
        ),
    ],
)
def test_refusal_says_what_to_do(arguments: dict[str, Any], error: type[Exception], parts: list[str]):
    with pytest.raises(error) as caught:
        render(**arguments)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(9,), (8, 9), (7, 8, 9)])
@pytest.mark.parametrize("backend", [None, "reference"])
def test_indefinite_covariances_are_refused_in_every_dimension(size: tuple[int, ...], backend: str | None):
    d = len(size)
    packed = np.ones((4, d * (d + 1) // 2))  # all ones: singular, but for 1-D
    packed[:2] = np.eye(d)[np.triu_indices(d)]
    packed[3] = packed[0]
    if d == 1:
        packed[2] = -1
    with pytest.raises(ValueError, match=r"covariances must be positive definite.*batch item 0, Gaussian 2"):
        gaussgrad.render(np.ones((4, d)), packed, size=size, backend=backend)


@pytest.mark.parametrize("size", [(9,), (8, 9), (7, 8, 9)])
def test_kernels_and_value_check_agree_on_what_is_positive_definite(size: tuple[int, ...]):
    """On matrices around the border, with spoilt signs and huge numbers among them."""
    d = len(size)
    kernels = OPERATIONS["render"].load_kernels("cpu")
    rng = np.random.default_rng(0)
    verdicts = []
    for packed in rng.normal(size=(2000, d * (d + 1) // 2)) + 0.7 * np.eye(d)[np.triu_indices(d)]:
        packed = packed * rng.choice([1e-30, 1e-3, 1.0, 1e30, 1e160])
        arrays = np.zeros((1, 1, d)), packed[None, None], np.ones((1, 1, 1))
        try:
            OPERATIONS["render"].check_values(*arrays, form="covariances")
            verdicts.append(True)
        except ValueError:
            verdicts.append(False)
        assert verdicts[-1] == kernels.valid(*arrays, form="covariances") or packed.max() > 1e100
        assert verdicts[-1] <= kernels.valid(*arrays, form="covariances")
    assert 100 < sum(verdicts) < 1900


@pytest.mark.parametrize("argument", ["means", "covariances", "weights"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_found_wherever_it_stands(argument: str, bad: float):
    for d in (1, 2, 3):
        scene = {
            "means": np.zeros((37, d), np.float32),
            "covariances": np.tile(np.eye(d, dtype=np.float32)[np.triu_indices(d)], (37, 1)),
            "weights": np.ones((37, 2), np.float32),
        }
        for place in range(scene[argument].size):
            broken = scene | {argument: scene[argument].copy()}
            broken[argument].flat[place] = bad
            with pytest.raises(ValueError, match=f"{argument}.*{place // scene[argument].shape[1]}"):
                gaussgrad.render(**broken, size=(5,) * d, amplitude="peak")


def test_torch_refuses_values_inside_the_op():
    means, covariances = torch.tensor(MEANS), torch.tensor(COVARIANCES)
    with pytest.raises(ValueError, match="means must be finite"):
        render(means * torch.nan, covariances)
    with pytest.raises(ValueError, match="positive definite"):
        render(means, -covariances)


def test_mixed_devices_are_refused():
    with pytest.raises(ValueError, match=r"covariances must be on the same device as means \(cpu\); got meta"):
        render(torch.tensor(MEANS), torch.tensor(COVARIANCES, device="meta"))


def test_kernels_are_refused_off_the_cpu():
    with pytest.raises(ValueError, match="backend must be None or 'reference' for tensors on meta"):
        render(torch.tensor(MEANS, device="meta"), torch.tensor(COVARIANCES, device="meta"), backend="cpu")


def test_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="sigma"):
        render(sigma=2.0)


def test_numbers_beyond_float64_and_lists_that_hold_themselves_are_named():
    endless: list = [1.0]
    endless.append(endless)
    one, wide = [[1.0, 0.0]], [1.0, 0.0, 1.0]
    for means, covariances, options, error, words in (
        (one, [1.0, 0.0, 10**400], {}, ValueError, "covariances must be of numbers in the range of float64"),
        (endless, wide, {}, TypeError, "means must be numbers .*; got one that contains itself"),
        (one, wide, {"tolerance": 10**400}, ValueError, r"tolerance must be a number in \[0, 1\)"),
        (one, wide, {"size": (3, 10**400)}, ValueError, r"size must be of at most 2\^48 pixels"),
    ):
        with pytest.raises(error, match=words):
            gaussgrad.render(means, covariances, **{"size": (3, 3), **options})
