# Everything runs in .venv, which `make setup` makes; every target but `setup` and `help` makes it first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
DEMO_PROMPT ?= bright cinematic strings and drums, hopeful
DEMO_OUT ?= out/demo.mp4

.PHONY: help setup demo test lint format evaluate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

evaluate: setup ## docs/sync.md and docs/img/sync.png anew (about ten minutes; ARGS adds options)
	@$(BIN)/python -m model_core.evaluation table $(ARGS)
	@$(BIN)/python -m model_core.evaluation picture
