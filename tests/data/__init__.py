"""Tests of tables of subjects, of splits, and of preprocessing that is kept."""
