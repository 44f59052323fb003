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
# Maturin first calls cargo and pip without its own --quiet; errors are printed all the same.
DEVELOP := CARGO_TERM_QUIET=true PIP_QUIET=1 $(BIN)/maturin develop --release --quiet
# A whole ClickHouse server. It declares libraries that its client in Python needs, and the server
# does not.
SERVER := pip install --quiet --constraint constraints.txt --no-deps chdb-core
# The stub is compiled in, so that an extension of another state is noticed.
RUST := Cargo.toml Cargo.lock rangebar_polars/_internal.pyi $(shell find src -name '*.rs')
# Prints how many seconds a recipe took.
TOOK = echo "$(1): $$(( $$(date +%s) - start )) s"

.PHONY: help setup demo build test test-rust test-python test-floor lint fmt bench bench-guard bench-peers bench-validate docs \
	links pictures fuzz fuzz-kernel mutants mutants-python coverage wheel wheel-2014 release-check deny \
	check-workflows publish clean need

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | column -t -s '|'

setup: $(VENV)/built $(VENV)/server $(VENV)/docs ## set up all that work on the package needs; does nothing the second time

demo: $(VENV)/built ## set up, build, and print bars of a small real sample
	@$(BIN)/python examples/demo.py demo-bars.parquet

build: $(VENV)/tools ## build the compiled extension into the package
	$(DEVELOP) && touch $(VENV)/built

test: $(VENV)/built lint test-rust test-python ## set up and run every check and test

test-rust: ## the kernel's unit, property and doc tests, without Polars
	cargo test --no-default-features

test-python: $(VENV)/built $(VENV)/server $(VENV)/docs ## Python tests, doctests, README and examples
	$(BIN)/pytest --numprocesses 2 --dist loadfile

test-floor: wheel ## the Python tests on the oldest Polars that is supported, with the wheel
	$(PYTHON) .ci/wheel.py dist --polars 1.41.1 --environment $(FLOOR)

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
	PYTHONPATH=tests $(BIN)/python benches/scale.py
	PYTHONPATH=tests $(BIN)/python benches/clickhouse_writers.py
	$(BIN)/python benches/meeting.py

fuzz: $(VENV)/built ## read N damaged or hostile inputs of each kind (default 20000)
	RANGEBAR_FUZZ=$(or $(N),20000) $(BIN)/pytest -q -k "fuzz or hostile" tests
	RANGEBAR_FUZZ=$(or $(N),20000) cargo test --no-default-features --test checkpoints hostile

# Each target runs for so long. What it finds is kept in fuzz/found, and used again the next time.
MINUTES ?= 10
fuzz-kernel: ## fuzz the kernel with libFuzzer, MINUTES for each target (default 10)
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	for target in checkpoint chains fold; do \
		mkdir -p fuzz/found/$$target && \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz --sanitizer none --codegen-units 16 $$target \
			fuzz/found/$$target fuzz/corpus/$$target \
			-- -max_total_time=$$(( $(MINUTES) * 60 )) -timeout=60 || exit 1; \
	done

# .cargo/mutants.toml says what is changed. A failing test need not find its smallest case.
mutants: ## change the kernel and see whether tests fail: all of it, or FILE="src/fixed.rs", or SHARD=0/8
	@cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants
	PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 PROPTEST_MAX_SHRINK_ITERS=0 cargo mutants \
		$(if $(FILE),--file $(FILE)) $(if $(SHARD),--shard $(SHARD) --sharding round-robin)

mutants-python: $(VENV)/built ## change some modules of the package and see whether tests fail
	$(BIN)/pip install --quiet --constraint constraints.txt mutmut
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/mutmut run
	$(BIN)/mutmut results

# Nothing fails below a number. A compiler without rustup's `llvm-tools` needs LLVM_COV and
# LLVM_PROFDATA, of the version of LLVM that `rustc -vV` prints.
coverage: $(VENV)/built $(VENV)/server $(VENV)/docs ## report which lines of the kernel and of the package no test runs
	@cargo llvm-cov --version >/dev/null 2>&1 || cargo install --locked cargo-llvm-cov
	cargo llvm-cov --no-default-features --ignore-filename-regex '/(plugin|tests)/'
	$(BIN)/pip install --quiet --constraint constraints.txt coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 2 --dist loadfile $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing

bench-guard: ## compare the kernel's instruction counts with the stored ones (needs valgrind)
	$(PYTHON) benches/instructions.py

bench-peers: $(VENV)/built ## compare with other packages, each in an environment of its own
	$(BIN)/python benches/peer_times.py

bench-validate: $(VENV)/built ## fail if bars of a million trades take 100 ms or more
	$(BIN)/python benches/validate.py

docs: $(VENV)/built $(VENV)/docs ## build the site (open _site/html/index.html), and test it
	rm -rf docs/api
	$(BIN)/python -m sphinx -c docs -d _site/doctrees --fail-on-warning --jobs 2 . _site/html
	RANGEBAR_SITE=_site/html $(BIN)/python -m pytest -q tests/site

links: $(VENV)/built $(VENV)/docs ## check the external links of the site (needs the network)
	$(BIN)/python -m sphinx -c docs -b linkcheck -d _site/doctrees -D nb_execution_mode=off . _site/links

pictures: $(VENV)/built ## draw the pictures of the features again
	$(BIN)/python docs/pictures.py

wheel: $(VENV)/tools ## build the wheel into dist/
	rm -rf dist
	$(BIN)/maturin build --release --out dist

# zig links against an older glibc than this machine's, so the wheel installs on older systems; all
# crates are built again for it.
wheel-2014: $(VENV)/tools ## build a wheel for glibc 2.17 and newer into dist/ (the first time ten minutes)
	$(BIN)/pip install --quiet --constraint constraints.txt ziglang
	rm -rf dist
	$(BIN)/maturin build --release --zig --compatibility manylinux2014 --out dist

release-check: wheel ## build the wheel and the sdist, and test both in environments of their own
	$(PYTHON) .ci/wheel.py dist --environment .venv-wheel
	rm -rf dist/sdist && $(BIN)/maturin sdist --out dist/sdist
	$(PYTHON) .ci/wheel.py dist/sdist --demo-only --environment .venv-wheel

# Advisories need a network; without one, `make deny CHECK="licenses bans sources"`.
CHECK ?= advisories licenses bans sources
deny: ## licences, sources and advisories of the crates
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --locked check $(CHECK)

AUDIT := .venv-audit
check-workflows: ## audit the workflows of GitHub, offline
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet zizmor==1.32.0 check-jsonschema==0.39.0
	$(AUDIT)/bin/zizmor --offline --min-severity medium .github
	$(AUDIT)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(AUDIT)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(AUDIT)/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
publish: ## tag the version and push the tag, which the release workflow builds and publishes
	$(PYTHON) .ci/tag.py v$(VERSION)
	git tag --annotate --message "Version $(VERSION)" v$(VERSION)
	git push origin v$(VERSION)

clean: ## remove the environments and the package; dependencies stay in CARGO_TARGET_DIR
	rm -rf $(VENV) $(FLOOR) .venv-wheel $(AUDIT) .venv-peers dist _site docs/api rangebar_polars/*.so
	rm -rf fuzz/found fuzz/artifacts mutants mutants.out .coverage*

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
	@start=$$(date +%s); echo "build (the first time five to nine minutes on two cores)"; \
	$(DEVELOP) && touch $@ && $(call TOOK,build)
