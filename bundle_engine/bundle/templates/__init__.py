"""The bundles that `init` starts from, one folder each: texts with gaps to fill, and scripts as they are."""
