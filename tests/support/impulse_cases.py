"""Frames and kernels in which impulses are tested."""

BACKENDS = ("reference", "cpu")
FRAMES = {  # d -> (size, kernel shape)
    1: ((13,), (4,)),
    2: ((7, 9), (3, 2)),
    3: ((4, 5, 6), (2, 3, 4)),
}
