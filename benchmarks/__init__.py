"""gaussgrad beside its peers and beside the machine's bounds, in one run: `python -m benchmarks -o FOLDER`."""
