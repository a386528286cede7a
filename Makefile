# Two commands are for everybody: `make demo` and `make test`. Each makes its own virtual environment
# in .venv from nothing; a Python (3.10 or later) with venv, a C compiler and make are all they need.

PYTHON ?= python3
CC ?= cc
VENV := .venv
BIN := $(VENV)/bin
NATIVE := pyproject.toml setup.py $(foreach at,xspress3/* xspress3/*/*,$(wildcard $(at)/_*.h $(at)/*_build.py $(at)/csrc/*.[ch]))
EXTRAS := hdf5,tango,view
ALL_EXTRAS := $(EXTRAS),load,plot,g3,ocs,clients,dranspose,bluesky,sardana,test,lint,docs

.PHONY: help demo test lint bench docs pages figures screenshots elements clean

help:
	@echo "make demo           see a simulated detector being acquired, streamed and written to a file"
	@echo "make test           run all tests"
	@echo "make lint           check style, types, imports and the C code"
	@echo "make bench          measure, and print a table (also written to build/bench.json)"
	@echo "make docs           build the documentation in build/docs, and run what it shows; needs Python 3.11"
	@echo "make figures        draw the pictures of the documentation again"
	@echo "make screenshots    take the pictures of the live view and of viewers again; needs Chromium and npm"
	@echo "make elements       make the table of emission lines of the live view again"
	@echo "make build/crossbar install the router that tests of the OCS agent need (2 minutes)"
	@echo "make clean          remove what was built and the virtual environment"

demo: $(VENV)/installed
	@$(BIN)/xspress3 demo

test: $(VENV)/complete
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo "make: no Chromium, so the page of the live view is not tested; install it, for example: apt-get install chromium"
	$(BIN)/python -m pytest

lint: $(VENV)/complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/complete
	$(BIN)/python -m benchmarks --output build/bench.json

# What the pages show is run as well, and the examples.
docs: pages
	$(BIN)/python -m pytest -q tests/docs $(wildcard tests/examples)
	@echo "make: the documentation is in build/docs/index.html"

# Every warning is an error.
pages: $(VENV)/complete
	@$(BIN)/python -c 'import sphinx' 2>/dev/null || { echo "make: the documentation needs Python 3.11 or later; say make PYTHON=... after make clean"; exit 1; }
	$(BIN)/python -m sphinx -b html -W --keep-going -q -j auto doc build/docs

figures: $(VENV)/complete
	$(BIN)/python doc/draw_figures.py

screenshots: $(VENV)/complete
	$(BIN)/python doc/take_screenshots.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'silx[full]' PyQt5
	$(BIN)/python doc/take_viewer_pictures.py

elements: $(VENV)/complete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check xraydb
	$(BIN)/python doc/make_element_lines.py

# What is missing is said in words before pip says it in a hundred lines.
$(VENV)/installed: $(NATIVE)
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON); install Python 3.10 or later, or say make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: $(PYTHON) is older than 3.10; say make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) has no venv; install it, for example: apt-get install python3-venv"; exit 1; }
	@command -v $(CC) >/dev/null || { echo "make: no C compiler ($(CC)); install one, for example: apt-get install gcc, or say make CC=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	CC=$(CC) $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

# Tests take more, of which clients of others are large.
$(VENV)/complete: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(ALL_EXTRAS)]'
	@touch $@

# The router of OCS, which some tests talk to. It wants old versions of common packages, so it has a place of its own.
build/crossbar: | build
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check crossbar || { rm -rf $@; exit 1; }

build:
	mkdir -p $@

clean:
	rm -rf $(VENV) build dist doc/reference/python *.egg-info
	rm -f xspress3/sim/*.so xspress3/stream/shared/*.so
	rm -f xspress3/sdk/_sdk.py xspress3/sim/_sim.py xspress3/stream/_bitshuffle.py xspress3/stream/shared/_shm.py
