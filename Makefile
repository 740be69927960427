# make demo | make test are the two commands; the rest is for people who change the code.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: demo test test-slow test-long test-spark lint types imports docs wheel lock bench bench-drift bench-batch bench-engines bench-serving bench-router ui screenshots clean

demo: .venv/.installed
	@$(BIN)/mlmon demo $(ARGS)

test: .venv/.installed-dev
	@$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --cov --cov-report=term:skip-covered $(ARGS)

test-slow test-long: .venv/.installed-dev
	@$(BIN)/pytest -m slow $(ARGS)

test-spark: .venv/.installed-spark
	@$(BIN)/pytest -k "spark or emr_serverless or glue" $(ARGS) tests/contracts/test_engine.py tests/adapters/engines tests/adapters/test_spark_job.py tests/adapters/batch tests/assets/test_model_stages.py

lint: .venv/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.installed-dev
	@$(BIN)/mypy

imports: .venv/.installed-dev
	@$(BIN)/lint-imports

wheel: .venv/.installed-dev
	@rm -rf dist && $(BIN)/python -m build --wheel --installer uv --outdir dist .

# What production installs, each file by its hash: uv pip install --require-hashes -r requirements.lock
lock: .venv/.installed-dev
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 -c constraints.txt --generate-hashes --no-header --no-annotate -o requirements.lock

bench: .venv/.installed-dev
	@$(BIN)/python benchmarks/run.py $(ARGS)

bench-serving: .venv/.installed-dev
	@$(BIN)/python benchmarks/serving.py $(ARGS)

bench-batch: .venv/.installed-dev
	@$(BIN)/python benchmarks/batch.py $(if $(PEER),--peer $(PEER)) $(ARGS)

bench-router: .venv/.installed-dev
	@$(BIN)/python benchmarks/router.py $(ARGS)

bench-engines: .venv/.installed-dev
	@$(BIN)/python benchmarks/engines.py $(ARGS)

bench-drift: .venv/.installed-dev
	@$(BIN)/python benchmarks/drift.py $(ARGS)
	@$(BIN)/python benchmarks/alarms.py

docs: .venv/.installed-docs
	@$(BIN)/mkdocs build --strict

ui: .venv/.installed
	@mkdir -p .mlmon && DAGSTER_HOME=$(CURDIR) $(BIN)/dagster dev --host 127.0.0.1

screenshots: .venv/.installed-dev
	@$(BIN)/python docs/screenshots.py $(ARGS)

clean:
	@rm -rf .venv dist site .mlmon .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The pinned versions of constraints.txt; uv where it can be had (ten times faster), else pip.
INSTALL = $(PYTHON) -m venv .venv && $(BIN)/pip install -q --disable-pip-version-check uv \
	&& $(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.$(1)' \
	|| $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.$(1)'

.venv/.installed: pyproject.toml constraints.txt
	@echo "Installing into .venv ..." && $(call INSTALL,) && touch $@

.venv/.installed-dev: pyproject.toml constraints.txt
	@echo "Installing into .venv ..." && $(call INSTALL,[dev]) && touch $@ .venv/.installed

.venv/.installed-docs: .venv/.installed-dev
	@$(call INSTALL,[docs]) && touch $@

.venv/.installed-spark: .venv/.installed-dev
	@$(call INSTALL,[spark]) && touch $@
