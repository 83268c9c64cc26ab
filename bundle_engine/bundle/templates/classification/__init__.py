"""The template of a classification."""
