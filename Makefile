# What a developer runs. `make help` lists it.

PYTHON ?= python3
VENV := .venv
FLOOR := .venv-floor
# Where cargo builds; maturin takes it from here too. It lies outside of the clone, so that another
# clone, or a copy of this one, does not build Polars again.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rangebar-polars/target
# The plugin is linted by the command that builds it, which finds its dependencies built; `cargo
# clippy` would check all of Polars first. The flag makes it another build than that of the package.
CLIPPY := RUSTC_WORKSPACE_WRAPPER=clippy-driver \
	CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
LINTED := maturin develop --release --quiet --skip-install -- --cfg linted
BIN := $(VENV)/bin
# A whole ClickHouse server. It declares libraries that its client in Python needs, and the server
# does not.
SERVER := pip install --quiet --constraint constraints.txt --no-deps chdb-core
# The stub is compiled in, so that an extension of another state is noticed.
RUST := Cargo.toml Cargo.lock rangebar_polars/_internal.pyi $(shell find src -name '*.rs')
# Prints how many seconds a recipe took.
TOOK = echo "$(1): $$(( $$(date +%s) - start )) s"

.PHONY: help demo build test test-rust test-python test-floor lint fmt bench bench-guard docs links \
	pictures fuzz wheel clean need

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

demo: $(VENV)/built ## set up, build, and print bars of a small real sample
	@$(BIN)/python examples/demo.py demo-bars.parquet

build: $(VENV)/tools ## build the compiled extension into the package
	$(BIN)/maturin develop --release --quiet && touch $(VENV)/built

test: $(VENV)/built lint test-rust test-python ## set up and run every check and test

test-rust: ## the kernel's unit, property and doc tests, without Polars
	cargo test --no-default-features

test-python: $(VENV)/built $(VENV)/server $(VENV)/docs ## Python tests, doctests, README and examples
	$(BIN)/pytest --numprocesses 2 --dist loadfile

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

lint: $(VENV)/linted ## formatters, linters and type checkers
	cargo fmt --check
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest rangebar_polars._internal

fmt: $(VENV)/tools ## format everything
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/built $(VENV)/server ## measure: the kernel, whole calls, growth, rules, archive, stores
	cargo bench --no-default-features
	$(BIN)/python benches/calls.py
	POLARS_MAX_THREADS=1 $(BIN)/python benches/growth.py
	POLARS_MAX_THREADS=1 $(BIN)/python benches/rules.py
	$(BIN)/python benches/archive.py
	PYTHONPATH=tests $(BIN)/python benches/stores.py

fuzz: $(VENV)/built ## read N damaged or hostile inputs of each kind (default 20000)
	RANGEBAR_FUZZ=$(or $(N),20000) $(BIN)/pytest -q -k "fuzz or hostile" tests
	RANGEBAR_FUZZ=$(or $(N),20000) cargo test --no-default-features --test checkpoints hostile

bench-guard: ## compare the kernel's instruction counts with the stored ones (needs valgrind)
	$(PYTHON) benches/instructions.py

docs: $(VENV)/built $(VENV)/docs ## build the site (open _site/html/index.html), and test it
	rm -rf docs/api
	$(BIN)/python -m sphinx -c docs -d _site/doctrees --fail-on-warning --jobs 2 . _site/html
	RANGEBAR_SITE=_site/html $(BIN)/python -m pytest -q tests/site

links: $(VENV)/built $(VENV)/docs ## check the external links of the site (needs the network)
	$(BIN)/python -m sphinx -c docs -b linkcheck -d _site/doctrees -D nb_execution_mode=off . _site/links

pictures: $(VENV)/built ## draw the pictures of the features again
	$(BIN)/python docs/pictures.py

wheel: $(VENV)/tools ## build the wheel into dist/
	$(BIN)/maturin build --release --out dist

clean: ## remove the environments and the package; dependencies stay in CARGO_TARGET_DIR
	rm -rf $(VENV) $(FLOOR) dist _site docs/api rangebar_polars/*.so

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

$(VENV)/docs: constraints.txt $(VENV)/tools
	@start=$$(date +%s); echo "set up what builds the site"; \
	$(BIN)/pip install --quiet --constraint constraints.txt --group docs && \
	touch $@ && $(call TOOK,site)

$(VENV)/server: constraints.txt $(VENV)/tools
	@start=$$(date +%s); echo "get a ClickHouse server for the tests"; \
	$(BIN)/$(SERVER) && touch $@ && $(call TOOK,server)

$(VENV)/linted: $(VENV)/built
	$(CLIPPY) $(BIN)/$(LINTED)
	cargo clippy --quiet --no-default-features --all-targets -- -D warnings
	@touch $@

$(VENV)/built: $(VENV)/tools $(RUST)
	@start=$$(date +%s); echo "build (the first time about five minutes on two cores)"; \
	$(BIN)/maturin develop --release --quiet && touch $@ && $(call TOOK,build)
