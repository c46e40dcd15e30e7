"""What torch users do with an operation: compile, transform, differentiate twice, fake, hook and share it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from cases import CASES, Case
from fresh import in_fresh_process
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import grad, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import gaussgrad
from gaussgrad.op import OPERATIONS

COMPOSES = pytest.mark.parametrize("compose", ["sum", "max", "union"])

Tensors = tuple[torch.Tensor, ...]


@pytest.fixture
def tensors() -> Tensors:
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(2, 3, 2, dtype=torch.float64, generator=generator) * 6
    covariances = torch.tensor([2.0, 0.5, 1.5], dtype=torch.float64).repeat(2, 3, 1)
    return means, covariances, 0.3 + 0.5 * torch.rand(2, 3, dtype=torch.float64, generator=generator)


def draw(compose: str, backend: str | None = None) -> Callable[..., torch.Tensor]:
    def function(*arrays: torch.Tensor) -> torch.Tensor:
        return gaussgrad.render(
            *arrays, size=(7, 8), amplitude="peak", compose=compose, tolerance=1e-3, backend=backend
        )

    return function


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


@COMPOSES
def test_vmap_is_a_loop(compose: str, tensors: Tensors):
    means, covariances, weights = tensors
    mapped = vmap(draw(compose), in_dims=(0, None, 1), out_dims=1)(means, covariances[0], weights.T)
    looped = torch.stack([draw(compose)(means[i], covariances[0], weights[i]) for i in range(2)], dim=1)
    assert_same(mapped, looped)
    nested = vmap(vmap(draw(compose)))(*(array[None] for array in tensors))
    assert_same(nested[0], draw(compose)(*tensors))


@COMPOSES
def test_func_transforms_match_the_reference(compose: str, tensors: Tensors):
    kernel, reference = draw(compose), draw(compose, "reference")

    def loss(function: Callable) -> Callable:
        return lambda *arrays: function(*arrays).square().sum()

    for argument in range(3):
        assert_same(jacrev(kernel, argument)(*tensors), jacrev(reference, argument)(*tensors))
        assert_same(grad(loss(kernel), argument)(*tensors), grad(loss(reference), argument)(*tensors))
        assert_same(vmap(grad(loss(kernel), argument))(*tensors), vmap(grad(loss(reference), argument))(*tensors))


@COMPOSES
def test_second_derivatives_match_the_reference(compose: str, tensors: Tensors):
    one = [array[0] for array in tensors]
    hessians = [
        jacrev(jacrev(lambda m, f=f: f(m, *one[1:])[3]))(one[0]) for f in (draw(compose), draw(compose, "reference"))
    ]
    assert hessians[0].abs().max() > 1e-3
    assert_same(*hessians)


@COMPOSES
def test_gradients_pass_gradcheck_twice(compose: str, tensors: Tensors):
    leaves = [array.clone().requires_grad_() for array in tensors]
    assert torch.autograd.gradcheck(draw(compose), leaves)
    assert torch.autograd.gradgradcheck(draw(compose), leaves)


@COMPOSES
def test_compiled_whole_gives_the_same_image_and_gradients(compose: str, tensors: Tensors):
    def step(*arrays: torch.Tensor) -> torch.Tensor:
        return draw(compose)(1.01 * arrays[0], *arrays[1:]).square().mean()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    assert_same(compiled(*tensors), step(*tensors))
    results = []
    for function in (compiled, step):
        leaves = [array.clone().requires_grad_() for array in tensors]
        function(*leaves).backward()
        results.append([leaf.grad for leaf in leaves])
    for actual, expected in zip(*results, strict=True):
        assert_same(actual, expected)


def test_compiled_by_inductor_gives_the_same_image(tensors: Tensors):
    compiled = torch.compile(draw("sum"), fullgraph=True)
    assert_same(compiled(*tensors), draw("sum")(*tensors))


def test_compiled_with_dynamic_shapes_does_not_specialise_on_the_batch(tensors: Tensors):
    compiled = torch.compile(draw("sum"), fullgraph=True, dynamic=True, backend="aot_eager")
    for repeats in (1, 2, 3):
        arrays = [array.repeat(repeats, *[1] * (array.ndim - 1)) for array in tensors]
        assert_same(compiled(*arrays), draw("sum")(*arrays))


def mixtures(batch: int, shared: bool) -> Tensors:
    """Points with mixtures of their own, or with one for all."""
    generator = torch.Generator().manual_seed(0)
    leading = () if shared else (batch,)
    shapes = ((batch, 2), (*leading, 3), (*leading, 3, 2), (*leading, 3, 2), (*leading, 3))
    return tuple(torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes)


@pytest.mark.parametrize("shared", [False, True])
def test_traced_mixtures_do_not_specialise_on_the_batch(shared: bool):
    compiled = torch.compile(gaussgrad.mixture_log_density, fullgraph=True, dynamic=True, backend="aot_eager")
    traced = make_fx(lambda *arrays: gaussgrad.mixture_log_density(*arrays), tracing_mode="symbolic")(
        *mixtures(6, shared)
    )
    for batch in (5, 7, 9):
        arrays = mixtures(batch, shared)
        assert_same(compiled(*arrays), gaussgrad.mixture_log_density(*arrays))
        assert_same(traced(*arrays), gaussgrad.mixture_log_density(*arrays))


def differentiated(function: Callable[..., torch.Tensor], arrays: Tensors) -> list[torch.Tensor]:
    """The value and all gradients of its square."""
    leaves = [array.clone().requires_grad_() for array in arrays]
    value = function(*leaves)
    return [value, *torch.autograd.grad(value.square().sum(), leaves)]


@pytest.mark.parametrize("operation", ["render", "mixture"])
def test_checkpoints_recompute_and_saved_tensors_are_unpacked_once(operation: str, tensors: Tensors):
    function, arrays = {
        "render": (draw("union"), tensors),
        "mixture": (gaussgrad.mixture_log_density, mixtures(4, shared=False)),
    }[operation]
    plain = differentiated(function, arrays)
    recomputed = differentiated(lambda *leaves: checkpoint(function, *leaves, use_reentrant=False), arrays)
    packed, unpacked = [], []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        packed.append(tensor.shape)
        return tensor

    def unpack(tensor: torch.Tensor) -> torch.Tensor:
        unpacked.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        hooked = differentiated(function, arrays)
    assert sorted(packed) == sorted(unpacked)
    for others in (recomputed, hooked):
        for found, expected in zip(others, plain, strict=True):
            assert torch.equal(found, expected)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_script_computes_instead_of_repeating_its_example():
    first, second = (tuple(factor * array for array in mixtures(4, shared=False)) for factor in (1.0, 0.5))
    traced = torch.jit.trace(lambda *arrays: gaussgrad.mixture_log_density(*arrays), first)
    assert_same(traced(*second), gaussgrad.mixture_log_density(*second))


@pytest.mark.parametrize("backend", [None, "reference"])
def test_values_are_checked_behind_a_lazy_minus_sign(backend: str | None):
    arrays = mixtures(4, shared=False)
    lazy = tuple(torch._neg_view(-array) for array in arrays)
    expected = gaussgrad.mixture_log_density(*arrays)
    assert_same(gaussgrad.mixture_log_density(*lazy, backend=backend), expected)
    nowhere = torch._neg_view(torch.full((4, 2), torch.nan, dtype=torch.float64))
    with pytest.raises(ValueError, match="points must be finite"):
        gaussgrad.mixture_log_density(nowhere, *arrays[1:], backend=backend)


def compile_first() -> list[list[float]]:
    """The results of a compiled call before any other, and of a plain one."""
    arrays = mixtures(4, shared=False)
    compiled = torch.compile(gaussgrad.mixture_log_density, fullgraph=True, backend="aot_eager")
    return [compiled(*arrays).tolist(), gaussgrad.mixture_log_density(*arrays).tolist()]


def test_the_first_call_of_a_process_may_be_compiled():
    compiled, plain = in_fresh_process(compile_first)
    assert compiled == plain


def test_compiled_call_takes_lists_and_numbers(tensors: Tensors):
    def step(means: torch.Tensor) -> torch.Tensor:
        return gaussgrad.render(means, [2.0, 0.5, 1.5], size=[7, 8], tolerance=0)

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    assert_same(compiled(tensors[0]), step(tensors[0]))


def test_compiled_call_still_refuses_bad_values_inside_the_op(tensors: Tensors):
    compiled = torch.compile(draw("sum"), fullgraph=True, backend="aot_eager")
    compiled(*tensors)
    with pytest.raises(ValueError, match="covariances must be positive definite"):
        compiled(tensors[0], -tensors[1], tensors[2])


def test_compiled_call_still_refuses_bad_shapes(tensors: Tensors):
    compiled = torch.compile(draw("sum"), fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match="covariances must be packed"):
        compiled(tensors[0], tensors[1][..., :2], tensors[2])


def test_forward_mode_raises_instead_of_giving_zeros(tensors: Tensors):
    means, *rest = tensors
    with pytest.raises(NotImplementedError):
        jvp(lambda m: draw("sum")(m, *rest), (means,), (means,))
    with forward_ad.dual_level(), pytest.raises(NotImplementedError):
        draw("sum")(forward_ad.make_dual(means, means), *rest)


def test_forward_mode_through_the_reference_is_right(tensors: Tensors):
    means, *rest = tensors
    _, tangent = jvp(lambda m: draw("sum", "reference")(m, *rest), (means,), (means,))
    step = 1e-6
    difference = (draw("sum")(means * (1 + step), *rest) - draw("sum")(means * (1 - step), *rest)) / (2 * step)
    torch.testing.assert_close(tangent, difference, rtol=1e-5, atol=1e-8)


def _kinds() -> list[Case]:
    """The first case of each operation, and of each composition, which save different arrays: opcheck takes seconds."""
    last_first = reversed(CASES)
    kinds = {(case.operation, case.options.get("compose"), case.options.get("form")): case for case in last_first}
    return [case for (_, compose, form), case in kinds.items() if form != "cholesky" or compose == "sum"]


@pytest.mark.parametrize("case", _kinds(), ids=lambda case: case.label)
def test_operations_pass_opcheck(case: Case):
    operation = OPERATIONS[case.operation]
    arrays = [torch.tensor(array) for array in case.arrays]
    options = [list(value) if isinstance(value, tuple) else value for value in case.options.values()]
    forward = getattr(torch.ops.gaussgrad, case.operation).default
    torch.library.opcheck(forward, (*arrays, *options, 0))
    out, *saved = forward(*arrays, *options, 0)
    backward = getattr(torch.ops.gaussgrad, f"{case.operation}_backward").default
    torch.library.opcheck(backward, (torch.ones_like(out), saved, *arrays, *options, 0))
    assert len(saved) == len(operation.saved(tuple(array.shape for array in case.arrays), case.options))


class Recorder(TorchDispatchMode):
    """Notes the names of all operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.append(operation.name())
        return operation(*args, **(kwargs or {}))


def test_modes_see_the_operation_forward_and_backward(tensors: Tensors):
    leaves = [array.requires_grad_() for array in tensors]
    with Recorder() as recorder:
        draw("sum")(*leaves).sum().backward()
    assert recorder.names.count("gaussgrad::render") == 1
    assert recorder.names.count("gaussgrad::render_backward") == 1


@pytest.mark.parametrize("tracing_mode", ["real", "fake"])
def test_a_traced_graph_holds_the_operation_not_its_result(tracing_mode: str, tensors: Tensors):
    graph = make_fx(draw("sum"), tracing_mode=tracing_mode)(*tensors)
    assert "gaussgrad.render.default" in graph.code
    moved = (tensors[0] + 0.5, *tensors[1:])
    assert_same(graph(*moved), draw("sum")(*moved))


@COMPOSES
def test_a_backward_pass_under_a_mode_gives_the_same_gradients(compose: str, tensors: Tensors):
    leaves = [array.requires_grad_() for array in tensors]
    plain = torch.autograd.grad(draw(compose)(*leaves).square().sum(), leaves)
    image = draw(compose)(*leaves)
    with Recorder():
        seen = torch.autograd.grad(image.square().sum(), leaves)
    for actual, expected in zip(seen, plain, strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_an_input_changed_before_the_backward_pass_is_noticed(tensors: Tensors):
    means, covariances, weights = tensors
    image = draw("sum")(means, covariances, weights.requires_grad_())
    means += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        image.sum().backward()


@COMPOSES
def test_fake_tensors_have_the_right_shape(compose: str):
    with FakeTensorMode():
        means = torch.empty(4, 3, 2, requires_grad=True)
        image = draw(compose)(means, torch.empty(4, 3, 3), torch.empty(4, 3, 5))
        assert image.shape == (4, 5, 7, 8)
        image.sum().backward()
        assert means.grad.shape == means.shape


def test_meta_tensors_have_the_right_shape():
    image = draw("union")(torch.empty(3, 2, device="meta"), torch.empty(3, 3, device="meta"))
    assert image.shape == (7, 8)
    assert image.device.type == "meta"


def test_only_the_wanted_gradients_are_given(tensors: Tensors):
    means, covariances, weights = tensors
    weights.requires_grad_()
    draw("sum")(means, covariances, weights).sum().backward()
    assert means.grad is None
    assert weights.grad.abs().sum() > 0


def test_parameters_and_subclasses_of_tensors_are_tensors(tensors: Tensors):
    parameter = torch.nn.Parameter(tensors[0])
    assert_same(draw("sum")(parameter, *tensors[1:]), draw("sum")(*tensors))


def test_a_batch_is_its_items(tensors: Tensors):
    for index in range(2):
        torch.testing.assert_close(
            draw("sum")(*tensors)[index], draw("sum")(*(array[index] for array in tensors)), rtol=0, atol=0
        )


def test_torch_decides_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, tensors: Tensors):
    kernels = OPERATIONS["render"].load_kernels("cpu")
    seen = []
    forward = kernels.forward

    def spy(*arrays: np.ndarray, threads: int, **options: object) -> object:
        seen.append(threads)
        return forward(*arrays, threads=threads, **options)

    monkeypatch.setattr(kernels, "forward", spy)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        draw("sum")(*tensors)
    finally:
        torch.set_num_threads(before)
    gaussgrad.render(*tensors, size=(7, 8), threads=5)
    assert seen == [3, 5]


@pytest.mark.gpu
@COMPOSES
def test_cuda_gives_the_image_and_gradients_of_the_cpu(compose: str, tensors: Tensors):
    results = []
    for device in ("cpu", "cuda"):
        leaves = [array.to(device).requires_grad_() for array in tensors]
        image = draw(compose)(*leaves)
        results.append([image.cpu(), *(g.cpu() for g in torch.autograd.grad(image.square().sum(), leaves))])
    for actual, expected in zip(*results, strict=True):
        assert_same(actual, expected)


@pytest.mark.gpu
def test_cuda_gives_nan_where_a_covariance_is_not_positive_definite():
    means = torch.tensor([[3.0, 3.0]], device="cuda")
    image = gaussgrad.render(means, torch.tensor([1.0, 2.0, 1.0], device="cuda"), size=(7, 8))
    assert image.isnan().any()
