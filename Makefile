# Everything runs in VENV, which the first target that needs it makes. Without make: see CONTRIBUTING.md.

PYTHON ?= python3
ARGS ?=
FRAMEWORKS ?=
VENV ?= .venv
DOCS_VENV := .venv-docs
DEMO := demo
BIN := $(VENV)/bin
# --no-compile: Python compiles what is imported when it first is, a tenth of it all; pip would take longer than to install.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable
# So Python must be let write it: else each process compiles PyTorch for itself (2 s), or Lightning too (8 s).
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test docs bench check lint format clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
	@echo 'FRAMEWORKS=jax,tensorflow,keras,onnx,triton makes .venv with these too; tests of one that is missing are counted at the end.'
	@echo 'Variables: PYTHON=python3.12 makes .venv with that Python; ARGS="..." goes to the command of demo, test or bench.'

demo: $(VENV)/.installed-app ## train an autoencoder that draws Gaussians, about five minutes, fit a photograph; pictures in demo/
	@$(BIN)/gaussgrad train -o $(DEMO) --epochs 32 --minutes 3.5 $(ARGS) || { code=$$?; \
	echo 'With make, options go into ARGS: make demo ARGS=--overwrite or make demo ARGS=--resume' >&2; exit $$code; }
	@$(BIN)/gaussgrad fit -n 2000 --seconds 10 -o $(DEMO)/china.gauss --overwrite
	@echo 'The pictures are:'
	@ls $(DEMO)/*.png

# The type checker uses one core for half a minute: it runs beside the tests, and speaks after them.
test: lint ## linters, formatter, type checker and all tests, on every core, e.g. ARGS="-k render"
	@$(BIN)/mypy >$(VENV)/types.txt 2>&1 & types=$$!; trap 'kill $$types' INT TERM; \
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=20 $(ARGS); tests=$$?; \
	wait $$types; types=$$?; echo 'mypy:'; cat $(VENV)/types.txt; exit $$((tests | types))

docs: $(DOCS_VENV)/.installed-docs ## build the site, which needs no network to be read: docs/_build/html/index.html
	rm -rf docs/_build docs/_api docs/_gallery  # pages of what was renamed would stay
	$(DOCS_VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto --doctree-dir docs/_build/doctrees docs docs/_build/html

bench: $(VENV)/.installed-dev ## measure beside peers and bounds, about half an hour on a quiet machine; report in benchmark-report/
	$(BIN)/python -m benchmarks speed render -o benchmark-report --install-peers .peers $(ARGS)

check: lint ## linters, formatter and type checker only
	$(BIN)/mypy

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## format and mend what the linter can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove .venv, the demo and what the tools leave behind
	rm -rf $(VENV) .venv .venv-frameworks $(DOCS_VENV) .peers benchmark-report $(DEMO) build dist docs/_build docs/_api docs/_gallery .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The stamps spare the installation as long as neither the requirements nor the versions change.
$(VENV)/.installed-app: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[app]'
	@touch $@

$(DOCS_VENV)/.installed-docs: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(INSTALL:$(BIN)/%=$(DOCS_VENV)/bin/%) '.[docs]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[app,dev$(FRAMEWORKS:%=,%)]'
	@touch $@ $(VENV)/.installed-app
