# Entrepot: one command each to run it, to test it, to measure it.
# Everything lives in .venv, made from the locks in requirements/; nothing is installed elsewhere by `make serve`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DATA   ?= ./data
LISTEN ?= localhost:8080

.DEFAULT_GOAL := help
.PHONY: help serve test test-all check bench format lock tools clean

help: ## Show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/serve.stamp ## Prepare the environment and start the server on $(LISTEN), data in $(DATA)
	@$(BIN)/entrepot serve --listen $(LISTEN) --data $(DATA)

test: $(VENV)/dev.stamp ## Everything that needs no other service: unit, laws, formats, clients, conformance, faults
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/run

test-all: $(VENV)/dev.stamp ## As test, with the long fault runs, the slow clients, and all servers over every pair of stores
	@PATH="$(CURDIR)/$(BIN):$$PATH" ENTREPOT_TEST_LONG=1 tests/run

check: $(VENV)/dev.stamp ## Format, lint, types, import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/dev.stamp tools ## Side by side with the peers, into bench/results.json and a table
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m bench

tools: $(VENV)/dev.stamp ## The clients, peers and suites that tests and benchmarks use
	@$(BIN)/python -m tools

format: $(VENV)/dev.stamp ## Put every file in the house style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

LOCK = $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
       --no-annotate --no-header --quiet --python-version 3.11
lock: $(VENV)/dev.stamp ## Renew the locks
	@$(LOCK) --upgrade pyproject.toml requirements/build.in -o requirements/serve.lock
	@$(LOCK) --upgrade pyproject.toml requirements/build.in requirements/dev.in -o requirements/dev.lock
	@$(LOCK) --extra s3 --constraint requirements/dev.lock pyproject.toml requirements/build.in -o requirements/image.lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Entrepot needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "This Python has no venv module; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/%.stamp: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "preparing $(VENV) from $<"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

clean: ## Remove the environment and caches (never the data)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .import_linter_cache
