"""Measurements of gaussgrad, by one command: `python -m benchmarks ROOM …`; `--help` lists what is there."""
