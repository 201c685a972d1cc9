# The few things people do. CMake builds; this only saves typing (see CMakePresets.json).

PACKAGES = gcc cmake ninja-build pkg-config libnng-dev libssl-dev libcurl4-openssl-dev libsqlite3-dev \
	libgit2-dev libmicrohttpd-dev libyaml-dev libprotobuf-c-dev protobuf-c-compiler uthash-dev \
	libseccomp-dev zlib1g-dev libzstd-dev git openssl ca-certificates
TEST_PACKAGES = python3 python3-venv python3-jsonschema libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev \
	openssh-client openssh-server iproute2 curl tmux zsh fish groff-base systemd prometheus

BIN = $(CURDIR)/build/release/bin
SHIM = $(CURDIR)/build/release/tests/fault/libfault_shim.so
FAULTS = HOLDFAST_BIN='$(BIN)' HOLDFAST_FAULT_SHIM=$(SHIM) python3 -B tests/fault/run.py
TIME = 60
RUNS = 1000
REAL_RUNS = 50
SOAK = 50
KILLS = 1000
# A cluster is used only if it was asked for here; $KUBECONFIG of a shell may mean production.
DEMO_CLUSTER = $(if $(filter command,$(firstword $(origin KUBECONFIG))),$(KUBECONFIG))

.PHONY: help deps deps-test build demo test fuzz broken faults soak bench clean fmt

help:
	@echo 'make demo         install what it needs, build, and show the main job on 50 simulated clusters'
	@echo 'make demo KUBECONFIG=FILE   the same, and an agent on that cluster'
	@echo 'make test         install what the tests need, build, run everything'
	@echo 'make build        build the programs into build/release/bin'
	@echo 'make deps         install the Debian packages for building (make deps-test: for testing too)'
	@echo 'make fuzz TIME=60 fuzz each parser for so many seconds of processor time'
	@echo 'make broken       break one check at a time and see that a test notices'
	@echo 'make faults       run an agent through 1,000 random faults, and 50 on a real Kubernetes'
	@echo 'make soak         run hub, agents and Git through SOAK=50 random runs of all kinds of faults, and'
	@echo '                  as many on a real network and on a real Kubernetes, and kill them KILLS=1000 times'
	@echo '                  then each call that changes a disk fails once, and an hour of rounds leaves nothing behind'
	@echo 'make bench        measure; the numbers are printed as JSON'
	@echo 'make fmt          format the C code'
	@echo 'make clean        remove build/'

deps:
	@$(call install,$(PACKAGES))

deps-test:
	@$(call install,$(PACKAGES) $(TEST_PACKAGES))

# Installs those of $(1) that are missing; does nothing, and needs no network, if there are none.
define install
missing=; for package in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; \
done; \
if [ -n "$$missing" ]; then \
	echo "installing:$$missing" >&2; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -qq && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
fi
endef

# Programs only, unless `make test` has set this folder up before.
build: build/release/build.ninja
	@cmake --build --preset release

build/release/build.ninja:
	@cmake --preset release -DHOLDFAST_TESTS=OFF

demo: deps
	@$(MAKE) --no-print-directory build
	@HOLDFAST_BIN='$(BIN)' exec deploy/demo/demo.sh '$(DEMO_CLUSTER)'

test: deps-test
	@python3 tests/run.py

fuzz: deps-test
	@python3 tests/fuzz.py $(TIME)

broken: deps-test
	@python3 -B tests/broken.py

faults: deps-test
	@cmake --preset release -DHOLDFAST_TESTS=ON >/dev/null
	@cmake --build --preset release
	@HOLDFAST_RUNS=$(RUNS) build/release/tests/integration/agent/integration.agent.test_faults
	@HOLDFAST_RUNS=$(REAL_RUNS) python3 tests/integration/agent/kube_faults.py \
		build/release/tests/integration/agent/integration.agent.test_faults

soak: deps-test
	@cmake --preset release -DHOLDFAST_TESTS=ON >/dev/null
	@cmake --build --preset release
	@$(FAULTS) --runs $(SOAK) --steps 40 --longest-stop 120
	@$(FAULTS) --runs $(SOAK) --steps 40 --namespaces || [ $$? = 77 ]
	@$(FAULTS) --runs $(SOAK) --steps 40 --kube
	@$(FAULTS) --kills $(KILLS) --steps 40
	@HOLDFAST_STRANGERS=5000 HOLDFAST_FLOOD=30000 HOLDFAST_BIN='$(BIN)' python3 tests/e2e/sim_hostile_peers.py
	@HOLDFAST_EACH=1 HOLDFAST_BIN='$(BIN)' HOLDFAST_FAULT_SHIM=$(SHIM) python3 tests/e2e/sim_nth_failure.py
	@HOLDFAST_SECONDS=3600 HOLDFAST_BIN='$(BIN)' python3 tests/e2e/sim_long_run.py
	@HOLDFAST_LOOKS=60 python3 tests/e2e/kube_corpus.py

bench: deps-test
	@cmake --preset release -DHOLDFAST_TESTS=ON >/dev/null
	@cmake --build --preset release >&2
	@HOLDFAST_BIN='$(BIN)' python3 tests/bench/run.py

fmt:
	@git ls-files '*.c' '*.h' | xargs -r clang-format -i

clean:
	rm -rf build
