# Needs make and Python 3.11 or newer, nothing else. `make demo` and `make test` do all the set-up themselves.
#
#   make demo   .venv with the core package, then the main job on the example pairs; prints where the report lies
#   make env    .venv alone, with the command .venv/bin/webiml
#   make test   .venv with everything that the tests need, then all tests
#   make lint   style, types and the import contract
#   make docs   the documentation as HTML, in docs/_build
#
# `make PYTHON=/path/to/python env` chooses the Python. GNU make 3.81, which macOS ships, is enough.

PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
CORE := $(VENV)/.webiml-core
DEV := $(VENV)/.webiml-dev
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: demo env test lint format docs clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

env: $(CORE)
	@echo "Ready: $(VENV)/bin/webiml --help"

demo: $(CORE)
	@rm -rf demo-dataset
	$(VENV)/bin/webiml annotate examples/pairs --out demo-dataset

test: $(DEV)
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

lint: $(DEV)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pyright
	$(VENV)/bin/lint-imports

format: $(DEV)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(DEV)
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:
	rm -rf $(VENV) build dist demo-dataset docs/_build

# A broken or too old .venv is made anew; a good one is kept, so the second call is quick.
define NEW_VENV
	@if ! $(PY) -c '$(NEW_ENOUGH)' 2>/dev/null; then \
	  found=; \
	  for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python3.14 python); do \
	    if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then found="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "webiml needs Python 3.11 or newer$(if $(PYTHON),: '$(PYTHON)' is not,; none was found). Install one, or say where it is: make PYTHON=/path/to/python3 env" >&2; \
	    exit 1; \
	  fi; \
	  "$$found" -m venv --clear $(VENV) || { \
	    echo "This Python has no venv. On Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }; \
	fi
endef

$(CORE): pyproject.toml constraints.txt
	$(NEW_VENV)
	$(PIP) install --quiet --editable . --constraint constraints.txt
	@touch $(CORE)

# pip compiles what it installs on one core, which takes as long as the rest; it is compiled on all of them here. A file
# that does not compile is one of a package's own tests or templates.
$(DEV): pyproject.toml constraints.txt
	$(NEW_VENV)
	$(PIP) install --quiet --no-compile --editable '.[dev]' --constraint constraints.txt
	@$(PY) -W ignore -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
	@touch $(CORE) $(DEV)
