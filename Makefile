# make demo [PORT=8000]  a small competition on this machine     make test   every test
# make check             lint, types, contracts, translations    make bench  the benchmarks, each with its ratio
.PHONY: install services demo test check format bench clean
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt scoring/clean_rows.cpp
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (a few minutes the first time) ..."
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fields,site,test]'
	@touch $@

demo: install
	@exec env DEMO=true $(BIN)/python manage.py demo --port $(PORT)

# Redis, PostgreSQL, nginx, Chromium: installed where this is Debian and we may; else their tests skip by name.
services:
	@.ci/services

test: install services
	$(BIN)/pytest $(PYTEST_ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DEBUG=true $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/pytest -q tests/test_translations.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m cloud_images benchmark
	$(BIN)/python -m scoring benchmark
	$(BIN)/python -m starter_kit benchmark

clean:
	rm -rf .venv build scoring/*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
