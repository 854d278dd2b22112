FUZZTIME ?= 10m
BENCHFLAGS ?= --runs 5

.PHONY: run test check bench fuzz

run: ## a simulated office on this machine: carrier, PBX, directory and calls
	go run ./cmd/callscreen demo

test: ## installs what the tests need, on Debian as root
	tools/install.sh
	go test -race -shuffle=on ./...

check:
	tools/check.sh

bench: ## against Kamailio, as root: bench/README.md
	bench/tools/install.sh && go build -o dist/callscreen ./cmd/callscreen
	CALLSCREEN=dist/callscreen bench/tools/bench.py run --proxy kam-warm --proxy callscreen=cmd:bench/tools/callscreen.sh $(BENCHFLAGS)

fuzz:
	tools/fuzz.sh $(FUZZTIME)
