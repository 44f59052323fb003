# What a developer runs. `make help` lists it.

PYTHON ?= python3
VENV := .venv
FLOOR := .venv-floor
# Where cargo builds; maturin takes it from here too.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# Clippy must not depend on which Python stands first on the path.
CLIPPY := PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1 cargo clippy --all-targets -- -D warnings
BIN := $(VENV)/bin
# A whole ClickHouse server. It declares libraries that its client in Python needs, and the server
# does not.
SERVER := pip install --quiet --constraint constraints.txt --no-deps chdb-core
RUST := Cargo.toml Cargo.lock $(shell find src -name '*.rs')
# Seconds a recipe took, said by the recipe itself.
TOOK = echo "$(1): $$(( $$(date +%s) - start )) s"

.PHONY: help demo test test-rust test-python test-floor lint fmt bench wheel clean need

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: $(VENV)/built ## set up, build, and print bars of a small real sample
	@$(BIN)/python examples/demo.py demo-bars.parquet

test: $(VENV)/built lint test-rust test-python ## set up and run every check and test

test-rust: ## the kernel's unit, property and doc tests, without Polars
	cargo test --no-default-features

test-python: $(VENV)/built $(VENV)/server ## Python tests, doctests, README and examples
	$(BIN)/pytest

test-floor: $(VENV)/built ## the Python tests on the oldest Polars that is supported, with the wheel
	rm -rf $(FLOOR) dist
	$(BIN)/maturin build --release --out dist
	$(PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/pip install --quiet --constraint constraints.txt --upgrade pip
	grep -v '^polars' constraints.txt > $(FLOOR)/constraints.txt
	$(FLOOR)/bin/pip install --quiet --constraint $(FLOOR)/constraints.txt --group test \
		polars==1.41.1 dist/*.whl
	$(FLOOR)/bin/$(SERVER)
	$(FLOOR)/bin/pytest tests

lint: $(VENV)/built ## formatters, linters and type checkers
	cargo fmt --check
	$(CLIPPY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest rangebar_polars._internal

fmt: $(VENV)/tools ## format everything
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/built $(VENV)/server ## measure: the kernel by criterion, whole calls, stores
	cargo bench --no-default-features
	$(BIN)/python benches/calls.py
	$(BIN)/python benches/stores.py

wheel: $(VENV)/tools ## build the wheel into dist/
	$(BIN)/maturin build --release --out dist

clean: ## remove the environments and what was built here
	rm -rf $(VENV) $(FLOOR) dist target rangebar_polars/*.so

need:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is missing or older than 3.11 (make PYTHON=/path/to/python3.11 ...)"; \
		exit 1; }
	@cargo --version >/dev/null 2>&1 || { \
		echo "cargo is missing: install a stable Rust (https://rustup.rs)"; exit 1; }

$(VENV)/tools: constraints.txt pyproject.toml | need
	@start=$$(date +%s); echo "set up $(VENV)"; \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/pip install --quiet --constraint constraints.txt --upgrade pip && \
	$(BIN)/pip install --quiet --constraint constraints.txt maturin polars --group test && \
	touch $@ && $(call TOOK,environment)

$(VENV)/server: constraints.txt $(VENV)/tools
	@start=$$(date +%s); echo "get a ClickHouse server for the tests"; \
	$(BIN)/$(SERVER) && touch $@ && $(call TOOK,server)

$(VENV)/built: $(VENV)/tools $(RUST)
	@start=$$(date +%s); echo "build (the first time about ten minutes on two cores)"; \
	$(BIN)/maturin develop --release --quiet && touch $@ && $(call TOOK,build)
