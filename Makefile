# make demo | test | stress | check | bench | clean. Needs Python 3.11 or later and nothing else; everything lands in .venv and build.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 python 2>/dev/null))
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet
PYTEST := $(BIN)/python -m pytest
TENSORFLOW_TESTS := tests/training/tensorflow_side
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test stress check bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	@mkdir -p build
	$(BIN)/hpsearch run search_spaces/digits_space.yaml --database build/demo.db

# Keras decides for one backend per process: the trainer's tests have TensorFlow, all others are the coordinator's side,
# which runs a file a core, in the order of the folders: by number of tests, the longest test of all would come last. Most
# long tests start workers of their own, so that more than four would only crowd.
test: $(VENV)/installed-dev
	KERAS_BACKEND=numpy $(PYTEST) -m "not stress" --ignore $(TENSORFLOW_TESTS) $(SPREAD)
	KERAS_BACKEND=tensorflow $(PYTEST) $(TENSORFLOW_TESTS) $(SPREAD)

# The same promises over many more kills and seeds than `make test` has time for, and the steps of the Dockerfile.
stress: $(VENV)/installed-dev
	KERAS_BACKEND=numpy $(PYTEST) -m stress --ignore $(TENSORFLOW_TESTS) $(SPREAD)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -q tests/test_architecture.py

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis $(VENV)

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "hpsearch needs Python 3.11 or later, and no python3 was found on PATH; install it, or run: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hpsearch needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) -c 'import platform; print(platform.python_version())'); install one, or run: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@touch $@

# One stamp a set of packages: a second call installs nothing, a changed pyproject.toml or constraints.txt does.
$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/installed-%: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) -e '.[$*]'
	@touch $@ $(VENV)/installed
