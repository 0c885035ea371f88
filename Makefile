# `make help` lists what there is. Needs python3 (3.11 or later), git and make; everything else is fetched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
READY := .venv/.ready
LOCK := requirements/controller.txt
LAB := inventories/lab
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Set in many images. Here hundreds of processes of our code would compile all of it, each for itself.
unexport PYTHONDONTWRITEBYTECODE

LINTS := lint-python lint-types lint-yaml
step = printf '\n==> %s\n' '$(1)'

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' 'BEGIN {print "make TARGET, one of:"} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv with everything the controller needs (demo, check, test do it themselves)

$(READY): pyproject.toml $(LOCK)
	@if ! { $(PYTHON) -c 'import ensurepip' && type git ssh ssh-keygen; } >/dev/null 2>&1; then
		if [ "$$(id -u)" != 0 ] || ! type apt-get >/dev/null 2>&1; then
			echo "needed and missing: python3 with venv, git, ssh; on Debian, as root: apt-get install python3-venv git openssh-client" >&2
			exit 3
		fi
		$(call step,Debian packages: python3-venv git openssh-client)
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv git openssh-client
	fi
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("python3 is " + sys.version.split()[0] + ", 3.11 or later is needed")'
	$(call step,Python packages into .venv: a minute or two)
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) --editable '.[operator,dev]'
	touch $@

.PHONY: demo
demo: $(READY) ## Seven nodes of three organisations, from nothing, at work; again: quick, changes nothing
	@$(call step,1/5 Hosts: Docker containers with systemd and SSH)
	nodeops lab up --inventory $(LAB)
	$(call step,2/5 Ledger: Ansible makes every host what consortium.yml says)
	ansible-playbook site.yml
	$(call step,3/5 Verify: the live network is asked)
	ansible-playbook playbooks/verify.yml
	$(call step,4/5 Monitor: Prometheus and Alertmanager watch every node)
	ansible-playbook playbooks/monitoring.yml
	nodeops fleet top --inventory $(LAB) --rounds 2
	$(call step,5/5 Tour)
	nodeops lab tour --inventory $(LAB)
	printf '\nWatch it: nodeops fleet top. Pictures of all dashboards, by Grafana components: make pictures PICTURES_OF=$(LAB)\n'

.PHONY: demo-flood
demo-flood: $(READY) ## A flood of logs on one node of the demo, 100 MB/s: watch the disk guard keep it from filling
	@nodeops lab flood --inventory $(LAB)

.PHONY: demo-backup
demo-backup: $(READY) ## Every node of the demo in its organisation's repository, and every backup drilled
	@ansible-playbook -i $(LAB)/consortium.yml playbooks/backup.yml
	ansible-playbook -i $(LAB)/consortium.yml playbooks/drill.yml
	nodeops fleet backup --inventory $(LAB)

LOST ?= cu-1
.PHONY: demo-disaster
demo-disaster: $(READY) test-tools ## One validator of the demo loses its host for good, and comes back signing with its own key
	@nodeops lab disaster $(LOST) --inventory $(LAB)
	nodeops fleet status --inventory $(LAB)

.PHONY: demo-upgrade
demo-upgrade: $(READY) ## The demo's ledger goes over to another release and back, node by node, while records are written
	@nodeops lab upgrade --inventory $(LAB)

.PHONY: demo-down
demo-down: $(READY) ## Remove the demo's hosts, and nothing else
	@nodeops lab down --inventory $(LAB)

.PHONY: check
check: $(READY) ## Lint, types, unit and contract tests: a minute and a half, no hosts
	@$(MAKE) --jobs=2 --keep-going unit lint-ansible-quick $(LINTS)

.PHONY: unit lint-ansible lint-ansible-quick $(LINTS)
# Three processes on two cores: what one waits for, a timeout or a process, keeps no core idle.
unit:
	@python -m pytest -m "not lab and not long and not slow" --hypothesis-profile=check --numprocesses 3 --dist loadfile \
		tests/unit tests/contract
lint-python:
	@ruff check .
	ruff format --check .
lint-types:
	@mypy
	mypy benchmarks dashboards
lint-ansible:
	@ansible-lint --offline -q
# The same in a sixth of the time: tests/ansible_lint.py says how.
lint-ansible-quick:
	@python -m tests.ansible_lint
lint-yaml:
	@yamllint --strict .

.PHONY: lint
lint: $(READY)
	@$(MAKE) --jobs=2 --keep-going --output-sync=target lint-ansible-quick $(LINTS)

# What tests need beside Python: filesystems to break, a server to ship to, rules to load.
TOOLS := rclone e2fsprogs xfsprogs logrotate zstd nftables iptables iproute2 restic age
.PHONY: test-tools
test-tools:
	@if ! PATH=$$PATH:/usr/sbin type rclone mkfs.ext4 mkfs.xfs logrotate zstd nft iptables-nft-restore ip restic age >/dev/null 2>&1; then
		$(call step,Debian packages: $(TOOLS))
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(TOOLS)
	fi

.PHONY: test-filesystems
test-filesystems: $(READY) test-tools ## The disk guard alone, broken on purpose: loop devices, crashes, kill -9; as root
	@python -m pytest --verbose tests/filesystems

# Two lanes of real hosts: tests/lab/conftest.py says what stays in one lane. The first session has what needs neither, and the test that
# takes the package cache away, which no other lab may miss.
LANES := --numprocesses 2 --dist loadfile --no-loadscope-reorder
CACHE_TEST := tests/lab/test_packages.py
# The last lines are pytest's, whatever the linters said before; above them stands what took how long, of both sessions.
.PHONY: test everything
test: $(READY) test-tools ## Everything, at the size that proves it: check, then lab tests and scenarios on real hosts; cleans up
	@$(MAKE) --keep-going lint everything
everything:
	@$(call sessions,build/times.json,--numprocesses 3 --dist loadfile,$(LANES))

.PHONY: test-long everything-long
test-long: $(READY) test-tools ## What a release needs beside `make test`: full matrices, soaks, simulated days; prints a report
	@$(MAKE) --keep-going lint-ansible everything-long
everything-long:
	@$(call sessions,build/times-long.json,--numprocesses 2 --dist worksteal -m long,-m long)

# Two sessions of pytest that are one run: the file of its times, options of the first, of the second.
define sessions
trap 'make --silent labs-down >/dev/null 2>&1 || true' EXIT
export NODEOPS_TIMES=$(1)
rm -f $(1)
code=0
python -m pytest --verbose $(2) tests/unit tests/contract tests/filesystems tests/long $(CACHE_TEST) || code=$$?
python -m pytest --verbose $(3) --deselect $(CACHE_TEST) tests/lab || code=$$?
exit $$code
endef

# The labs of tests, scenarios and benchmarks; never the demo's.
.PHONY: labs-down
labs-down:
	@for folder in molecule/*/ build/lab/*/; do
		[ ! -f "$${folder}lab.yml" ] || nodeops lab down --inventory "$$folder"
	done

.PHONY: bench
bench: $(READY) test-tools ## Measure against yardsticks of the same run, into benchmarks/RESULTS.md: half an hour or more
	@NODEOPS_FULL=1 molecule test --scenario-name disk
	python benchmarks/run.py

.PHONY: docs
docs: $(READY) ## Write docs/reference anew from the code
	@python docs/reference/generate.py

.PHONY: dashboards
dashboards: $(READY) ## Write the JSON of Grafana's dashboards anew, into roles/dashboards/files
	@python -m dashboards.generate

# Of a lab that is up and has a monitor; Debian's chromium and npm's packages (500 MB) are fetched at the first time.
PICTURES_OF ?= molecule/monitoring
PICTURES_NODE ?= alpha-1
.PHONY: pictures
pictures: $(READY) ## Draw the dashboards with a lab's own data, into docs/pictures; look at them
	@if ! type chromium npm pngquant >/dev/null 2>&1; then
		$(call step,Debian packages: chromium npm pngquant)
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium npm pngquant
	fi
	python -m dashboards.render.pictures --inventory $(PICTURES_OF) --node $(PICTURES_NODE)

.PHONY: lock
lock: $(READY) ## Pin the controller's packages as they are in .venv now
	@{ echo "# Versions the controller was tested with; written by make lock."; python -m pip freeze --exclude-editable; } > $(LOCK)
	touch $(READY)

.PHONY: clean
clean: ## Remove .venv, caches; labs and identities stay
	@rm -rf .venv *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
