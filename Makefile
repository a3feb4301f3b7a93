GO      ?= go
LINT    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
RACE    := $(if $(shell command -v gcc),-race) # the race detector needs a C compiler
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMON  := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(COMMON).Version=$(VERSION) -X $(COMMON).Revision=$(shell git rev-parse HEAD 2>/dev/null) \
	-X $(COMMON).Branch=$(shell git rev-parse --abbrev-ref HEAD 2>/dev/null) -X $(COMMON).BuildDate=$(shell date -u +%Y-%m-%dT%H:%M:%SZ)
MAX     := 33554432 # bytes, 32 MiB

# A scenario of the end-to-end tests, such as TestIntranet/SIGKILL; empty = all.
RUN ?=

# How long each fuzz target runs.
FUZZTIME ?= 10s

# The packages with tests that want programs, and that make test skips where these are missing.
TOOLED := ./deploy ./grafana ./internal/demo ./internal/web

.PHONY: help build fmt lint test fuzz bench e2e clean

help: ## show what there is to make
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the exporter, one static binary below 32 MiB
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o intranet_exporter .
	@size=$$(wc -c <intranet_exporter); echo "intranet_exporter: $$size bytes"; test $$size -lt $(MAX)

fmt: ## format the code
	$(LINT) fmt

lint: ## look for what compiles and should not be there
	$(LINT) run --allow-parallel-runners
	$(GO) vet -tags e2e ./...
	$(GO) mod tidy -diff

test: lint build ## pass everything that needs no server
	$(GO) test $(RACE) -cover -timeout 30m ./...

fuzz: ## feed nonsense to whatever reads what others write; FUZZTIME=10m for longer
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {targets[n++] = $$1} /^ok/ {while (n) print $$2, targets[--n]}' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$package || exit 1; \
	done

bench: build ## measure the exporter against the least that could be done; some minutes
	$(GO) run ./bench

e2e: build ## prove the exporter against real servers; RUN=TestIntranet/SIGKILL for one scenario
	e2e/install.sh
	@TMPDIR=$$(mktemp -d) && export TMPDIR && trap 'rm -rf "$$TMPDIR" || { sleep 2; rm -rf "$$TMPDIR"; }' EXIT && trap 'exit 1' HUP INT TERM && \
	INTRANET_TEST_TOOLS=required $(GO) test -count 1 -timeout 20m -v -run '$(RUN)' $(TOOLED) && \
	INTRANET_TEST_KILLS=200 $(GO) test -count 1 -timeout 20m -parallel 4 -v -run '$(RUN)' . && \
	$(GO) test -tags e2e -count 1 -timeout 20m -v -run '$(RUN)' ./e2e

clean: ## remove what was built
	rm -f intranet_exporter
