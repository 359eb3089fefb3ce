# The commands of the project. `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
export PYTHONPATH := .

.DEFAULT_GOAL := help
.PHONY: help run up down status test check unit distributed bench schemas lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.run: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 이상이 필요합니다 / Python 3.11 or newer is needed")'
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.dev
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	touch $@

run: $(VENV)/.run ## set up and run the whole system on this machine, with sample data
	@$(PY) -m cli run

up: $(VENV)/.run ## the distributed system as local processes, with the same sample: real Kafka, real PostgreSQL
	@$(PY) -m deploy up --sample

down: $(VENV)/.run ## stop what `make up` started, and only that
	@$(PY) -m deploy down

status: $(VENV)/.run ## what of `make up` is running
	@$(PY) -m deploy status || true

check: $(VENV)/.dev ## format, lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports

unit: $(VENV)/.dev ## tests that need nothing but Python
	$(PY) -m pytest -q -m "not kafka and not postgres and not distributed"

distributed: $(VENV)/.dev ## tests on a real Kafka and PostgreSQL; says loudly what it cannot start
	$(PY) -m pytest -q -m "kafka or postgres or distributed"

test: check unit distributed ## everything; REQUIRE_DISTRIBUTED=1 makes a skipped server a failure

bench: $(VENV)/.bench ## ratios against yardsticks in one run, also as build/bench.json
	-@bash deploy/tools.sh
	$(PY) -m tests.benchmarks

schemas: $(VENV)/.dev ## write the JSON Schemas and the AsyncAPI document of all events
	$(PY) -m libs.contracts.schemas

lock: ## resolve the lock files anew (needs uv); they hold hashes and no addresses
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:bench -c requirements.lock -c requirements-dev.lock -o requirements-bench.lock

clean: ## remove what was built; keeps var/ (data) and .venv
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
