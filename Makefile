# The commands:
#   make demo   simulate the Burgers equation, discover it again, write demo/report.html
#   make test   format, lint, types, tests and examples: what continuous integration runs
#   make check  the same without the tests marked as slow, in two minutes: for daily work
# Each of them first makes .venv with the tested versions, and again only when they change.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
DEMO ?= demo
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types tests format clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make demo   discover the Burgers equation from simulated data; the report is $(DEMO)/report.html"
	@echo "make test   format, lint, types, tests and examples"
	@echo "make check  the same without the slow tests, in two minutes on two cores"
	@echo "make format rewrite the sources as ruff formats them"
	@echo "make clean  remove $(VENV), $(DEMO) and the caches"

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.10 or later, or say PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is older than Python 3.10; say PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "== installing into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

install: $(READY)

demo: $(READY)
	@$(BIN)/pdenet discover burgers -o $(DEMO) --overwrite
	@echo "Open $(DEMO)/report.html in a browser for the full report."

test: lint types tests
	@echo "== all checks passed"

check: CHOSEN := -m "not slow"
check: lint types tests
	@echo "== all checks passed but the slow ones: make test runs them"

lint: $(READY)
	@echo "== format"
	@$(BIN)/ruff format --check .
	@echo "== lint"
	@$(BIN)/ruff check .

types: $(READY)
	@echo "== types"
	@$(BIN)/mypy

tests: $(READY)
	@echo "== tests"
	@OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/pytest -q -n $(WORKERS) --dist worksteal --durations 10 $(CHOSEN)

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	@rm -rf $(VENV) $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis
