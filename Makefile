# `make demo` and `make test` do the whole set-up on a machine that has only Python >= 3.11 (and, for the native signing
# engine, a Rust toolchain). OAUTHREG_BUILD=native|profiled|pure demands an engine, OAUTHREG_ENGINE=native|pure runs one.

PYTHON ?= python3
VENV ?= .venv
PROVIDER ?= twitter
ARGS ?=

python := $(VENV)/bin/python
build := $(or $(OAUTHREG_BUILD),auto)$(if $(shell command -v cargo),-with-cargo)
sources := pyproject.toml Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name '*.py')
# Under the profile and the interpreter of the installation, so that OpenSSL is not compiled a second time.
cargo := PYO3_PYTHON=$(abspath $(python)) cargo

# An installation is remembered by a stamp for its extra and its build; each extra includes the ones before it.
stamps := $(VENV)/installed
cli := $(stamps)/$(build)/cli
test := $(stamps)/$(build)/test
dev := $(stamps)/$(build)/dev

.PHONY: help demo docs test test-rust bench measure count-instructions lint lint-rust set-up wheel

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(cli) ## log in to a local provider: make demo PROVIDER=flickr
	$(python) -m oauthreg demo $(PROVIDER)

test: $(test) ## run all tests: make test ARGS='tests/signing -x'
	$(python) -m pytest $(ARGS)

test-rust: $(dev) ## run the crate's own tests
	$(cargo) test --release --locked

set-up: $(dev) ## install what development needs, and run nothing

wheel: | $(VENV)/bin/pip ## make the wheel that is released, in dist/
	@OAUTHREG_BUILD=profiled $(python) rust/build_backend.py
	OAUTHREG_BUILD=profiled $(python) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

docs: $(test) ## write what is made in the documents, from the providers' files and the last measurement
	$(python) docs/make_pages.py

measured := .benchmarks/latest.json

# What is measured is what wheels are released with, unless the toolchain lacks what that takes: that is said then.
bench: ## measure, print the tables and write docs/performance.md: make bench ARGS='-k verify' only prints
	@$(MAKE) --no-print-directory measure OAUTHREG_BUILD=$${OAUTHREG_BUILD:-$$( \
	    OAUTHREG_BUILD=profiled $(PYTHON) rust/build_backend.py >/dev/null && echo profiled || echo auto)}

measure: $(test)
	@mkdir -p $(dir $(measured))
	$(python) -m pytest tests/bench --benchmark-enable --benchmark-only --benchmark-quiet \
	    --benchmark-json=$(measured) $(ARGS)
	$(python) docs/make_pages.py $(measured)

count-instructions: $(test) ## count what a native signature executes: make count-instructions ARGS=--keep
	$(python) tests/bench/count_instructions.py $(ARGS)

lint: $(dev) ## check style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	@case "$$($(python) rust/build_backend.py)" in \
	    *' native '*) $(MAKE) --no-print-directory lint-rust ;; \
	    *) echo 'no native engine is built here: Rust is not checked' ;; \
	esac

lint-rust: $(dev)
	MYPYPATH=python $(python) -m mypy.stubtest oauthreg.signing._native
	$(cargo) fmt --check
	$(cargo) clippy --release --all-targets --locked -- -D warnings

# A profiled build compiles twice.
minutes := $(if $(filter profiled,$(OAUTHREG_BUILD)),six to ten,three to five)

# The engine that an install builds is said here, because pip keeps the build's own words to itself.
$(stamps)/$(build)/%: $(sources) | $(VENV)/bin/pip
	@chosen=$$($(python) rust/build_backend.py) && echo "$$chosen" && case "$$chosen" in \
	    *' native '*) echo 'oauthreg: setting up $(VENV); a first native build takes $(minutes) minutes' ;; \
	    *) echo 'oauthreg: setting up $(VENV)' ;; \
	esac
	@$(python) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@rm -rf $(filter-out $(stamps)/$(build),$(wildcard $(stamps)/*))
	@mkdir -p $(@D)
	@touch $(@D)/cli $(if $(filter test dev,$*),$(@D)/test) $(if $(filter dev,$*),$(@D)/dev)

# pip is the last thing that venv makes: half an environment is none.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'oauthreg needs Python >= 3.11: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -m venv $(VENV)
