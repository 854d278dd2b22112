package main

import (
	"callscreen/console"
)

// checks tells how each part of the process stands.
func (p *process) checks() []console.Check {
	return []console.Check{p.checkListeners(), p.checkJuhe(), p.record.check()}
}

// checkListeners: a process that serves listens.
func (p *process) checkListeners() console.Check {
	return console.Check{Name: "listeners", Detail: p.describe()}
}

func (p *process) checkJuhe() console.Check {
	c := console.Check{Name: "juhe"}
	if p.juhe == nil {
		c.Fault = "there is no key: numbers are not looked up; write key_file under juhe"
		return c
	}
	if s := p.juhe.State(); s.Reason != "" {
		c.Fault, c.Since = "numbers are not looked up: "+s.Detail, s.Since
	}
	return c
}
