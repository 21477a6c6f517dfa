# Everything runs in .venv. Each target first installs what it needs: `setup` (run), `setup-report`, `setup-test` or
# `setup-dev`, where each contains the ones before it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
DEMO_PROMPT ?= bright cinematic strings and drums, hopeful
DEMO_OUT ?= out/demo.mp4

.PHONY: help setup setup-report setup-test setup-dev demo test lint format fuzz chaos evaluate evaluate-full evaluate-model

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with what the commands need (does nothing when it is there)
	@./scripts/setup.sh run

setup-report: ## also what `v2m report` needs
	@./scripts/setup.sh report

setup-test: ## also what the tests need
	@./scripts/setup.sh test

setup-dev: ## also the linters and the type checker
	@./scripts/setup.sh dev

demo: setup ## score the bundled clip and print the path of the result
	@$(BIN)/v2m score model_core/assets/demo/montage.mp4 --prompt "$(DEMO_PROMPT)" -o "$(DEMO_OUT)" --force
	@echo $(abspath $(DEMO_OUT))

lint: setup-dev ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup-dev ## rewrite the code in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Two at a time, a file each. Each has one thread: torch's and BLAS' own would stand in each other's way.
test: lint ## lint, then every test that is not slow, with warnings as errors
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

.PHONY: test-slow
test-slow: setup-test ## the slow tests: container images, wheels, generated clients and the proxy
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

fuzz: setup-test ## 2,000 damaged files through the real service, and what became of them (about 15 minutes)
	@$(BIN)/python -m tests.fuzz $(ARGS)

chaos: setup-test ## kills, stops, cancels and full disks for real processes, and what was lost of it (about 20 minutes)
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: test-api errors-page bench-api
test-api: setup-test ## many more made-up requests than `make test` has, for every route (some minutes)
	@V2M_TEST_EXAMPLES=$(or $(EXAMPLES),300) $(BIN)/python -m pytest tests/service/test_generated_requests.py

errors-page: setup-test ## docs/errors.md anew, from the list of problems
	@$(BIN)/python -m tests.service.errors.page

bench-api: ## 50 uploads at once and polls beside them, and what they had to wait (some minutes)
	@test -x work/load/bin/locust || $(or $(PYTHON),python3.11) -m venv work/load
	@work/load/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt --editable '.[load]'
	@work/load/bin/python -m tests.load $(ARGS)

evaluate: setup-test ## the sync study on 18 clips, into out/ (minutes)
	@$(BIN)/python scripts/fetch_footage.py work/evaluation/media
	@$(BIN)/python -m model_core.evaluation study --clips 18 --work work/evaluation/short --media work/evaluation/media \
		--fresh --out out/evaluation.md --pictures out/img

evaluate-full: setup-test ## all of it: docs/evaluation.md and its pictures anew (about 25 minutes; goes on where it stopped)
	@$(BIN)/python scripts/fetch_footage.py work/evaluation/media
	@$(BIN)/python -m model_core.evaluation study $(ARGS)
	@$(BIN)/python -m model_core.evaluation picture

evaluate-model: setup-test ## what the model's music is like, as a table and docs/model-evaluation.md (about 15 minutes)
	@$(BIN)/python -m model_core.evaluation.model $(ARGS)

# Without setup, which installs torch for the CPU: GPU_PYTHON names the Python that has a CUDA build of it.
.PHONY: bench-gpu
bench-gpu: ## how fast the production model is on the GPU, by stage, into docs/benchmarks.md (under 10 minutes)
	@$(or $(GPU_PYTHON),$(firstword $(wildcard $(BIN)/python) python3)) -m model_core.evaluation.speed --write $(ARGS)
