# Every target does its own set-up: a fresh machine needs python 3.11 or newer, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
ROWS ?= 1000000

# Without the compiled files that Python keeps beside its sources every command starts three seconds later.
export PYTHONDONTWRITEBYTECODE :=

# uv installs in seconds what takes pip a minute; where it cannot be had or fails, pip does it.
install = $(BIN)/python -m uv pip install --quiet --system-certs --python $(BIN)/python -c constraints.txt $(1) 2>/dev/null \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(1)

.PHONY: setup demo dev test check bench bench-api wheel clean

.venv/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lms_etl needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@echo "Installing lms_etl into .venv ..."
	@$(call install,-e .)
# For a plain `dagster dev` in this folder, which else would take the production instance of dagster.yaml.
	@grep -qs '^DAGSTER_HOME=' .env || echo "DAGSTER_HOME=$$($(BIN)/python -m lms_etl.instance)" >> .env
	@touch $@

.venv/developer: .venv/base
	@echo "Installing the developer's tools into .venv ..."
	@$(call install,-e '.[dev]')
	@touch $@

.venv/benchmarks: .venv/developer
	@$(call install,-e '.[dev,bench]')
	@touch $@

setup: .venv/developer

demo: .venv/base
	@$(BIN)/lms-etl demo

dev: .venv/base
	@$(BIN)/lms-etl dev

test: .venv/developer
	@$(BIN)/python -m pytest -n 4 --dist worksteal

check: .venv/developer
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 4 --dist worksteal

bench: .venv/benchmarks
	$(BIN)/python -m benchmarks.backfill --rows $(ROWS)
	$(BIN)/python -m benchmarks.daily --rows $(ROWS)
	$(BIN)/python -m benchmarks.sensors

bench-api: .venv/benchmarks
	$(BIN)/python -m benchmarks.api_reading
	$(BIN)/python -m benchmarks.api

wheel: .venv/developer
	$(BIN)/python -m hatchling build -t wheel

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
