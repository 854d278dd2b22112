FUZZTIME ?= 10m
SOAKTIME ?= 60m
BENCHFLAGS ?= --runs 5

.PHONY: run test e2e check bench fuzz soak

run: ## a simulated office on this machine: carrier, PBX, directory and calls
	go run ./cmd/callscreen demo

test: ## everything; installs what the tests need, on Debian as root
	tools/install.sh
	go test -race -shuffle=on $$(go list ./... | grep -v /e2e)
	$(MAKE) e2e

e2e: ## the binary among real phones: two Asterisk 22, baresip, SIPp; kill -9, a failing Juhe, signals
	tools/install.sh
	tools/asterisk.sh
	go test -race -shuffle=on -count=1 -timeout 15m ./e2e/...

check:
	tools/check.sh

bench: ## against Kamailio, as root: bench/README.md
	bench/tools/install.sh && go build -o dist/callscreen ./cmd/callscreen
	CALLSCREEN=dist/callscreen bench/tools/bench.py run --proxy kam-warm --proxy callscreen=cmd:bench/tools/callscreen.sh $(BENCHFLAGS)

fuzz:
	tools/fuzz.sh $(FUZZTIME)

soak: ## calls for an hour while Juhe comes and goes
	go test -count=1 -timeout 0 -v -run TestSoak ./e2e -soak $(SOAKTIME)
