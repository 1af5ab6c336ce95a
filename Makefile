# repro  run the whole pipeline        test      the tests of a few minutes
# lint   style, types, formatting      test-all  every test, as CI runs them
# bench  speed and scale               clean     remove the environment and what tools left
# amrfinder  fetch NCBI's reference proteins
# studies    beside the record: gap, learning-curve, ablation, leave-out, and their figures
.DEFAULT_GOAL := repro
.PHONY: repro test test-all lint bench clean install amrfinder
.PHONY: studies gap learning-curve ablation leave-out

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

# A stamp newer than the lock and the package's metadata means there is nothing to install.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "arginator needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(READY)

repro: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

test: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m 'not slow'

test-all: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# NCBI's file enters the folder only if it has the hash that git knows.
amrfinder: $(READY)
	$(BIN)/dvc update data/raw/amrfinder/AMRProt.dvc
	git checkout --quiet -- data/raw/amrfinder/AMRProt.dvc
	$(BIN)/dvc checkout data/raw/amrfinder/AMRProt.dvc

# The studies are a pipeline of their own; DVC makes what they rest on first. Each prints its tables.
STUDY = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro stages/studies/dvc.yaml

studies: $(READY)
	$(STUDY)
	@cat metrics/studies/*/*.md

gap: $(READY)
	$(STUDY):gap
	@cat metrics/studies/*/gap.md

learning-curve: $(READY)
	$(STUDY):learning_curve
	@cat metrics/studies/*/learning_curve.md

ablation: $(READY)
	$(STUDY):ablation
	@cat metrics/studies/*/ablation.md

leave-out: $(READY)
	$(STUDY):leave_out
	@cat metrics/studies/*/left_out.md

# After `make repro`, with nothing else running; `make bench-training` alone is one of them. LightGBM and biotrainer
# take part where they are: pip install '.[bench]', and BIOTRAINER=<a Python that has it>.
BENCHES := roofline training inference_binary inference_multiclass prediction reading mapped_training
BENCHES += scaling similarity bootstrap pipeline
TABLES := docs/benchmarks
PROGRAM = $*
bench-training: ARGUMENTS = $(BIOTRAINER:%=--biotrainer %)
bench-inference_%: PROGRAM = inference
bench-inference_%: ARGUMENTS = --task $(*:inference_%=%) --json $(TABLES)/$*.json --figure $(TABLES)/$*.svg
.PHONY: $(BENCHES:%=bench-%)

bench: $(BENCHES:%=bench-%)

$(BENCHES:%=bench-%): bench-%: $(READY)
	@mkdir -p $(TABLES)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/$(PROGRAM).py $(ARGUMENTS) > $(TABLES)/$*.tmp
	@mv $(TABLES)/$*.tmp $(TABLES)/$*.md && cat $(TABLES)/$*.md

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build wandb dvc_plots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
