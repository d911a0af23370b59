# SPDX-License-Identifier: MIT

GO ?= go
BIN := bin/kmodlab
# Go's own stamping fails in a checkout that belongs to somebody else, as in a Vagrant machine.
COMMIT := $(shell git describe --always --dirty --exclude '*' 2>/dev/null)
LDFLAGS := -s -w -X github.com/kmodlab/kmodlab/internal/version.commit=$(COMMIT)
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)"

# A machine where Go was just installed may have it outside of PATH.
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

.DELETE_ON_ERROR:
.PHONY: help demo build test test-all test-cache test-kernels test-faults test-truth test-hostile
.PHONY: test-endurance test-intree test-stuck test-runners test-debug test-slurm test-gradescope fuzz bench-grade
.PHONY: lint check check-tidy check-c check-fixed check-sparse check-shell check-columns check-workflows
.PHONY: check-vulnerabilities generate docs
.PHONY: bench bench-programs bench-calls bench-leaks bench-hostile bench-warm
.PHONY: bench-report bench-tracer bench-kmod doctor clean setup-% FORCE

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: setup-demo build ## build, load and trace the seed's two modules in a VM; installs what is missing
	$(BIN) demo

build: setup-build $(BIN) ## build bin/kmodlab, bin/kmodlab-agent for its machines, and bin/kmod

$(BIN): FORCE
	@$(GOBUILD) -o bin/ ./cmd/kmodlab ./cmd/kmodlab-agent ./cmd/kmod

# -short leaves out what starts a VM, fetches a kernel or builds for one. The packages that start VMs do so one after
# another, so a package's time limit holds for all of them together.
test: setup-test lint test-cache ## run every test, VMs included, on the default kernel (20 minutes without KVM)
	$(GO) test -race -short ./...
	$(GO) test -timeout 75m ./...

test-all: setup-test lint test-cache ## the same on all kernels of Debian, and what takes long, with the race detector
	KMODLAB_TEST_ALL=1 $(GO) test -race -timeout 720m ./...

# Some tests only read a kernel's files, and take those that are in the cache.
test-cache: setup-test build
	$(BIN) kernel fetch debian:bookworm
	$(BIN) kernel fetch debian:bookworm/generic
	$(BIN) kernel fetch debian:trixie
	$(BIN) kernel fetch debian:trixie-backports

# UPDATE=1 writes the table into docs/events.md; else the two are compared.
test-kernels: setup-test ## run the demo and the lessons on every kernel, and print which hook works where
	KMODLAB_TEST_ALL=1 KMODLAB_UPDATE=$(UPDATE) $(GO) test -count 1 -v -run '^TestKernels$$' -timeout 85m ./test/vm

# FAULT_KERNEL=debian:trixie runs them on that kernel only.
test-faults: setup-test ## run every module of modules/faults on two kernels, and print the verdict that each got
	KMODLAB_TEST_FAULTS=1 KMODLAB_FAULT_KERNEL=$(FAULT_KERNEL) \
		$(GO) test -count 1 -v -run '^TestFault' -timeout 85m ./test/vm

# TRUTH='ok_*' runs the cases of these names only, TRUTH_KERNEL=debian:trixie on that kernel only.
test-truth: setup-test ## run what strangers' modules do on two kernels, and print the verdict that each got
	KMODLAB_TEST_TRUTH=1 KMODLAB_TRUTH='$(TRUTH)' KMODLAB_TRUTH_KERNEL=$(TRUTH_KERNEL) \
		$(GO) test -count 1 -v -run '^TestTruth' -timeout 85m ./test/vm

# test/hostile.txt lists the tests. What needs root, another user or a VM is left out aloud where there is none.
test-hostile: setup-test test-cache ## try what hostile sources, modules, guests, files and other users try
	KMODLAB_TEST_FORGERIES=1 KMODLAB_TEST_ALL=1 KMODLAB_TEST_TRUTH=1 KMODLAB_TRUTH='left_*' GO='$(GO)' \
		scripts/test-hostile.sh

# The same SEED gives the same faults in the same order; without, each time others.
COUNT ?= 200
test-endurance: setup-test ## run COUNT (200) random faults in a row, and see that nothing is left of any
	KMODLAB_ENDURANCE=$(COUNT) KMODLAB_SEED=$(SEED) KMODLAB_FAULT_KERNEL=$(FAULT_KERNEL) \
		$(GO) test -count 1 -v -run '^TestEndurance$$' -timeout 4h ./test/vm

# STUCK_KERNEL=debian:trixie runs them on that kernel only; STUCK_DIRS='a b' are folders to run as well.
test-stuck: COUNT = 20
test-stuck: setup-test ## run what hangs or spins COUNT (20) times each: the same sentence each time, within 15 s
	KMODLAB_STUCK=$(COUNT) KMODLAB_STUCK_DIRS='$(STUCK_DIRS)' KMODLAB_STUCK_KERNEL=$(STUCK_KERNEL) \
		$(GO) test -count 1 -v -run '^TestStuck$$' -timeout 13h ./test/vm

# The package has 600 MB unpacked. DEBUG_DIR is where it is kept.
test-debug: setup-test build ## have crash and drgn open a core of the default kernel, with its debug package
	GO='$(GO)' scripts/test-debug.sh

# INTREE_KERNEL=debian:bookworm/generic takes the modules of that kernel.
test-intree: setup-test ## run COUNT (200) random modules of the kernel's own tree: none may be accused falsely
	KMODLAB_INTREE=$(COUNT) KMODLAB_SEED=$(SEED) KMODLAB_INTREE_KERNEL=$(INTREE_KERNEL) \
		$(GO) test -count 1 -v -run '^TestInTree$$' -timeout 4h ./test/vm

# Rust is too large to be installed for make test, which leaves these out aloud where there is no cargo.
test-runners: setup-runners ## run tests through kmodlab exec, with go test's flags and with cargo's runner
	KMODLAB_TEST_RUNNERS=1 $(GO) test -count 1 -v -run '^(TestGoTest.*|TestExec.*|TestCargo)$$' \
		-timeout 45m ./test/cli

# Slurm's packages are installed for this alone. The test starts daemons of its own, in a folder of its own.
test-slurm: COUNT = 300
test-slurm: setup-slurm ## grade a class of COUNT (300) on a Slurm of two nodes, and compare it with one process
	KMODLAB_TEST_SLURM=$(COUNT) $(GO) test -count 1 -v -timeout 3h ./test/slurm

# It makes a Debian of its own, as root, and its fetching of a kernel needs the network.
test-gradescope: setup-gradescope ## grade in a container such as Gradescope's, without KVM and with 768 MB
	KMODLAB_TEST_GRADESCOPE=1 $(GO) test -count 1 -v -timeout 1h ./test/gradescope

lint: ## gofmt, go vet, staticcheck
	@out=$$(gofmt -l .) && if [ -n "$$out" ]; then echo "not formatted, type gofmt -w:" $$out; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# Each step is a goal of its own. The slowest is check-sparse, which builds all modules.
check: ## lint, and check generated files, C, scripts and long lines
check: lint check-tidy check-c check-fixed check-sparse check-shell check-columns check-workflows

# Another version of clang compiles another object: the committed one is made by that of Debian 12.
check-tidy: generate # that the eBPF objects, go.mod and go.sum are up to date
	@echo "$@: $$(clang --version | head -n 1)"
	@$(GO) mod tidy
	@git diff --exit-code -- tracer/bpf go.mod go.sum || \
		{ echo "$@: not up to date; type: git add tracer/bpf go.mod go.sum"; exit 1; }

# Below tracer/bpf, that folder's own .clang-format holds.
CSOURCES = $$(git ls-files --cached --others --exclude-standard -- 'modules/*.[ch]' 'labs/*.[ch]' 'tracer/bpf/*.[ch]')
check-c: setup-check # that clang-format would change nothing
	@echo "$@: $$(clang-format --version)"
	@clang-format --dry-run -Werror $(CSOURCES) || \
		{ echo "$@: type, for each file above: clang-format -i FILE"; exit 1; }

check-fixed: # that each mended fault is close to the faulty one
	@scripts/check-fixed.sh

# SPARSE_KERNEL=debian:bullseye checks with another kernel's headers.
SPARSE_KERNEL ?= debian:bookworm
check-sparse: setup-check # that gcc, with W=1, and sparse have no warning about the modules
	@scripts/check-sparse.sh $(SPARSE_KERNEL)

check-shell: setup-check # shellcheck
	@echo "$@: scripts/*.sh labs/*/*.sh labs/gradescope/run_autograder .ci/run"
	@shellcheck scripts/*.sh labs/*/*.sh labs/gradescope/run_autograder .ci/run

check-columns: # that no line is longer than 120 columns
	@scripts/check-columns.sh

check-workflows: # actionlint, on .github/workflows
	@echo "$@: .github/workflows"
	@$(GO) tool actionlint

# Not part of check: it asks the Go project's database, and what that says changes from day to day.
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
check-vulnerabilities: # govulncheck: that nothing is known against the code that is called
	$(GO) run $(GOVULNCHECK) ./...

docs: setup-test ## draw the pictures of docs/pictures anew, from real runs in internal/report/testdata/real
	KMODLAB_UPDATE=1 $(GO) test -count 1 -run '^(TestGallery|TestPicture)$$' \
		./internal/report/svg ./internal/report/page

generate: setup-generate ## compile the eBPF programs anew (clang)
	$(GO) generate ./tracer/bpf

bench: setup-bench build ## print ratios: run against a bare boot, build in VM and sandbox, sizes
	$(GO) test -run '^$$' -bench . -skip '^Benchmark(Calls|Tracer|Kmod.*|Leaks|Pool|Hostile|Programs|Grade)$$' \
		-benchtime 1x -timeout 30m ./test/bench

bench-programs: setup-bench build ## compare runs with tests, go test -exec and a shell with a run without
	$(GO) test -run '^$$' -bench '^BenchmarkPrograms$$' -benchtime 1x -timeout 30m ./test/bench

# COUNT=300 measures a whole class.
bench-grade: COUNT = 30
bench-grade: setup-bench build ## compare grading a class with bare boots, and lab check with run
	KMODLAB_BENCH_CLASS=$(COUNT) \
		$(GO) test -run '^$$' -bench '^BenchmarkGrade$$' -benchtime 1x -timeout 60m ./test/bench

# BPFTRACE_KERNEL=debian:trixie measures on another kernel.
bench-calls: setup-bench build ## measure what a system call takes in a program that is followed
	KMODLAB_BENCH_KERNEL=$(BPFTRACE_KERNEL) \
		$(GO) test -run '^$$' -bench '^BenchmarkCalls$$' -benchtime 1x -timeout 30m ./test/bench

bench-leaks: setup-bench build ## compare runs with and without the search for leaks
	$(GO) test -run '^$$' -bench '^BenchmarkLeaks$$' -benchtime 1x -timeout 30m ./test/bench

# BEFORE=COMMIT also compares with that commit's program.
bench-hostile: setup-bench build ## measure what the witness costs, and what was built since BEFORE
	$(if $(BEFORE),scripts/build-commit.sh $(BEFORE) bin/before)
	KMODLAB_BENCH_BEFORE=$(if $(BEFORE),$(CURDIR)/bin/before) \
		$(GO) test -run '^$$' -bench '^BenchmarkHostile$$' -benchtime 1x -timeout 30m ./test/bench

# Its raw figures go to docs/performance.json.
bench-warm: setup-bench build ## compare runs on a machine that goes on, many of them, and cold ones, with a bare boot
	KMODLAB_BENCH_JSON=$(CURDIR)/docs/performance.json \
		$(GO) test -run '^$$' -bench '^Benchmark(Warm|Pool)$$' -benchtime 1x -timeout 30m ./test/bench

bench-report: setup-bench ## measure rendering: 100,000 events on one core, the page with 10,000 in Chromium
	$(GO) test -run '^$$' -bench . -benchtime 1x ./internal/report/...

# BPFTRACE_KERNEL=debian:trixie measures on another kernel.
bench-tracer: setup-bench build ## compare the tracer's cost and losses with bpftrace's in one VM (15 min without KVM)
	KMODLAB_BENCH_KERNEL=$(BPFTRACE_KERNEL) \
		$(GO) test -run '^$$' -bench '^BenchmarkTracer$$' -benchtime 1x -timeout 60m ./test/bench

bench-kmod: setup-bench ## compare the commands' times with kmod's: trees of 4,000 modules, single calls, a VM
	$(GO) test -run '^$$' -bench '^BenchmarkKmod' -benchtime 1x -timeout 60m ./test/bench

# Without a bound Go spends whole minutes on making each new input shorter, and tries few.
FUZZTIME ?= 60s
# What a target takes beyond this, in KiB, fails: nothing that is read may want more memory than a person has.
FUZZMEMORY ?= 6291456
fuzz: ## run every fuzz target for FUZZTIME (60s), each within 6 GiB
	@$(GO) test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { f[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, f[i]; n = 0 }' | \
	{ ulimit -v $(FUZZMEMORY); while read -r pkg name; do \
		echo "$$pkg $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$pkg" || exit 1; \
	done; }

doctor: build ## say what is here, what is missing, and how to mend it
	$(BIN) doctor

clean: ## remove what was built (the cache of kernels stays: kmodlab kernel rm NAME)
	rm -rf bin

setup-%:
	@scripts/setup.sh $*
