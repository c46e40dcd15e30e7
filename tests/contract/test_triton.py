"""The contract of Triton's kernels: interpreted everywhere, and compiled where there is a GPU."""

from typing import Any

import numpy as np
import pytest
import torch
from cases import CASES, SAMPLE, Case, mixture_inputs, render_inputs
from fresh import in_fresh_process
from oracle import operation_of, reference_in_torch
from tolerances import compare_gradients, compare_values
from without_gpu import compile_kernels

import gaussgrad
from gaussgrad import launching
from gaussgrad.frameworks import torch as torch_framework
from gaussgrad.op import OPERATIONS

pytest.importorskip("triton")
of_render = pytest.importorskip("gaussgrad.ops.render.triton")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:triton.runtime.interpreter")  # NumPy, of NaN and 1/0

DTYPES = ("float64", "float32")
ON_TRITON = [case for case in CASES if "cuda" in operation_of(case).kernels]
NAMES = sorted({case.operation for case in ON_TRITON})
DRAWING = {"amplitude": "peak", "pixel": "point", "tolerance": 1e-4, "form": "covariances"}
PLACES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """Where the kernels run: interpreted on the CPU, or compiled on a GPU."""
    if request.param == "cpu" and not launching.is_interpreted():
        pytest.skip("Triton compiles in this process, and does not interpret")
    return request.param


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """New tensors start as NaN, so that an element that nobody writes shows."""

    def filled(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.fill_(float("nan") if tensor.is_floating_point() else 77)

    new_empty, empty_like = torch.Tensor.new_empty, torch.empty_like
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda *given, **options: filled(new_empty(*given, **options)))
    monkeypatch.setattr(torch, "empty_like", lambda *given, **options: filled(empty_like(*given, **options)))


def compare(case: Case, dtype: str, place: str) -> None:
    """Compare values and gradients with those of the reference."""
    expected = reference_in_torch(case, dtype)
    kernels = operation_of(case).load_kernels("cuda")
    arrays = [torch.tensor(array, device=place) for array in case.typed(dtype)]
    out, saved = kernels.forward(*arrays, threads=1, **case.options)
    compare_values(out, expected.out, scale=case.scale, dtype=case.exactness(dtype))
    upstream = torch.tensor(expected.upstream, device=place)
    grads = kernels.backward(upstream, saved, *arrays, threads=1, **case.options)
    for grad, array, wanted in zip(grads, arrays, expected.grads, strict=True):
        assert grad.dtype == array.dtype
        compare_gradients(grad, wanted)
    shapes = tuple(tuple(array.shape) for array in arrays)
    declared = (operation_of(case).output(shapes, case.options), *operation_of(case).saved(shapes, case.options))
    found = [(tuple(array.shape), str(array.dtype)) for array in (out, *saved)]
    assert found == [(output.shape, f"torch.{output.dtype or dtype}") for output in declared]


@pytest.mark.parametrize(
    ("case", "dtype"),
    [pytest.param(case, DTYPES[number % 2], id=case.label) for number, case in enumerate(ON_TRITON)],
)
@pytest.mark.usefixtures("poisoned")
def test_interpreted_kernels_match_the_reference(case: Case, dtype: str, monkeypatch: pytest.MonkeyPatch):
    if not launching.is_interpreted():
        pytest.skip("Triton compiles in this process, and does not interpret")
    if case not in SAMPLE or case.options.get("pixel") == "area":  # one tile: the interpreter takes long for programs
        monkeypatch.setitem(of_render.TILES, 3, (32, 8, 8))
    compare(case, dtype, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("poisoned")
def test_compiled_kernels_match_the_reference(name: str, dtype: str):
    for case in ON_TRITON:
        if case.operation == name:
            compare(case, dtype, "cuda")


@pytest.mark.parametrize("name", NAMES)
def test_torch_differentiates_twice_through_the_kernels_and_maps_them(name: str, place: str):
    case = next(case for case in SAMPLE if case.operation == name)
    expected = reference_in_torch(case, "float64")
    operation = operation_of(case)
    arrays = [torch.tensor(array, device=place, requires_grad=True) for array in case.typed("float64")]

    def function(*arrays: Any, backend: str = "triton") -> torch.Tensor:
        return torch_framework.apply(operation, arrays, case.options, backend, 0)

    out = function(*arrays)
    compare_values(out, expected.out, scale=case.scale)
    upstream = torch.tensor(expected.upstream, device=place)
    grads = torch.autograd.grad(out, arrays, upstream, create_graph=True)
    for grad, wanted in zip(grads, expected.grads, strict=True):
        compare_gradients(grad, wanted)
    by_reference = torch.autograd.grad(function(*arrays, backend="reference"), arrays, upstream, create_graph=True)
    second = (torch.autograd.grad(sum(grad.square().sum() for grad in some), arrays) for some in (grads, by_reference))
    for found, wanted in zip(*second, strict=True):
        compare_gradients(found, wanted)
    stacked = [torch.stack([array.detach()] * 2) for array in arrays]
    compare_values(torch.vmap(function)(*stacked)[1], expected.out, scale=case.scale)


@pytest.mark.parametrize("form", ["covariances", "cholesky"])
def test_an_image_with_a_width_that_is_not_valid_is_nan_and_so_are_its_gradients(form: str, place: str):
    means, _, weights = (torch.tensor(array, device=place) for array in render_inputs(2, b=3, n=2, c=1))
    widths = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64, device=place).repeat(3, 2, 1)
    widths[1, 0, 2] = -1.0
    options = {**DRAWING, "size": (5, 7), "compose": "union", "form": form}
    arrays = means, widths, weights
    assert not of_render.valid(*arrays, **options)
    assert of_render.forward_if_valid(*arrays, threads=1, **options) is None
    out, saved = of_render.forward(*arrays, threads=1, **options)
    grads = of_render.backward(torch.ones_like(out), saved, *arrays, threads=1, **options)
    for result in (out, *grads):
        assert result[1].isnan().all()
        assert result[[0, 2]].isfinite().all()
    arrays = means, widths.abs(), weights
    assert of_render.valid(*arrays, **options)
    assert of_render.forward_if_valid(*arrays, threads=1, **options)[0].isfinite().all()


@pytest.mark.parametrize(
    ("array", "value"),
    [(0, np.inf), (1, np.inf), (1, -np.inf), (2, np.nan), (3, 800.0), (4, -800.0)],
)
def test_a_point_with_a_value_that_is_not_valid_is_nan_and_so_are_its_gradients(array: int, value: float, place: str):
    kernels = OPERATIONS["mixture_log_density"].load_kernels("cuda")
    arrays = [torch.tensor(values, device=place) for values in mixture_inputs(3, b=4)]
    assert kernels.valid(*arrays)
    arrays[array][1] = value
    assert not kernels.valid(*arrays)
    assert kernels.forward_if_valid(*arrays, threads=1) is None
    out, saved = kernels.forward(*arrays, threads=1)
    for result in (out, *kernels.backward(torch.ones_like(out), saved, *arrays, threads=1)):
        assert result[1].isnan().all()
        assert result[[0, 2, 3]].isfinite().all()


def test_lists_of_tiles_and_full_ones_give_the_bits_of_none(place: str, monkeypatch: pytest.MonkeyPatch):
    means, *others = (torch.tensor(array, device=place).float() for array in render_inputs(2, b=1, n=12, c=1))
    options = {**DRAWING, "size": (40, 40), "compose": "sum"}

    def draw() -> torch.Tensor:
        return of_render.forward(2.5 * means, *others, threads=1, **options)[0]

    wanted = draw()
    monkeypatch.setattr(of_render, "UNLISTED", 4)
    assert torch.equal(draw(), wanted)
    monkeypatch.setattr(of_render, "NESTED_FROM", 0)
    monkeypatch.setattr(of_render, "NESTED", 2)
    assert torch.equal(draw(), wanted)
    monkeypatch.setattr(of_render, "_capacity", lambda n, tiles: 2)  # less than touch a tile
    assert torch.equal(draw(), wanted)


def test_gaussians_wider_than_a_window_are_summed_by_any_number_of_programs(
    place: str, monkeypatch: pytest.MonkeyPatch
):
    means, covariances, weights = render_inputs(2, b=1, n=2, c=5)
    arrays = [torch.tensor(array, device=place) for array in (means, 30 * covariances, weights)]
    options = {**DRAWING, "size": (35, 40), "compose": "sum"}
    grad = torch.randn(1, 5, 35 * 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(place)

    def reference(*arrays: torch.Tensor) -> torch.Tensor:
        return OPERATIONS["render"].reference(torch_framework.namespace, *arrays, **options)

    wanted = torch.func.vjp(reference, *arrays)[1](grad)
    for programs in (2, 8):
        monkeypatch.setattr(of_render, "PROGRAMS", programs)
        found = of_render.backward(grad, (), *arrays, threads=1, **options)
        for one, other in zip(found, wanted, strict=True):
            compare_gradients(one, other)


@pytest.mark.parametrize(("b", "n"), [(0, 2), (2, 0)])
def test_nothing_to_draw_gives_empty_images(b: int, n: int, place: str):
    arrays = [torch.tensor(array, device=place) for array in render_inputs(2, b=b, n=n)]
    options = {**DRAWING, "size": (3, 4), "compose": "sum"}
    out, saved = of_render.forward(*arrays, threads=1, **options)
    assert torch.equal(out, torch.zeros_like(out))
    grads = of_render.backward(out, saved, *arrays, threads=1, **options)
    assert [grad.shape for grad in grads] == [array.shape for array in arrays]


def test_half_precision_is_computed_in_float32(place: str):
    means = torch.tensor([[3.0, 2.0]], dtype=torch.bfloat16, device=place)
    covariances = torch.tensor([2.0, 0.5, 1.0], dtype=torch.bfloat16, device=place)
    image = gaussgrad.render(means, covariances, size=(5, 7), backend="triton")
    assert image.dtype == torch.bfloat16
    compare_values(
        image, gaussgrad.render(means.float().cpu(), covariances.float().cpu(), size=(5, 7)), dtype="bfloat16"
    )


def test_every_kernel_compiles_for_a_gpu_that_is_not_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    found = in_fresh_process(compile_kernels, anew=True)
    assert found == {"prepare": 4, "collect": 2, "draw": 2, "add_up": 2, "finish": 2, "mix": 1, "unmix": 1}


def on_a_gpu(requires_grad: bool = False) -> list[torch.Tensor]:
    """300 Gaussians on an image of several tiles."""
    means, covariances, weights = render_inputs(2, b=1, n=300, c=3)
    means = 6 * means
    return [
        torch.tensor(a[0], dtype=torch.float32, device="cuda", requires_grad=requires_grad)
        for a in (means, covariances, weights)
    ]


def loss(*arrays: torch.Tensor) -> torch.Tensor:
    return gaussgrad.render(*arrays, size=(96, 128)).square().sum()


@pytest.mark.gpu
def test_repeated_runs_on_a_gpu_give_the_same_bits():
    arrays = on_a_gpu(requires_grad=True)
    first, *others = ((loss(*arrays), *torch.autograd.grad(loss(*arrays), arrays)) for _ in range(5))
    for other in others:
        assert all(map(torch.equal, first, other))


@pytest.mark.gpu
def test_a_cuda_graph_captures_a_step_and_replays_it_for_other_values():
    arrays = on_a_gpu(requires_grad=True)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.autograd.grad(loss(*arrays), arrays)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        grads = torch.autograd.grad(loss(*arrays), arrays)
    with torch.no_grad():
        arrays[0] += 3.0
    graph.replay()
    for captured, wanted in zip(grads, torch.autograd.grad(loss(*arrays), arrays), strict=True):
        assert torch.equal(captured, wanted)


@pytest.mark.gpu
def test_compiled_programs_on_a_gpu_run_the_kernels():
    arrays = on_a_gpu(requires_grad=True)
    compiled = torch.compile(loss, fullgraph=True)
    wanted = torch.autograd.grad(loss(*arrays), arrays)
    for found, other in zip(torch.autograd.grad(compiled(*arrays), arrays), wanted, strict=True):
        compare_gradients(found, other)


@pytest.mark.gpu
def test_arrays_on_different_devices_are_refused():
    means, covariances, weights = on_a_gpu()
    with pytest.raises(ValueError, match="covariances must be on the same device as means"):
        gaussgrad.render(means, covariances.cpu(), weights, size=(96, 128))
    with pytest.raises(ValueError, match="backend must be None or 'reference' or 'triton' for tensors on cuda:0"):
        gaussgrad.render(means, covariances, weights, size=(96, 128), backend="cpu")
