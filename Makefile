# Everything on a fresh machine: Debian 12 or 13, Ubuntu 24.04; needs Python >= 3.11 and make.
#
#   make demo     see it work: starts the daemon, plays a short story, keeps running
#   make test     install what the tests need (Debian packages by apt), run them all
#   make check    ruff, mypy, import contracts
#   make soak     live through 10,000 random histories of mail: does anybody read what is not for him?
#   make fuzz     look for mails that break reading, for FUZZ_SECONDS (an hour), guided by coverage
#   make bench    measure, print a table
#   make lock     choose new versions of the libraries (uv.lock)
#   make wheel    build dist/*.whl
#   make deb      build dist/*.deb, for this release of Debian or Ubuntu

# The distribution's own Python, where it is new enough: built after a profile and without a shared library, it runs
# Postroom 1.2 times as fast as one built by hand or by pyenv usually is (bench/README.md).
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/)python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq
PACKAGES := tests/debian-packages
PROMTOOL := $(VENV)/tools/usr/bin/promtool

# The tests start servers of their own: none of this machine is made, unless PostgreSQL was here before.
CLUSTERS := /etc/postgresql-common/createcluster.conf
NO_CLUSTER = [ -e $(CLUSTERS) ] || { $(APT) install -y --no-install-recommends postgresql-common && \
	$(SUDO) sed -i 's/^\#*create_main_cluster.*/create_main_cluster = false/' $(CLUSTERS); }

.DEFAULT_GOAL := help
.PHONY: help demo test check soak fuzz bench lock wheel deb packages clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(READY)
	$(BIN)/postroom demo

# Tests wait for servers, too: three for two cores keep these busy.
WORKERS ?= $(shell echo $$(( $$(nproc) * 3 / 2 )))
test: $(READY) packages
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(READY)
	$(BIN)/ruff check daemon tests bench
	$(BIN)/ruff format --check daemon tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

# Others each time; the output names the seed, and POSTROOM_SEED=… lives through the same again.
soak: $(READY)
	POSTROOM_HISTORIES=$${POSTROOM_HISTORIES:-10000} POSTROOM_SEED=$${POSTROOM_SEED:-$$(date +%s)} \
		$(BIN)/pytest tests/fuzz/test_visibility.py -n 2 -v -rP -k nobody $(ARGS)

FUZZ_SECONDS ?= 3600
fuzz: $(READY)
	$(BIN)/uv export --quiet --frozen --only-group fuzz --output-file $(VENV)/fuzz.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/fuzz.txt
	mkdir -p build/fuzz/seeds
	PYTHONPATH=daemon:. $(BIN)/python tests/fuzz/atheris_read_mail.py build/fuzz/seeds tests/corpus \
		-max_len=16384 -timeout=10 -rss_limit_mb=2048 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/

bench: $(READY)
	$(BIN)/python -m bench.run $(ARGS)
	$(BIN)/python -m bench.timers
	$(BIN)/python -m bench.sending
	$(BIN)/python -m bench.reading

# The lock names versions and hashes, not where they come from: that is this machine's own choice
# (pip's configuration). `uv export` turns it into requirements that pip installs and checks.
$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Postroom needs Python 3.11 or newer as $(PYTHON); try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "installing python3-venv"; $(APT) update && $(APT) install -y python3-venv; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv export --quiet --frozen --no-emit-project --group dev --extra s3 --output-file $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Hosts are left out of the lock, so that it is the same wherever it is made and used.
lock:
	$(BIN)/uv lock --upgrade
	sed -i -E 's|registry = "[^"]*"|registry = "index"|; s|url = "https?://[^"]*/([^"/]*)"|url = "\1"|' uv.lock

wheel: $(READY)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

# Built with the distribution's own Python: the package's libraries belong to its minor version.
DEB_PYTHON ?= /usr/bin/python3
DEB_TREE := build/deb/postroom
deb: $(READY)
	@missing=$$(for name in build-essential debhelper python3-venv; do \
		dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'install ok' || echo $$name; done); \
	[ -z "$$missing" ] || { echo "installing $$missing"; $(APT) update && $(APT) install -y --no-install-recommends $$missing; }
	rm -rf build/deb && mkdir -p $(DEB_TREE) dist
	cp -R daemon rules templates pyproject.toml README.md CHANGES.md config.example.toml $(DEB_TREE)
	cp -R systemd/debian $(DEB_TREE)/debian
	cp -R systemd/monitoring $(DEB_TREE)
	for unit in $(wildcard systemd/*.service systemd/*.socket); do \
		sed 's|/opt/postroom/bin/postroom|/usr/bin/postroom|' $$unit > $(DEB_TREE)/debian/$$(basename $$unit); done
	$(BIN)/uv export --quiet --frozen --no-emit-project --no-dev --output-file build/deb/requirements.txt
	cd $(DEB_TREE) && unset MAKEFLAGS MFLAGS MAKEOVERRIDES && PYTHON=$(DEB_PYTHON) PIP="$(abspath $(BIN))/pip --disable-pip-version-check" \
		REQUIREMENTS=$(abspath build/deb)/requirements.txt dpkg-buildpackage --build=binary --no-sign
	mv build/deb/*.deb dist/
	@ls dist/*.deb

packages: $(PROMTOOL)
	@missing=$$(for name in $$(grep -v '^#' $(PACKAGES)); do \
		dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'install ok' || echo $$name; done); \
	[ -z "$$missing" ] || { echo "installing $$missing"; $(APT) update && \
		case " $$missing " in *" postgresql "*) $(NO_CLUSTER) ;; esac && \
		$(APT) install -y --no-install-recommends $$missing; }

# Unpacked, not installed: the package would start a server on this machine.
$(PROMTOOL):
	@mkdir -p $(VENV)/tools && cd $(VENV)/tools && echo "fetching promtool" && \
		{ apt-get -qq download prometheus || { $(APT) update && apt-get -qq download prometheus; }; } && \
		dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb usr/bin/prometheus
	@touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
