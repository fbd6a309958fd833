# Everything sets itself up: `make test` on a fresh Debian or Ubuntu machine is enough.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
JOBS ?= 2
PYTEST := .venv/bin/python -m pytest -n $(JOBS) --dist loadgroup

.PHONY: help setup demo lint check golden replay test test-pythons test-all fuzz bench docs fmt train-setup clean

help: ## list what there is
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.tools .venv/.stamp ## install compilers, QEMU and .venv (the other targets do it themselves)

.venv/.stamp: pyproject.toml scripts/setup-venv.sh .venv/.tools
	@scripts/setup-venv.sh dev,verify,quantize,docs
	@touch $@

.venv/.tools: scripts/setup-tools.sh
	@scripts/setup-tools.sh
	@mkdir -p .venv && touch $@

.venv/.browser: scripts/setup-browser.sh .venv/.tools
	@scripts/setup-browser.sh
	@touch $@

demo: setup ## compile the example for Cortex-M4, verify it, run it as firmware
	@scripts/demo.sh

lint: setup ## ruff, mypy --strict, import-linter
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

check: lint ## lint, types and unit tests: a few minutes
	$(PYTEST) -q -m "not slow and not toolchain and not thorough"

golden: setup ## write the C of five small networks into tests/golden again
	.venv/bin/python tests/test_golden.py

replay: setup ## compare plans and C of all models with those of the last release (REPLAY="--base main --models kws")
	.venv/bin/python scripts/replay.py --jobs $(JOBS) $(REPLAY)

test: lint .venv/.browser ## what CI runs: check, and the tests that compile C and run QEMU
	$(PYTEST) -m "not slow"

FUZZ := PYTHONPATH=. .venv/bin/python tests
fuzz: setup ## damaged files and random networks, for hours; each goes on where it stopped (rm -r .venv/.fuzz: from the beginning)
	$(FUZZ)/fuzz_files.py tflite 0 100000 --compile 2 --state .venv/.fuzz/tflite-files
	$(FUZZ)/fuzz_files.py onnx 0 100000 --compile 2 --state .venv/.fuzz/onnx-files
	$(FUZZ)/fuzz_files.py ir 0 100000 --compile 2 --state .venv/.fuzz/ir-files
	$(FUZZ)/tflite_fuzz.py chains 0 5000 --state .venv/.fuzz/tflite-chains
	$(FUZZ)/tflite_fuzz.py any 0 5000 --state .venv/.fuzz/tflite-any
	$(FUZZ)/onnx_fuzz.py quantizer 0 5000 --state .venv/.fuzz/onnx-quantizer
	$(FUZZ)/onnx_fuzz.py any 0 5000 --state .venv/.fuzz/onnx-any
	$(FUZZ)/c_fuzz.py tflite 0 300 gcc cortex-m4 cortex-m55 --state .venv/.fuzz/tflite-c
	$(FUZZ)/c_fuzz.py onnx 0 300 gcc cortex-m4 cortex-m55 --state .venv/.fuzz/onnx-c
	$(FUZZ)/crashes.py kills 1000
	$(FUZZ)/crashes.py full 200

test-pythons: setup ## the unit tests on the wheel, under the other Pythons that are installed
	@scripts/test-pythons.sh

test-all: lint .venv/.browser ## every model, every core, many seeds: long
	$(PYTEST)

bench: setup ## count executed instructions on every core, write docs/benchmarks.md
	.venv/bin/python benchmarks/run.py

docs: setup ## draw the pictures and build the documentation into site/, checking every link
	.venv/bin/python scripts/pictures.py
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --quiet

fmt: setup ## format the Python files, and fix what ruff can fix
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

train-setup: setup ## add what training the example needs (PyTorch) to .venv
	@scripts/setup-venv.sh dev,verify,quantize,docs,train

clean: ## remove .venv, caches and build products
	rm -rf .venv build dist out site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
