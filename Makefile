# `make demo` and `make test` set everything up on a fresh machine; the other targets build on them.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LINKS  := build/typing/extval
RUN    := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: venv demo test lint typing bench reference fuzz coverage-study agreement clean

venv: $(READY)

# pyradiomics 3.0.1 compiles against the numpy that is already there, hence the two steps.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^numpy==' requirements.lock)" "$$(grep '^setuptools==' requirements.lock)" "$$(grep '^wheel==' requirements.lock)"
	$(BIN)/python -m pip install --quiet --no-build-isolation --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

demo: venv
	$(BIN)/extval demo --out demo --force

test: venv
	$(RUN) $(BIN)/python -m pytest

lint: venv typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/typing $(BIN)/mypy --namespace-packages -p extval

typing:
	mkdir -p $(LINKS)
	for room in stats features validate reports; do ln -sfn ../../../$$room $(LINKS)/$$room; done

bench: venv
	$(RUN) $(BIN)/python -m benchmarks

# heart.R reads the real patients beside the checkout; without them its JSON stays as it is.
reference:
	cd tests/reference/r && for script in *.R; do [ "$$script" != heart.R ] || [ -d ../../../../shared/data/heart ] || continue; echo "$$script"; Rscript "$$script" > "../$${script%.R}.json.new" && mv "../$${script%.R}.json.new" "../$${script%.R}.json" || exit 1; done

coverage-study: venv
	$(RUN) $(BIN)/python -m benchmarks.coverage_study

agreement: venv
	CI=1 $(RUN) $(BIN)/python -m pytest -q tests/stats tests/features/modelling tests/validate --agreement docs/agreement.md

fuzz: venv
	HYPOTHESIS_PROFILE=fuzz $(RUN) $(BIN)/python -m pytest -q tests/stats

clean:
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
