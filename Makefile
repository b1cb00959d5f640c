# The two commands: `make demo` sets up and runs the whole line on a sample export; `make test` sets up and tests.
PYTHON ?= python3
BIN := .venv/bin
DEMO := demo
PATIENTS ?= 40
DOCUMENTS ?= 300
PORT ?= 8765
export PYTHON

.PHONY: help demo serve test test-all lint format bench setup setup-dev clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup:
	@tools/setup

setup-dev:
	@tools/setup dev

demo: setup  ## Make a sample export, archive, verify and index it; then say how to open the viewer
	@tools/demo $(DEMO) $(PATIENTS) $(DOCUMENTS) $(PORT)

serve:  ## Keep the viewer of the demo running (Ctrl-C ends it)
	@test -e $(DEMO)/archive/archive.toml || { echo "Run 'make demo' first."; exit 2; }
	$(BIN)/journalarkiv serve $(DEMO)/archive --port $(PORT) --demo

test: setup-dev lint  ## Check style and types and run the tests (under 15 minutes on 2 cores)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: setup-dev lint  ## Run every test, the hours-long ones too
	$(BIN)/python -m pytest

lint: setup-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup-dev  ## Put the code in its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev  ## Measure registration, normalising, the corpus and the whole line; figures go to build/bench
	mkdir -p build/bench
	$(BIN)/python -m bench.normalise --out build/bench/normalise.json
	$(BIN)/python -m bench.corpus --out build/bench
	$(BIN)/python -m bench.register --out build/bench/register.json
	$(BIN)/python -m bench.end_to_end ../shared/exports/cosdoc/export --mapping docs/mappings/cosdoc.toml \
	  --out build/bench/end_to_end.json

clean:  ## Remove the demo and everything built
	rm -rf $(DEMO) build .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
