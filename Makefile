PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.ready
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never $(BIN)/uv

# Tests of the folders $(1), and beside them all others: a night leaves a core idle now
# and then, and about half of the time goes into nights. The first half is shown at the end.
define two_at_once
$(BIN)/python -m pytest -q $(2) $(1) > $(VENV)/half.log 2>&1 & half=$$!; \
$(BIN)/python -m pytest -q $(2) tests $(addprefix --ignore=,$(1)); others=$$?; \
wait $$half; half=$$?; cat $(VENV)/half.log; exit $$((half + others))
endef

.PHONY: demo test check check-static format bench bench-small docs lock slow clean

demo: $(STAMP)
	@$(BIN)/forestsink demo

test: $(STAMP)
	@$(call two_at_once,tests/pipelines tests/store,-m "not slow")

check: check-static test

check-static: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: $(STAMP)
	@$(call two_at_once,tests/pipelines,-m slow)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

bench-small: $(STAMP)
	$(BIN)/python benchmarks/run.py --small

docs: $(STAMP)
	$(BIN)/python -m store.layer_docs > docs/layers.md
	$(BIN)/python -m pipelines.feature_docs > docs/features.md

lock: $(STAMP)
	$(UV) pip compile pyproject.toml --all-extras --group dev --group bench --universal \
		--python-version 3.11 --no-header -q -o requirements.lock

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check "uv>=0.8"
	$(UV) pip install -q --python $(BIN)/python -r requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --editable .
	@touch $@

clean:
	rm -rf $(VENV) var
