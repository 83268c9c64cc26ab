"""Measurements against the installed MONAI, as ratios in the same run. `python -m tests.benchmarks` prints all."""
