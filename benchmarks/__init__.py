"""Measurements of gaussgrad, by one command: `python -m benchmarks speed|quality …`; `--help` lists what is there."""
