package main

import (
	"callscreen/console"
)

// checks tells how each part of the process stands.
func (p *process) checks() []console.Check {
	return append(p.checkLookups(), p.checkListeners(), p.checkTargets(), p.policy.check(), p.record.check())
}

// checkListeners: a process that serves listens.
func (p *process) checkListeners() console.Check {
	return console.Check{Name: "listeners", Detail: p.describe()}
}
