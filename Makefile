# make demo   run a small competition on this machine     make test    run every test
# make check  lint, types, contracts, migrations          make bench   the benchmarks, each with its ratio
.PHONY: install demo test check bench clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fields,site,test]'
	touch $@
