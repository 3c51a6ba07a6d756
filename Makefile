# make train   set up, train a PPO agent on the default task, print its score table
# make test    set up, run the tests
# make check   set up, ruff and mypy
# make slow    the tests that take minutes
# make house   the measures of the house (CONTRIBUTING.md)
# make map     draw docs/code_map.md anew

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: train test check slow house map clean
.NOTPARALLEL:

train: $(READY)
	$(BIN)/python -m agents.train_ppo

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist worksteal

slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

house: $(READY)
	@PYTHONPATH=tests/helpers $(BIN)/python -m house

map: $(READY)
	PYTHONPATH=tests/helpers $(BIN)/python -m house --draw

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Re-made only when a dependency changes: the second time costs nothing.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("bracketgym needs Python 3.11 or newer, not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) build *.egg-info
