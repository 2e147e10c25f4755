# Everything a person does here; each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
ARGS ?=

.PHONY: help demo up bench test crashdrill check format lock clean
help: ## Say what the targets do
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "txmsg needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/base.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(RUNTIME) ## Set up, start everything, post forty events and show them (ARGS=--once ends afterwards)
	$(BIN)/python manage.py demo $(ARGS)

up: $(RUNTIME) ## Set up and start everything on this machine
	$(BIN)/python manage.py up $(ARGS)

bench: $(RUNTIME) ## Measure speed beside other systems (ARGS="all --json"; up to 40 minutes)
	$(BIN)/python manage.py bench $(ARGS)

test: $(DEV) ## Set up and run the tests (ARGS are pytest's)
	$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n 2)

crashdrill: $(RUNTIME) ## Kill, freeze and cut an installation of its own, and count (ARGS=--full for long)
	$(BIN)/python manage.py crashdrill $(ARGS)

check: $(DEV) ## Format, lint, imports, types, migrations, deployment settings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	DATABASE_URL=postgres:///txmsg REDIS_URL=redis://127.0.0.1:6379/0 ALLOWED_HOSTS=txmsg.example SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') $(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(DEV) ## Format and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(DEV) ## Make the hashed requirements anew (needs uv)
	for set in base dev bench; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links requirements/$$set.in -o requirements/$$set.txt; done

clean: ## Remove the virtual environment and caches (not the data in var/)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
