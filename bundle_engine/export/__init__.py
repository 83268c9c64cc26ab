"""Turn a bundle's network into a file that runs without the bundle, and prove that it computes the same."""
