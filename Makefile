# Needs GNU make, Python 3.11 and the package index that pip uses; all else is fetched into .venv and .tools.
# Tools run through .venv/bin/python: console scripts keep the folder they were made in and break when it moves.

# Not from the environment: some shells keep the name of the machine in HOST.
HOST := 127.0.0.1
PORT ?= 8000
WORKERS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-clients check subtract bench new slices clean browser typescript format lock again

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: .venv/.main ## start the app (PORT=8000 HOST=127.0.0.1 WORKERS=1)
	@exec .venv/bin/python -m slice_api --host "$(HOST)" --port "$(PORT)" --workers "$(WORKERS)"

test: .venv/.installed browser typescript ## run the tests (ARGS="-k links")
	@.venv/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

# The packages that clients which others have made consist of are fetched for this alone.
test-clients: .venv/.installed ## try slices with the clients that others have made (ARGS="-k polling")
	@$(foreach from,$(npm_clients),.ci/npm $(from) .tools/clients/$(from:tests/slices/%/clients=%);)
	@$(foreach from,$(pip_clients),.ci/pip $(from) .tools/clients/$(from:tests/slices/%/clients=%)/python;)
	@.venv/bin/python -m pytest $(wildcard $(client_folders:%=%/try_*.py)) $(ARGS)

check: .venv/.installed ## lint, format, types, import contracts, lock
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python .venv/bin/lint-imports --no-logo
	@.venv/bin/python -m mypy $(tests_of_gone_slices:%=--exclude '^%/')
	@$(lock_has_no_address)

# The tests of a slice go with its folder.
slices_there := $(patsubst slice_api/slices/%/__init__.py,%,$(wildcard slice_api/slices/*/__init__.py))
client_folders = $(wildcard $(slices_there:%=tests/slices/%/clients))
npm_clients = $(patsubst %/package.json,%,$(wildcard $(client_folders:%=%/package.json)))
pip_clients = $(patsubst %/requirements.txt,%,$(wildcard $(client_folders:%=%/requirements.txt)))
tests_of_gone_slices := $(filter-out $(slices_there:%=tests/slices/%),$(wildcard tests/slices/*))

subtract: .venv/.installed ## take each slice away in turn; the rest must pass without it (ARGS="links keys")
	@.venv/bin/python -m tests.subtraction $(ARGS)

bench: .venv/.installed ## measure speed under load (CASE=…)
	@.venv/bin/python -m tests.load $(CASE)

# By value, and not by make's own export: what stands in them reaches the shell as it was typed, and is text there.
unexport name fields
new: export new_name = $(value name)
new: export new_fields = $(value fields)
new: .venv/.installed ## make a new slice (name=polls fields="question:str closes_at:datetime?")
	@.venv/bin/python -m slice_api new --fields="$$new_fields" -- "$$new_name"

slices: .venv/.main ## show the report card of every slice (name=links ARGS=--json)
	@.venv/bin/python -m slice_api slices $(name) $(ARGS)

clean: ## remove all that make has made
	rm -rf .venv .tools .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +

format: .venv/.installed
	@.venv/bin/python -m ruff check --fix-only
	@.venv/bin/python -m ruff format

browser: .venv/.installed
	@.ci/chromium

typescript:
	@.ci/npm tests/clients .tools/typescript

# ARGS=--regenerate takes the newest version of everything.
lock:
	@.ci/poetry lock $(ARGS)
	@$(lock_has_no_address)

# The lock serves every machine, whatever index its pip uses.
lock_has_no_address = ! grep -nE '^url = |https?://|file:/' poetry.lock

# One .venv serves both: `make run` needs no development packages, and leaves them alone where they are.
.venv/.main: pyproject.toml poetry.lock
	@.ci/poetry install --only main
	@touch $@

.venv/.installed: pyproject.toml poetry.lock
	@.ci/poetry sync --all-groups
	@touch .venv/.main $@

# A stamp says nothing once the Python behind .venv is gone.
ifeq ($(realpath .venv/bin/python),)
.venv/.main .venv/.installed: again
endif
