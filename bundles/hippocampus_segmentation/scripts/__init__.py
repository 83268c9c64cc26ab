"""Python code of the hippocampus bundle: what its YAML files cannot say by themselves."""
