# make demo: the main job. make test: the tests. make help: the rest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
DEMO ?= runs/demo
MODEL ?= models/mammogram-detector/model.pt
WORKERS ?= 2

BIN := $(VENV)/bin
USE := $(VENV)/installed
DEV := $(VENV)/installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo dashboard test test-all check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(DEMO)/run.json ## audit the mammogram detector on the digital phantoms; says where the results are
	@echo
	@echo "report     $(DEMO)/report.pdf"
	@echo "run        $(DEMO)"
	@echo "dashboard  $(BIN)/xaimed dashboard $(DEMO)     (or: make dashboard)"

# Exit code 1 means that the audit is done and a criterion failed: the results are there.
$(DEMO)/run.json: $(MODEL) audits/quick.toml | $(USE)
	rm -rf $(DEMO)
	$(BIN)/xaimed audit $(MODEL) --dataset test --out $(DEMO) || [ $$? -eq 1 ]

dashboard: $(USE) ## browse the runs in runs/
	$(BIN)/xaimed dashboard runs

test: $(DEV) ## the tests, without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not gpu"

test-all: $(DEV) ## every test that this machine can run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(DEV) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/mypy

clean: ## remove the environment and caches; runs/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(USE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV): some minutes, once"
	$(PIP) -e '.[all]'
	@touch $@

$(DEV): $(USE)
	$(PIP) -e '.[all,dev]'
	@touch $@
