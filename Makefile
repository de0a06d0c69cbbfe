# Mien's commands. `make up` and `make test` install what they need; nothing else is to be done by hand.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --progress-bar off
APT    := $(shell grep -v '^\#' tests/apt.txt)
ARGS   ?=

.PHONY: help up test test-quick test-compose check format lock clean

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(VENV)/.run  ## Install, then run cameras, workers, embedded Redis and dashboard (ARGS="--camera door=rtsp://…")
	@exec $(BIN)/mien up $(ARGS)

test: $(VENV)/.test check  ## Install what tests need, then run everything
	$(BIN)/python -m pytest $(ARGS)

test-quick: $(VENV)/.test  ## Unit tests only
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-compose: $(VENV)/.test  ## The stack in containers, on this machine's Docker engine (some minutes)
	@docker compose version > /dev/null 2>&1 && docker info > /dev/null 2>&1 \
	  || { echo "No Docker engine with compose answers here: see docker info, docker compose version"; exit 2; }
	$(BIN)/python -m pytest -s tests/compose $(ARGS)

check: $(VENV)/.test  ## Format, lint, types, import rules, the Dockerfile
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo > /dev/null || $(BIN)/lint-imports
	$(BIN)/hadolint deploy/docker/Dockerfile

format: $(VENV)/.test  ## Format and mend what can be mended
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix --quiet .

lock:  ## Compile the pinned requirements anew
	$(BIN)/python requirements/compile.py

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Mien needs Python 3.11; say where it is: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing pinned dependencies (about 30 s the first time) …"
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: requirements/dev.txt pyproject.toml tests/apt.txt tests/install_prometheus | $(BIN)/python
	@echo "Installing pinned dependencies for tests (a minute or two the first time) …"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@tests/install_apt $(APT)
	@tests/install_prometheus $(abspath $(BIN))
	@touch $@ $(VENV)/.run
