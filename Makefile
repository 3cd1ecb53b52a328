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
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: install demo test test-fast lint bench bench-torch requirements clean
.NOTPARALLEL: # two pips in one environment are in each other's way

# EXTRAS, in any number: torch (PyTorch models; brings torch-mlir), s3 (files behind s3://), torch-mlir (lowering ONNX models to
# StableHLO), stablehlo (what StableHLO modules should return). TORCH_INDEX: the package index that torch is taken from, where
# pip's own does not have the wanted build.
EXTRAS ?=
TORCH_INDEX ?=
TORCH := $(VENV)/.installed-torch
install: $(STAMP) $(EXTRAS:%=$(VENV)/.installed-%)

$(VENV)/.installed-%: requirements/%.txt | $(STAMP)
	$(PIP) --require-hashes -r $<
	touch $@

# torch comes last and finds what it asks for: no index can bring other versions of that.
$(TORCH): requirements/torch.txt requirements/torch-version.txt | $(STAMP)
	$(PIP) --require-hashes -r requirements/torch.txt
	$(PIP) -r requirements/torch-version.txt $(if $(TORCH_INDEX),--index-url '$(TORCH_INDEX)')
	touch $@

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# The main job on this machine's CPU: regenerate, run presubmit, merge. Without the extra torch, without its models: a
# selection, which the report says.
DEMO_TESTS = $(if $(wildcard $(TORCH)),,^[^/]+/[^/]+/(?!torch/))
demo: install
	$(BIN)/python -m generator
	rm -rf $(OUT)/demo && mkdir -p $(OUT)/demo
	$(BIN)/python -m generator select presubmit --targets cpu --tests='$(DEMO_TESTS)' --selection $(OUT)/demo/selection.json \
	  --output $(OUT)/demo/outputs.txt
	$(BIN)/python -m runner --shard presubmit/cpu --tests='$(DEMO_TESTS)' --out $(OUT)/demo/run; status=$$?; \
	  $(BIN)/python -m results merge $(OUT)/demo/run --matrix .github/matrices/presubmit.json \
	    --selection $(OUT)/demo/selection.json --out $(OUT)/demo/report && exit $$status
	$(if $(DEMO_TESTS),@echo "PyTorch models were left out: they need the extra of make install EXTRAS=torch")

test: install $(TORCH) $(VENV)/.installed-s3 $(VENV)/.installed-stablehlo
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-fast: install
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

# Ratios within one run; for an otherwise idle machine.
bench: install
	$(BIN)/python benchmarks/runner_overhead.py

bench-torch: install $(TORCH)
	$(BIN)/python benchmarks/torch_import.py
	$(BIN)/python benchmarks/large_model.py

# Writes the pinned files; they carry hashes but no index address. In this order: later ones agree with earlier ones.
requirements: $(VENV)/bin/pip-compile
	cd requirements && for f in base dev node torch s3 torch-mlir stablehlo bench; do ../$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --output-file $$f.txt $$f.in; done

$(VENV)/bin/pip-compile: $(STAMP)

# Linters and tests find the machine's Node, or else the one that this installs beside Python.
export PATH := $(abspath $(BIN)):$(PATH)
NODE_MODULES := tests/actions/node_modules/.package-lock.json

$(NODE_MODULES): tests/actions/package-lock.json requirements/node.txt | $(STAMP)
	node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 11) ? 0 : 1)' \
	  || $(PIP) --require-hashes -r requirements/node.txt
	cd tests/actions && npm ci --silent --no-audit --no-fund

# mypy reads torch's own types.
lint: install $(TORCH) $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m generator --check
	node tests/actions/lint.mjs .
	$(BIN)/zizmor --offline --quiet --persona auditor .github

clean:
	rm -rf out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
