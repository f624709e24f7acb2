# One word for each everyday task. `make dev` sets everything up; the others use what it made.
BIN := $(if $(wildcard .venv/bin/python),.venv/bin/,)
PYTHON := $(BIN)python
PORT := 8501
STEPS := 2000
CASES := 10000
SEED := 1 2 3

.DEFAULT_GOAL := help
.PHONY: help dev hooks test test-fast journeys walk nets fuzz lint types js docs serve bench lock licences audit

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' Makefile

dev:  ## a virtual environment with everything that the other targets need
	python3 -m venv .venv
	.venv/bin/pip install -r requirements-dev.txt $(if $(wildcard docs/requirements.txt),-r docs/requirements.txt)
	@if test -f package.json && command -v npm >/dev/null; then npm install; else echo "no npm: make js is left out"; fi

hooks:  ## lint, types and the commit subject are checked at each commit
	$(BIN)pip install pre-commit
	$(BIN)pre-commit install

test:  ## every test; those that need Chromium, Node, a GPU or real weights skip without them
	$(PYTHON) -m pytest

test-fast:  ## without the browser and without whole training runs
	$(PYTHON) -m pytest --ignore=tests/browser --ignore=tests/train -m "not e2e"

journeys:  ## what a person does, in Chromium: every page, also those that `make test` leaves out for their time
	$(PYTHON) -m pytest -m "long or not long" tests/journeys

fuzz:  ## CASES mutated inputs for each parser of what strangers send: a result or a clean refusal each
	$(PYTHON) -m tests.fuzz --cases $(CASES)

walk:  ## STEPS random steps over all pages from each SEED, every one held against the engine
	$(PYTHON) -m tests.walk --steps $(STEPS) $(addprefix --seed ,$(SEED))

nets:  ## 60 networks by every way in held against plain PyTorch, and 200 random ones through .pt2 and .onnx
	$(PYTHON) -m tests.zoo
	$(PYTHON) -m pytest -m "long or not long" tests/test_round_trips.py

lint:  ## format and lint rules
	$(BIN)ruff format --check .
	$(BIN)ruff check .

types:  ## static types
	$(BIN)mypy

js:  ## lint the browser's code, and run its tests by `node --test` on the engine's numbers
	npm run lint
	$(PYTHON) -m pytest -n 0 tests/js

docs:  ## the documentation site, in docs/_build/html
	$(PYTHON) -m sphinx -W -b html docs docs/_build/html

serve:  ## the dashboard at http://127.0.0.1:8501
	$(PYTHON) -m cnnviz serve --port $(PORT)

.venv-audit: requirements-audit.txt
	python3 -m venv .venv-audit
	.venv-audit/bin/pip install --quiet -r requirements-audit.txt
	@touch .venv-audit

lock: .venv-audit  ## requirements.lock: the versions that are installed here, and were tested, with the hashes of their files
	$(PYTHON) -m pip freeze --all | grep '==' > .venv-audit/installed.txt
	.venv-audit/bin/uv pip compile requirements.txt --constraint .venv-audit/installed.txt --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --output-file requirements.lock --upgrade --quiet

licences:  ## docs/licences.md, from the metadata of what requirements.lock names
	$(PYTHON) tools/licences.py

audit: .venv-audit  ## known vulnerabilities in requirements.lock, and its bill of materials in sbom.json
	.venv-audit/bin/python tools/audit.py sbom.json

bench:  ## the benchmarks; NAMES='gradcam/*' for some of them
	$(PYTHON) -m benchmarks $(NAMES)
