# The hub's table of contents: `make help`.
SHELL := /bin/bash
PYTHON ?= python3.11
BUS ?= embedded
PACKAGES := shared cli simulators $(sort $(wildcard services/*))
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test acceptance check bench lock fmt docs clean packages-test packages-bench

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36mmake %-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed ## Create .venv and install everything, as locked (fast when nothing changed)

run: setup ## Start the whole hub with a simulated CRM and sample leads (BUS=rabbitmq for RabbitMQ)
	@exec hubctl run --bus $(BUS)

test: setup packages-test ## Run all tests against real PostgreSQL, RabbitMQ, HTTP and Chromium
	@pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

acceptance: setup packages-test ## The test of each CRM from consent to equality, with 10,000 leads and faults (a few minutes)
	@CRM_LEADS=10000 pytest -s tests/e2e/test_crms.py $(ARGS)

check: setup .venv/installed-bench ## What CI runs: format, lint, types, import walls, generated docs, deployment, then all tests
	ruff format --check --quiet .
	ruff check --quiet .
	mypy shared/src cli/src simulators/src docs bench services/*/src
	mypy shared/tests cli/tests tests
	for tests in services/*/tests; do MYPYPATH=$$(dirname $$tests) mypy $$tests || exit 1; done # one by one: a dashed folder is no package, so names would clash
	lint-imports --no-logo
	python docs/generate.py --check
	@$(MAKE) --no-print-directory test

bench: setup packages-bench .venv/installed-bench ## Measure the hub against its yardsticks; writes docs/benchmarks.md
	@python -m bench $(ARGS)

lock: setup ## Make the dependency locks anew (ARGS=--upgrade to move to the newest versions)
	@requirements/lock.sh $(ARGS)

fmt: setup ## Format the code and fix what can be fixed
	@ruff format . && ruff check --fix .

docs: setup ## Generate what in docs/ comes from the code
	@python docs/generate.py

clean: ## Remove the virtual environment, caches and the local hub's data
	@rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -o -name '*.egg-info' | xargs rm -rf

.venv/installed: requirements/dev.txt requirements/bootstrap.txt $(PACKAGES:=/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing (a minute at most, the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(call install,dev)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@

.venv/installed-bench: requirements/bench.txt .venv/installed
	@$(call install,bench)
	@touch $@

packages-test:
	@requirements/debian.sh rabbitmqctl=rabbitmq-server chromium=chromium node=nodejs npm=npm

packages-bench:
	@requirements/debian.sh rabbitmqctl=rabbitmq-server

# uv is fast; where it cannot reach the packages in the way that pip is set up to, pip does it.
define install
$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/$(1).txt \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).txt
endef
