"""Sweeps: runs of one bundle with other values."""
