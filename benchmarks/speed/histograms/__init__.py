"""Histograms with a gradient beside NumPy's, which has none, and beside the dense form that people write."""
