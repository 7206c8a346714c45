# Every target does its own set-up: a fresh machine needs python 3.11 or newer, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
ROWS ?= 1000000

.PHONY: setup demo dev test check bench wheel clean

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lms_etl needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@echo "Installing packages into .venv ..."
	@$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

setup: .venv/installed

demo: setup
	@$(BIN)/lms-etl demo

dev: setup
	@$(BIN)/lms-etl dev

test: setup
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: setup
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[bench]' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.backfill --rows $(ROWS)
	$(BIN)/python -m benchmarks.daily --rows $(ROWS)

wheel: setup
	$(BIN)/python -m uv build --quiet --wheel --out-dir dist

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
