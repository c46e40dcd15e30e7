"""Triton's compiler where there is no GPU: it makes machine code for one, and launches nothing."""

from collections import Counter
from typing import Any

COMPILED = (
    "render-2d-union-0.0111-area",
    "render-3d-sum-0.0001-density-point-cholesky",
    "mixture_log_density-20",
)


class AbsentGPU:
    """The driver of a GPU of the Hopper generation, which is not here."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int = 0) -> int:
        return 0

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)


def compile_kernels() -> Counter[str]:
    """How often each kernel was compiled for a few cases that reach all of them; for a process that interprets none."""
    import torch
    from cases import CASES, SIZES, render_inputs
    from oracle import operation_of
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    launch, found = JITFunction.run, Counter[str]()

    def compile_only(self: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        kernel = launch(self, *arguments, grid=grid, warmup=True, **options)
        assert kernel.asm["cubin"]
        found[self.__name__] += 1
        return kernel

    driver.set_active(AbsentGPU())
    JITFunction.run = compile_only
    for number, label in enumerate(COMPILED):
        case = next(case for case in CASES if case.label == label)
        arrays, options = case.arrays, case.options
        if options.get("size") == SIZES[2]:  # enough tiles and Gaussians for lists
            arrays, options = render_inputs(2, n=40), {**options, "size": (40, 40)}
        kernels = operation_of(case).load_kernels("cuda")
        if case.operation == "render":
            kernels.NESTED_FROM = 0  # lists made from lists
        dtype = torch.float64 if number % 2 else torch.float32
        tensors = [torch.tensor(array, dtype=dtype) for array in arrays]
        out, saved = kernels.forward(*tensors, threads=1, **options)
        kernels.backward(out, saved, *tensors, threads=1, **options)
    return found
