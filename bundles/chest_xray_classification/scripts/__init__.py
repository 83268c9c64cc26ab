"""Python code of the chest X-ray bundle: what its YAML files cannot say by themselves."""
