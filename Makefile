# `make quickstart`, `make test` and `make docs` need Python 3.11 or newer with
# pip only.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# That of the benchmarks; without a version pip may look for one with CUDA.
TORCH ?= torch==2.13.0

.PHONY: quickstart test versions docs lint dist format benchmark clean

quickstart: $(VENV)/.installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/keras-igpt quickstart

# Two processes share the cores: more threads of scikit-learn's would only wait.
test: $(VENV)/.installed-test lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" -n 2 --dist worksteal --durations=10
	for backend in jax torch; do \
	  echo "On $$backend:"; \
	  KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 \
	    $(BIN)/python -m pytest -m backends -n 2 --durations=5 || exit 1; \
	done

# The lowest versions that setup.cfg allows and the newest, on each Python that
# is there, in environments that are thrown away: some minutes each.
versions:
	$(PYTHON) .ci/versions.py

# Into build/docs. The variable turns off an advertisement of the theme.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Compares with Hugging Face and KerasHub, each in an environment of its own, and
# writes the tables: some 20 minutes of a machine that does nothing else.
benchmark: $(VENV)/.installed
	$(BIN)/python -m benchmarks --repeats 3 --write docs/speed.md

# A wheel and the sources in dist, the same bytes from the same commit: the
# archive is packed anew, for its times are those of the build; what an earlier
# build left would be packed too.
dist: $(VENV)/.installed-test
	rm -rf dist build/lib build/bdist.* keras_igpt.egg-info && mkdir -p dist
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) && \
	$(BIN)/python -c "from setuptools import build_meta; \
	  build_meta.build_wheel('dist'); build_meta.build_sdist('dist')" && \
	cd dist && archive=$$(basename *.tar.gz .tar.gz) && \
	tar xzf $$archive.tar.gz && \
	tar --sort=name --mtime=@$$SOURCE_DATE_EPOCH --owner=0 --group=0 \
	  --numeric-owner --mode=go-w -cf - $$archive | gzip -n > $$archive.tar.gz && \
	rm -r $$archive

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Some distributions ship Python without what `venv` needs; virtualenv has it.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || \
	  ($(PYTHON) -m pip install --user virtualenv && \
	   $(PYTHON) -m virtualenv --clear $(VENV))

$(VENV)/.installed: $(BIN)/python setup.cfg
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed setup.cfg
	$(BIN)/python -m pip install --quiet --editable .[test,jax,torch] $(TORCH)
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed setup.cfg
	$(BIN)/python -m pip install --quiet --editable .[docs]
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
