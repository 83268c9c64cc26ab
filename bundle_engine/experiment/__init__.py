"""What is made of several runs: cross-validation, sweeps, ensembles, a registry of models, comparisons."""
