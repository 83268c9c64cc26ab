# Two commands for newcomers: `make demo` and `make test`. Each makes an environment of its own and does everything.
PYTHON ?= python3
# the version that the tests run with; any from 2.2 on works: make test TORCH=torch
TORCH ?= torch==2.13.0
DEMO := .venv-demo
TEST := .venv-test
WORKERS ?= 2

.PHONY: demo test lint benchmark clean help

help:
	@echo "make demo       train, evaluate and use a 3D network on the brain template that nilearn ships (3 minutes)"
	@echo "make test       all tests, after the linters (10 minutes)"
	@echo "make lint       ruff and mypy only"
	@echo "make benchmark  measure against the installed MONAI (5 minutes)"
	@echo "make clean      remove the environments and what the demo wrote"

demo: $(DEMO)/installed
	$(DEMO)/bin/python -m bundle_engine run --bundle bundles/brain_tissue_segmentation

test: lint
	OMP_NUM_THREADS=1 $(TEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(TEST)/installed
	$(TEST)/bin/python -m ruff check .
	$(TEST)/bin/python -m ruff format --check .
	$(TEST)/bin/python -m mypy

benchmark: $(TEST)/installed
	$(TEST)/bin/python -m tests.benchmarks

clean:
	rm -rf $(DEMO) $(TEST) build dist outputs *.egg-info

$(DEMO)/installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --upgrade pip
	$(DEMO)/bin/python -m pip install --quiet $(TORCH)
	$(DEMO)/bin/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(TEST)/installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/python -m pip install --quiet --upgrade pip
	$(TEST)/bin/python -m pip install --quiet $(TORCH)
	$(TEST)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@
