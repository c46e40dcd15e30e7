"""The kernels on a GPU: beside dense code, replayed as graphs, and beside the bounds of the device."""
