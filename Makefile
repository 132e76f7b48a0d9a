# Two commands for a newcomer: make demo, make test. Only Python 3.11+ and make are needed.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
BIN := $(VENV)/bin

K ?=
SELECT ?= not (full or slow or peers)

.PHONY: demo test test-all check docs clean

demo: $(VENV)/installed-cli
	$(BIN)/jaxsample generate -n 2 --temperature 0.9 --stats

# The tests of a file run in one process, where they share compiled programs.
TESTS := $(BIN)/python -m pytest -n auto --dist loadfile

# What a change could break, in minutes; `make test K=top_h` runs the tests of one thing.
test: $(VENV)/installed-$(EXTRAS)
	$(TESTS) -m "$(SELECT)" -k "$(K)"

# Everything: the laws over the whole table, statistics, trainings, other systems, notebooks.
test-all: $(VENV)/installed-$(EXTRAS)
	$(TESTS) -k "$(K)"

check: $(VENV)/installed-$(EXTRAS)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "the site is in docs/_build/html/index.html"

$(VENV)/installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jaxsample needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .hypothesis .jax_cache docs/_build
