# Everything runs in .venv, which `make setup` makes; every target but `setup` and `help` makes it first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
DEMO_PROMPT ?= bright cinematic strings and drums, hopeful
DEMO_OUT ?= out/demo.mp4

.PHONY: help setup demo test lint format fuzz chaos evaluate evaluate-full evaluate-model

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with the pinned packages (idempotent)
	@./scripts/setup.sh

demo: setup ## score the bundled clip and print the path of the result
	@mkdir -p $(dir $(DEMO_OUT))
	@$(BIN)/v2m score model_core/assets/demo/montage.mp4 --prompt "$(DEMO_PROMPT)" -o $(DEMO_OUT)
	@echo $(abspath $(DEMO_OUT))

lint: setup ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## rewrite the code in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test: lint ## lint, then every test with warnings as errors
	@$(BIN)/python -m pytest

fuzz: setup ## 2,000 damaged files through the real service, and what became of them (about 15 minutes)
	@$(BIN)/python -m tests.fuzz $(ARGS)

chaos: setup ## kills, stops, cancels and full disks for real processes, and what was lost of it (about 20 minutes)
	@$(BIN)/python -m tests.chaos $(ARGS)

evaluate: setup ## the sync study on 18 clips, into out/ (minutes)
	@$(BIN)/python scripts/fetch_footage.py work/evaluation/media
	@$(BIN)/python -m model_core.evaluation study --clips 18 --work work/evaluation/short --media work/evaluation/media \
		--fresh --out out/evaluation.md --pictures out/img

evaluate-full: setup ## all of it: docs/evaluation.md and its pictures anew (about 25 minutes; goes on where it stopped)
	@$(BIN)/python scripts/fetch_footage.py work/evaluation/media
	@$(BIN)/python -m model_core.evaluation study $(ARGS)
	@$(BIN)/python -m model_core.evaluation picture

evaluate-model: setup ## what the model's music is like, as a table and docs/model-evaluation.md (about 15 minutes)
	@$(BIN)/python -m model_core.evaluation.model $(ARGS)

# Without setup, which installs torch for the CPU: GPU_PYTHON names the Python that has a CUDA build of it.
.PHONY: bench-gpu
bench-gpu: ## how fast the production model is on the GPU, by stage, into docs/benchmarks.md (under 10 minutes)
	@$(or $(GPU_PYTHON),$(firstword $(wildcard $(BIN)/python) python3)) -m model_core.evaluation.speed --write $(ARGS)
