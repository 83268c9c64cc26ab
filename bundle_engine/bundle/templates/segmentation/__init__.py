"""The template of a segmentation."""
