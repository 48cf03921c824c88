# Everything runs from a bare checkout with Python 3.11+ and make: uv is fetched by pip, the rest comes from uv.lock.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin
TESTS ?= tests

# Some machines forbid bytecode; without it every process compiles all that it imports, which takes most of a short run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo check test bench chaos docs format clean

install: .venv/.installed

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

.venv/.installed: pyproject.toml uv.lock $(filter .uv/bin/uv,$(UV))
	$(UV) sync --locked --quiet
	@touch $@

demo: .venv/.installed
	$(RUN)/pql demo

check: .venv/.installed
	$(UV) lock --check --quiet
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports

test: .venv/.installed
	$(RUN)/pytest $(TESTS) -n 2 -m "not chaos"

# What runs in real time runs alone; all else moves its clock, and mostly waits for slots and answers.
ALONE := tests/worker tests/journeys tests/chaos/test_hand_raise.py tests/chaos/test_redis_restart.py
chaos: export PQL_CHAOS_OUT := bench/out/chaos
chaos: .venv/.installed
	rm -rf bench/out/chaos bench/out/chaos.*
	$(RUN)/pytest $(ALONE) -m chaos
	$(RUN)/pytest tests/chaos -m chaos -n 4 --dist load $(ALONE:%=--deselect %)
	$(RUN)/python tests/chaos/many.py

bench: .venv/.installed
	$(RUN)/python -m bench

docs: .venv/.installed
	$(RUN)/python docs/generate.py

format: .venv/.installed
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

clean:
	rm -rf .venv .uv .pql .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
