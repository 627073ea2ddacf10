# Everything on a fresh machine: Debian 12 or 13, Ubuntu 24.04; needs Python >= 3.11 and make.
#
#   make demo     see it work: starts the daemon, plays a short story, keeps running
#   make test     install what the tests need (Debian packages by apt), run them all
#   make check    ruff, mypy, import contracts
#   make soak     live through 10,000 random histories of mail: does anybody read what is not for him?
#   make bench    measure, print a table
#   make lock     choose new versions of the libraries (uv.lock)
#   make wheel    build dist/*.whl

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq
PACKAGES := tests/debian-packages

.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench lock wheel packages clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(READY)
	$(BIN)/postroom demo

test: $(READY) packages
	$(BIN)/pytest -n 2 $(ARGS)

check: $(READY)
	$(BIN)/ruff check daemon tests bench
	$(BIN)/ruff format --check daemon tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

# Others each time; the output names the seed, and POSTROOM_SEED=… lives through the same again.
soak: $(READY)
	POSTROOM_HISTORIES=$${POSTROOM_HISTORIES:-10000} POSTROOM_SEED=$${POSTROOM_SEED:-$$(date +%s)} \
		$(BIN)/pytest tests/fuzz/test_visibility.py -n 2 -v -rP -k nobody $(ARGS)

bench: $(READY)
	$(BIN)/python -m bench.run $(ARGS)

# The lock names versions and hashes, not where they come from: that is this machine's own choice
# (pip's configuration). `uv export` turns it into requirements that pip installs and checks.
$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Postroom needs Python 3.11 or newer as $(PYTHON); try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "installing python3-venv"; $(APT) update && $(APT) install -y python3-venv; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv export --quiet --frozen --no-emit-project --group dev --output-file $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Hosts are left out of the lock, so that it is the same wherever it is made and used.
lock:
	$(BIN)/uv lock --upgrade
	sed -i -E 's|registry = "[^"]*"|registry = "index"|; s|url = "https?://[^"]*/([^"/]*)"|url = "\1"|' uv.lock

wheel: $(READY)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

packages:
	@missing=$$(for name in $$(grep -v '^#' $(PACKAGES)); do \
		dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'install ok' || echo $$name; done); \
	[ -z "$$missing" ] || { echo "installing $$missing"; $(APT) update && $(APT) install -y --no-install-recommends $$missing; }

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
