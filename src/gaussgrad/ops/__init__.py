"""The operations: one room each, the same files in every room (door, reference, kernels)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that the type checker compares each module of kernels with the Protocol; a backend adds its own
    from gaussgrad.op import Kernels
    from gaussgrad.ops.histogram import cpu as histogram_cpu
    from gaussgrad.ops.impulse import cpu as impulse_cpu
    from gaussgrad.ops.mixture import cpu as mixture_cpu
    from gaussgrad.ops.render import cpu as render_cpu

    KERNELS: tuple[Kernels, ...] = (histogram_cpu, impulse_cpu, mixture_cpu, render_cpu)
