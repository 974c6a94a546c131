# Two targets matter: `make demo` and `make test`. Both install what they need into .venv first, once.
# Commands go through `.venv/bin/python -m` so that a folder with spaces in its path works.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
EXTRAS = mace,chgnet,vasp,localdb,report

.PHONY: demo test unit integration test-dft test-slurm lint docs linkcheck clean help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /: /'

demo: .venv/installed  ## install, run the demo campaign, write its report
	.venv/bin/python -m superionic demo --dir superionic-demo

test: unit integration  ## install, run all tests

unit: .venv/installed-dev  # one thread per process: threads that wait for each other take longer than the work
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n 2 -m "not integration and not dft and not slurm"

integration: .venv/installed-dev
	.venv/bin/python -m pytest -q -m integration

test-dft: .venv/installed-dev  ## real density-functional labels by CP2K (minutes; needs cp2k_shell)
	.venv/bin/python -m pytest -q -m dft

test-slurm: .venv/installed-dev  ## batch jobs on a real Slurm, which is installed and removed again (root, Debian)
	.venv/bin/python -m pytest -q -m slurm tests/cluster

lint: .venv/installed-dev  ## style, types, direction of imports
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy --strict src
	.venv/bin/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

docs: .venv/installed-docs  ## build the documentation site; a link that leads nowhere is an error
	.venv/bin/python -m sphinx -W --keep-going -b html docs docs/_build/html

linkcheck: .venv/installed-docs  ## look whether links to other sites still work (needs a network)
	.venv/bin/python -m sphinx -b linkcheck docs docs/_build/linkcheck

clean:  ## remove the environment and the demo
	rm -rf .venv superionic-demo docs/_build

.venv/bin/python:
	"$(PYTHON)" -m venv .venv

.venv/installed: constraints.txt pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[$(EXTRAS)]'
	touch $@

.venv/installed-dev: constraints.txt pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[$(EXTRAS),montecarlo,selection,dev,docs]'
	touch $@ .venv/installed .venv/installed-docs

.venv/installed-docs: constraints.txt pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[$(EXTRAS),docs]'
	touch $@ .venv/installed
