# Each target does its own set-up. Only Python 3.11+, make and git are needed.
ifndef PYTHON
PYTHON := $(shell command -v python3)
endif
VENV   ?= .venv
BIN    := $(VENV)/bin
OUT    ?= out
SUITES ?= suites
PYTEST_ARGS ?=
STAMP  := $(VENV)/.installed

.PHONY: install demo test test-fast lint bench requirements clean

# EXTRAS: torch-mlir (lowering to StableHLO).
EXTRAS ?=
install: $(STAMP) $(EXTRAS:%=$(VENV)/.installed-%)

$(VENV)/.installed-%: requirements/%.txt | $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The main job on this machine's CPU: regenerate, run presubmit, merge.
demo: install
	$(BIN)/python -m generator
	rm -rf $(OUT)/demo && mkdir -p $(OUT)/demo
	$(BIN)/python -m generator select presubmit --targets cpu --selection $(OUT)/demo/selection.json --output $(OUT)/demo/outputs.txt
	$(BIN)/python -m runner --shard presubmit/cpu --out $(OUT)/demo/run; status=$$?; \
	  $(BIN)/python -m results merge $(OUT)/demo/run --matrix .github/matrices/presubmit.json \
	    --selection $(OUT)/demo/selection.json --out $(OUT)/demo/report && exit $$status

test: install $(VENV)/.installed-torch-mlir
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-fast: install
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

# Ratios within one run; for an otherwise idle machine.
bench: install
	$(BIN)/python benchmarks/runner_overhead.py

# Writes the pinned files; they carry hashes but no index address.
requirements: $(VENV)/bin/pip-compile
	cd requirements && for f in base dev node torch-mlir; do ../$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --output-file $$f.txt $$f.in; done

$(VENV)/bin/pip-compile: $(STAMP)

# Linters and tests find the machine's Node, or else the one that this installs beside Python.
export PATH := $(abspath $(BIN)):$(PATH)
NODE_MODULES := tests/actions/node_modules/.package-lock.json

$(NODE_MODULES): tests/actions/package-lock.json requirements/node.txt | $(STAMP)
	node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 11) ? 0 : 1)' \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
	cd tests/actions && npm ci --silent --no-audit --no-fund

lint: install $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m generator --check
	node tests/actions/lint.mjs .
	$(BIN)/zizmor --offline --quiet --persona auditor .github

clean:
	rm -rf out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
