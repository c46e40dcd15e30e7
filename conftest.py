"""Loads what every run needs, of docstrings or of tests: the counting of what it leaves out."""

pytest_plugins = ["left_out"]  # tests/support/left_out.py
