"""Memory that the next ones who ask for some find full of NaN: what a kernel takes unwritten shows."""

import ctypes
import sys

SIZES = range(32, 8_192, 16)  # bytes: those of what kernels ask for, and of much else
OF_EACH = 1
PERTURB = -6  # of mallopt, as malloc.h of the GNU C library has it


def leave_dirty_memory() -> None:
    """Ask the C library for memory of many sizes, fill it with NaN, and give it back."""
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    blocks = []
    for size in SIZES:
        for _ in range(OF_EACH):
            blocks.append(library.malloc(size))
            ctypes.memset(blocks[-1], 0xFF, size)
    for block in blocks:
        library.free(block)


def hand_out_full_memory() -> None:
    """In this process the GNU C library fills what it hands out with huge numbers, but for small pieces given back."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        library.mallopt(PERTURB, 1)
