"""The operations: one room each, the same files in every room (door, reference, kernels)."""
