FUZZTIME ?= 10m
SOAKTIME ?= 60m
BENCHFLAGS ?= --runs 5

.PHONY: run test e2e check bench fuzz soak

run: ## a simulated office on this machine: carrier, PBX, directory and calls
	go run ./cmd/callscreen demo

test: ## installs what the tests need, on Debian as root
	tools/install.sh
	go test -race -shuffle=on ./...

e2e: ## the binary alone: SIPp, kill -9, a failing Juhe, signals (make test has them too)
	go test -count=1 ./e2e/...

check:
	tools/check.sh

bench: ## against Kamailio, as root: bench/README.md
	bench/tools/install.sh && go build -o dist/callscreen ./cmd/callscreen
	CALLSCREEN=dist/callscreen bench/tools/bench.py run --proxy kam-warm --proxy callscreen=cmd:bench/tools/callscreen.sh $(BENCHFLAGS)

fuzz:
	tools/fuzz.sh $(FUZZTIME)

soak: ## calls for an hour while Juhe comes and goes
	go test -count=1 -timeout 0 -v -run TestSoak ./e2e -soak $(SOAKTIME)
