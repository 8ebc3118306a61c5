# `make` alone lists the targets. Paths are relative on purpose: the folder's name may hold spaces.
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
ROOTS := config.py api_server.py worker.py search_server.py init_database.py database_models.py pipeline_architecture.py lookup_architecture.py
TYPED := $(ROOTS) veilgate containers training tests

.PHONY: help run test test-all check faults soak fuzz audit bench demo-classify train-vehicles train-likeness format clean dev

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: ## Install what is missing and run everything here (PORT=8000, DATA_DIR=data); Ctrl-C stops
	@./start.sh

dev:
	@./start.sh --prepare requirements-dev.txt

check: dev ## Format, lint, types, architecture and unit tests (on SQLite): under a minute, before every commit
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy $(TYPED)
	$(PYTHON) -m tests.side_by_side architecture unit -- --quiet -k "not mariadb"

test: dev ## Every suite that needs nothing but this machine
	$(PYTHON) -m tests.side_by_side --suites=light

test-all: dev ## Every suite; what cannot run here is named at the end
	$(PYTHON) -m tests.side_by_side --suites=all

faults: dev ## Every cell of the fault matrix, with its table: kills, cut wires, full disks
	FAULT_ROUNDS=50 $(PYTHON) -m pytest --quiet tests/faults

soak: dev ## Uploads while everybody is killed at random, then without kills, MINUTES each (10)
	$(PYTHON) -m tests.faults.soak --minutes $(or $(MINUTES),10)
	$(PYTHON) -m tests.faults.soak --minutes $(or $(MINUTES),10) --quiet

fuzz: dev ## Inputs made up by machines for every call and every reader of bytes, FUZZ_SECONDS (180)
	$(PYTHON) -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),180)

audit: dev ## Known weaknesses of what is installed, asked of PyPI; fails where it cannot ask
	$(PYTHON) -m pip_audit --strict --requirement requirements.txt --requirement requirements-extras.txt

bench: dev ## Measure speed and quality on this machine
	$(PYTHON) -m bench

demo-classify: dev ## Ask made-up vendors what a picture shows, and print each line as it comes
	$(PYTHON) -m tests.stubs.demo

train-vehicles: ## Train the vehicle detector: DATA=folder of images/ and labels/, OUT=folder to keep everything in
	@test -n "$(DATA)" && test -n "$(OUT)" || { echo 'make train-vehicles DATA=folder OUT=folder'; exit 2; }
	@VEILGATE_VENV=.venv-training ./start.sh --prepare requirements-training.txt
	.venv-training/bin/python -m training vehicles --data "$(DATA)" --out "$(OUT)"

train-likeness: ## Train the embedder: DATA=folder of images/, OUT=folder to keep everything in
	@test -n "$(DATA)" && test -n "$(OUT)" || { echo 'make train-likeness DATA=folder OUT=folder'; exit 2; }
	@VEILGATE_VENV=.venv-training ./start.sh --prepare requirements-training.txt
	.venv-training/bin/python -m training likeness --data "$(DATA)" --out "$(OUT)"

format: dev ## Rewrite the code in the house's format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean: ## Remove caches and build leavings; data/ and .venv/ stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +
