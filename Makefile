# make demo and make test are each enough in a fresh clone; see README.md.

VENV = .venv
WORKDIR = runs/dsprites_beta
RUN = $(VENV)/bin/python
PIP = $(RUN) -m pip install --quiet --disable-pip-version-check

# A command may exist and not run, or run without venv: so each is tried.
TRY = import ensurepip, sys, venv; \
  sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c '$(TRY)' 2>/dev/null && echo $$p && break; done)

.PHONY: help demo test faults lint format clean

help:
	@echo 'make demo    install into $(VENV), train a beta-VAE on dSprites'
	@echo 'make test    install into $(VENV), run the tests'
	@echo 'make faults  install into $(VENV), break things: minutes, best as root'
	@echo 'make lint    install into $(VENV), check style'
	@echo 'make format  install into $(VENV), put the style right'
	@echo 'make clean   remove $(VENV), builds and caches; runs/ stays'

# The tunable asks glibc for transparent huge pages: see README.md.
demo: $(VENV)/.demo
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(RUN) -m jaxvae.main \
	  --config=configs/dsprites_beta.py --workdir=$(WORKDIR)
	@echo
	@echo 'Look at the images and GIFs in $(WORKDIR)/figures/.'

test: $(VENV)/.test
	$(RUN) -m pytest -n 2 --dist worksteal

faults: $(VENV)/.test
	$(RUN) -m tests.faults

lint: $(VENV)/.test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/.test
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps are made last: an install that was cut off is done again.
$(VENV)/.venv:
	@$(or $(PYTHON),false) -c '$(TRY)' 2>/dev/null || { echo 'jaxvae: error:' \
	  'this needs Python 3.11, 3.12 or 3.13 with venv' \
	  '(Debian: apt install python3-venv), or PYTHON=/path/to/python' >&2; \
	  exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.venv setup.cfg pyproject.toml constraints.txt
	@echo 'installing into $(VENV); this takes a minute or two'
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.venv setup.cfg pyproject.toml constraints.txt
	@echo 'installing into $(VENV); this takes a minute or two'
	$(PIP) -c constraints.txt -e '.[test]'
	@touch $@
