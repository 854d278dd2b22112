package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
	"callscreen/sipagent"
)

func (c *config) engine(p *screening.Policy, cache *screening.Cache, memory *screening.Memory, log zerolog.Logger) screening.Options {
	o := screening.Options{
		Policy: p, Cache: cache, Memory: memory, Trunks: map[string]screening.Trunk{}, AskWithheld: c.Directories.AskWithheld, Logger: log,
	}
	for _, t := range c.Trunks {
		o.Trunks[t.Name] = screening.Trunk{Habits: t.habits(), Budget: t.Budget}
	}
	return o
}

func (t trunkConfig) habits() screening.Habits {
	return screening.Habits{Country: t.Country, AreaCode: t.AreaCode, StripPrefixes: t.StripPrefixes}
}

// cache turns a zero that says no into the negative value that does so there.
func (c *config) cache(d screening.Directory, log zerolog.Logger) screening.CacheOptions {
	return screening.CacheOptions{
		Directory: d, Outage: orNone(c.Cache.Outage), Size: c.Cache.Size, Known: c.Cache.Known, Unknown: c.Cache.Unknown,
		Failed: orNone(c.Cache.Failed), Stale: orNone(c.Cache.Stale), Jitter: orNone(c.Cache.Jitter), Logger: log,
	}
}

func orNone[T time.Duration | float64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

func (c *config) agent(s sipagent.Screener, strip func(string) (string, bool), r sipagent.Recorder, key []byte, log zerolog.Logger) sipagent.Options {
	o := sipagent.Options{
		StripLabel: strip,
		PBX:        sipagent.PBX{Networks: plain(c.PBX.Networks), Listen: c.PBX.Listen, Targets: agentTargets(c.PBX.Targets), Probe: c.PBX.Probe, ASCII: c.PBX.ASCII, AuthIP: c.PBX.AuthIP},
		Screener:   s, Recorder: r, Key: key,
		Timers:   sipagent.Timers{T1: c.Timers.T1, C: c.Timers.C, Idle: c.Timers.Idle, Drain: c.Timers.Drain},
		Failover: sipagent.Failover(c.Failover),
		Limits:   sipagent.Limits(c.Limits),
		Logger:   log,
	}
	for _, l := range c.Listen {
		one := sipagent.Listener{Name: l.Name, Advertise: l.Advertise, TLS: sipagent.TLS(l.TLS)}
		for _, a := range l.Address {
			one.Addresses = append(one.Addresses, a.String())
		}
		o.Listeners = append(o.Listeners, one)
	}
	for _, t := range c.Trunks {
		o.Trunks = append(o.Trunks, t.agent())
	}
	return o
}

// agentOptions are those of the configuration with what the process is made of.
func (p *process) agentOptions(key []byte) sipagent.Options {
	o := p.c.agent(p.engine, p.engine.StripLabel, decisions{counted{p.record, p.times}, p.log}, key, p.log)
	o.Dialer, o.Tap = p.engine, p.record.tap()
	return o
}

func plain(networks []network) []sipagent.Network {
	all := make([]sipagent.Network, len(networks))
	for i, n := range networks {
		all[i] = n.Network
	}
	return all
}

// keyHint says what to do about a key file that cannot be read.
func keyHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "let the user that callscreen runs as read the file, and nobody else"
	}
	return "write the name of a file that holds the key and nothing else"
}

// reason returns what went wrong with a file without the file's name, which
// could be a secret in the wrong place.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return "does not hold a key"
}
