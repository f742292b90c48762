# Everything runs from .venv, which `make setup` makes from any Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: setup setup-dev demo metrics train-ml test lint bench clean

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mdstream needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,influxdb,slack,dashboard,forecasting,notebook]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,influxdb,slack,dashboard,forecasting,notebook,dev]'
	@touch $@

demo: setup
	$(BIN)/mdstream demo $(ARGS)

train-ml: setup
	$(BIN)/mdstream train $(ARGS)

metrics: setup
	$(BIN)/mdstream metrics $(ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy mdstream jobs tests bench
	$(BIN)/lint-imports --config setup.cfg

test: lint
	$(BIN)/python -m pytest $(ARGS)

# About 20 minutes on an idle machine; bench/RESULTS.md says which longer runs its figures are of.
bench: setup-dev
	$(BIN)/python -m bench.live_bars latency --seconds 60
	$(BIN)/python -m bench.live_bars catch-up
	$(BIN)/python -m bench.store_ticks
	$(BIN)/python -m bench.sinks
	$(BIN)/python -m bench.feeds
	$(BIN)/python -m bench.rest
	$(BIN)/python -m bench.websocket

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
