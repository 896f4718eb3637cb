# Everything a person or a machine does with this repository. `make` alone lists it.
# Each target prepares what it needs: Python >= 3.11 and make are all that a fresh machine must have.

TERRITORY ?= laval
DEMO_SECONDS ?=
export TERRITORY DEMO_SECONDS
# Modules are compiled once and kept, whatever the shell says: reading the libraries anew takes five seconds.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PY := $(VENV)/bin/python
CODE := keys consent journal gateway adapters sandbox tests $(wildcard benchmarks)
JOBS ?= 2

# Packages come as wheels whose hashes are in requirements/, and no others are accepted. The lists are complete, so pip
# has nothing to resolve. Compiling every module would cost more time than compiling those that get imported.
PIP := $(PY) -m pip --disable-pip-version-check --no-input -qq
INSTALL := $(PIP) install --require-hashes --only-binary=:all: --no-deps --no-compile -r
INSTALL_PROJECT := $(PIP) install --no-deps --no-build-isolation --no-index --no-compile --editable .
COMPILE := $(VENV)/bin/uv pip compile pyproject.toml --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	--extra gateway --extra adapter --extra postgres --group build $(LOCK_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt lock vectors docs bench clean
.DELETE_ON_ERROR:

help: ## list these targets
	@echo 'Passerelle — make targets (cibles) :'
	@sed -n 's/^\([a-z]*\):[^#]*## /\1 /p' Makefile | while read -r target words; do printf '  %-10s %s\n' "$$target" "$$words"; done

setup: $(VENV)/.developing ## prepare .venv for running and developing (the other targets do it themselves)

demo: $(VENV)/.running ## play one referral from end to end (TERRITORY=laval|fr, DEMO_SECONDS=N ends it)
	@exec $(PY) -m sandbox

test: $(VENV)/.developing ## run every test
	$(PY) -m pytest -n $(JOBS) --dist loadgroup --hypothesis-profile=full

check: $(VENV)/.developing ## verify format, lint, types, imports, and run the fast tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m pytest -n $(JOBS) --hypothesis-profile=fast -m 'not slow'

fmt: $(VENV)/.developing ## format the code and mend what the linter can
	$(PY) -m ruff check --fix --exit-zero .
	$(PY) -m ruff format .

lock: $(VENV)/.developing ## rewrite requirements/ from pyproject.toml (LOCK_FLAGS=--upgrade takes newer versions)
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --group dev --constraint requirements/run.txt --no-annotate --output-file requirements/dev.txt

vectors: $(VENV)/.developing ## make the protocol's test vectors again
	$(PY) tests/vectors/make.py

docs: $(VENV)/.developing ## write the help screens of the READMEs again
	$(PY) -m tests.help_screens

bench: $(VENV)/.developing ## print the figures of benchmarks/, as ratios of one run
	@$(PY) -m benchmarks.sealing
	@$(PY) -m benchmarks.admission
	@$(PY) -m benchmarks.audit

clean: ## remove what these targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and able to make a virtual environment.
$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m venv --clear $(VENV); \
		fi; \
	done; \
	echo 'Passerelle needs Python 3.11 or newer, with its venv module (make PYTHON=/path/to/python3 names one).' >&2; \
	echo 'Passerelle demande Python 3.11 ou plus récent, avec son module venv (make PYTHON=/chemin/python3 en désigne un).' >&2; \
	exit 1

$(VENV)/.running: requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo 'Installing what Passerelle runs with… / Installation de ce qu’il faut à Passerelle…'
	@$(INSTALL) requirements/run.txt
	@$(INSTALL_PROJECT)
	@touch $@

# The developers' list contains the other one.
$(VENV)/.developing: requirements/dev.txt requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo 'Installing what Passerelle is developed with… / Installation des outils de développement…'
	@$(INSTALL) requirements/dev.txt
	@$(INSTALL_PROJECT)
	@touch $(VENV)/.running $@
