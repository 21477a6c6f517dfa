# Everything runs in .venv. Each target first installs what it needs: `setup` (run), `setup-report`, `setup-test` or
# `setup-dev`, where each contains the ones before it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
DEMO_PROMPT ?= bright cinematic strings and drums, hopeful
DEMO_OUT ?= out/demo.mp4

.PHONY: help setup setup-report setup-test setup-dev demo check test test-slow lint format fuzz chaos evaluate evaluate-full
.PHONY: evaluate-model

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

# The parts of lint, which the test targets run beside the tests: mypy and the contracts use one core for half a minute.
.PHONY: style types contracts
style:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
types:
	@$(BIN)/mypy
contracts:
	@$(BIN)/lint-imports --no-cache

lint: setup-dev style types contracts ## style, types and the direction of imports

format: setup-dev ## rewrite the code in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# One thread a test process: the threads of torch and BLAS would stand in each other's way. A group of tests, mostly a
# file, stays in one process, so its fixtures are made once (tests/conftest.py). Three processes keep two cores busy,
# because many tests wait for other processes.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadgroup
BESIDE := $(MAKE) --no-print-directory --jobs 4 style types contracts

check: setup-dev ## lint and the fast tests (about a minute)
	@$(BESIDE) tests-fast

test: setup-dev ## lint and every test that is not slow, with warnings as errors (under 10 minutes on two cores)
	@$(BESIDE) tests

test-slow: setup-test ## the slow tests: images, wheels, generated clients, training and evaluation as commands (under 40 minutes)
	@$(PYTEST) -m slow --numprocesses 2

.PHONY: tests-fast tests
tests-fast:
	@$(PYTEST) -m "not slow and not service and not model" --numprocesses 2
tests:
	@$(PYTEST) -m "not slow" --numprocesses 3

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
