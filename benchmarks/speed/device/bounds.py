"""What a device is called, and what it could do: bytes and float32 multiply-adds in a second."""

import shutil
import subprocess
from dataclasses import dataclass

import torch

from benchmarks.speed.device.clock import times

COPIED = 2**28  # float32 numbers: no cache holds them
SIDE = 8192  # of the matrices whose product counts multiply-adds


@dataclass(frozen=True)
class Bounds:
    """Rates of a device, each the best of some tries."""

    bytes_per_second: float
    fused_per_second: float  # float32 multiply-adds, without tensor cores

    def seconds(self, moved: float, fused: float) -> float:
        """The least time for so many bytes and multiply-adds."""
        return max(moved / self.bytes_per_second, fused / self.fused_per_second)


def describe(device: torch.device) -> str:
    """The device, its driver, and the versions."""
    found = f"torch {torch.__version__}"
    if device.type != "cuda":
        return f"{device}; {found}"
    import triton

    properties = torch.cuda.get_device_properties(device)
    memory = f"{properties.total_memory / 2**30:.0f} GiB"
    where = f"{properties.name}, {memory}, driver {_driver()}, CUDA {torch.version.cuda}"
    return f"{where}; {found}, triton {triton.__version__}"


def _driver() -> str:
    """The version of the driver, as its own tool tells it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "of unknown version"
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[0] or "unknown"


def measure(device: torch.device, seconds: float, *, numbers: int = COPIED, side: int = SIDE) -> Bounds:
    """Copy one large array, and multiply two large matrices, in float32 proper."""
    source = torch.ones(numbers, device=device)
    target = torch.empty_like(source)
    copied = min(times(lambda: target.copy_(source), device, seconds))
    left, right = torch.ones(side, side, device=device), torch.ones(side, side, device=device)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # no TF32: kernels have no use for tensor cores
    try:
        multiplied = min(times(lambda: left @ right, device, seconds))
    finally:
        torch.set_float32_matmul_precision(before)
    return Bounds(2 * source.nbytes / copied, side**3 / multiplied)
