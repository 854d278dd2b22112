package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/console"
	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/sipagent"
	"callscreen/state"
)

// process is callscreen at work: everything that a configuration asks for.
type process struct {
	log    zerolog.Logger
	c      *config
	policy *keeper
	engine *screening.Engine
	lookups
	cache  *screening.Cache // nil: nothing is looked up
	saved  *state.File      // the cache's; nil when cache is
	memory *screening.Memory
	record *record
	agent  *sipagent.Agent
	http   *console.Server // nil: nothing is served over HTTP

	manager manager
	passed  sockets
	servers []server     // http and the control socket, those of them that could be opened
	release func() error // leaves the state folder; nil: it was not occupied
	ending  atomic.Bool  // a signal has asked for the end
}

// build makes a process that is ready to run: policy and key are read, sockets
// and files open. On an error nothing stays open. What is wrong with the files
// that c names is [strictyaml.Errors] or wraps errConfig.
func build(c *config, log zerolog.Logger) (*process, error) { return buildOn(c, sockets{}, log) }

// buildOn is build for a process that was passed sockets.
func buildOn(c *config, passed sockets, log zerolog.Logger) (_ *process, err error) {
	p := &process{log: log, c: c, manager: manager{log}, passed: passed}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.closeTakers())
		}
	}()
	key, err := openState(c.State, log)
	if err != nil {
		return nil, err
	}
	p.occupy() // before anything there is read
	if p.policy, err = newKeeper(c, log); err != nil {
		return nil, err
	}
	if err := p.openCache(); err != nil {
		return nil, err
	}
	if err := p.openMemory(); err != nil {
		return nil, err
	}
	if p.engine, err = screening.New(c.engine(p.policy.policy(), p.cache, p.memory, log)); err != nil {
		return nil, err
	}
	p.policy.use = p.engine.SetPolicy
	if p.record, err = c.openRecord(log); err != nil {
		return nil, err
	}
	if err := c.certificates(); err != nil {
		return nil, err
	}
	if p.agent, err = sipagent.New(passed.hand(p.agentOptions(key))); err != nil {
		return nil, err
	}
	passed.warn(c, log)
	p.openConsole()
	return p, nil
}

// certificates reports what is wrong with the TLS files that c names.
func (c *config) certificates() (err error) {
	for i, l := range c.Listen {
		if l.TLS == (tlsConfig{}) {
			continue
		}
		if bad := sipagent.TLS(l.TLS).Check(); bad != nil {
			err = errors.Join(err, c.fault("tls: "+bad.Error(), "write the names of PEM files that fit each other", "listen", i, "tls"))
		}
	}
	return err
}

// openMemory makes the memory of callers, with what was saved of it.
func (p *process) openMemory() (err error) {
	if p.memory, err = screening.NewMemory(screening.MemoryOptions{}); err != nil {
		return err
	}
	if err := p.c.memoryFile().Load(p.memory.Load); err != nil {
		p.log.Error().Err(err).Msg("the memory of callers begins empty")
	}
	return nil
}

// memoryFile is where the memory of callers outlives the process.
func (c *config) memoryFile() *state.File {
	return &state.File{Path: filepath.Join(c.State, "memory"), Kind: "memory 1"}
}

// longestBudget is the longest that a call waits for an answer.
func (c *config) longestBudget() time.Duration {
	var longest time.Duration
	for _, t := range c.Trunks {
		longest = max(longest, t.Budget)
	}
	return longest
}

// longestDial is the part of the longest budget that a new connection may take:
// 300 ms of the default's 800.
func (c *config) longestDial() time.Duration { return c.longestBudget() * 3 / 8 }

// juheKey returns the key from the configuration, from the file that it names,
// or else from where [juhe.ReadKey] looks.
func (c *config) juheKey() (string, error) {
	if c.Juhe.Key != "" {
		return string(c.Juhe.Key), nil
	}
	key, err := juhe.ReadKey(c.Juhe.KeyFile)
	if err != nil && c.Juhe.KeyFile != "" {
		return "", badKey{c.fault("key_file: "+reason(err), keyHint(err), "juhe", "key_file")}
	}
	if err != nil && !errors.Is(err, juhe.ErrNoKey) {
		return "", badKey{exitWith(exitConfiguration, err)}
	}
	return key, err
}

// badKey is why a key that is written somewhere cannot be had.
type badKey struct{ error }

func (b badKey) Unwrap() error { return b.error }

// saveEvery is how much a crash may take of what is remembered.
const saveEvery = 5 * time.Minute

// run serves until ctx ends, finishes what is under way and closes everything.
// It may be called once.
func (p *process) run(ctx context.Context) error {
	var warming sync.WaitGroup
	warm, cool := context.WithCancel(ctx)
	warming.Go(func() { p.policy.watch(warm) }) // ends by cool, as the next
	warming.Go(func() {
		if err := p.c.memoryFile().Keep(warm, saveEvery, p.memory.Save, p.log); err != nil {
			p.log.Error().Err(err).Msg("the memory of callers is not saved")
		}
	})
	p.runNotifier(warm, &warming)
	p.runLookups(warm, &warming)
	p.log.Info().Msg(p.status())
	stopConsole := p.runConsole()
	err := p.agent.Run(ctx)
	stopConsole()
	if p.cache != nil {
		p.cache.Close()
	}
	cool()
	warming.Wait()
	return errors.Join(err, p.closeTakers())
}

// closeTakers closes what takes work, after those who make it.
func (p *process) closeTakers() error {
	if p.cache != nil {
		p.cache.Close()
	}
	err := p.lookups.Close()
	if p.record != nil {
		err = errors.Join(err, p.record.close())
	}
	if p.release != nil {
		err = errors.Join(err, p.release())
	}
	return err
}

// addr returns the first address that a listener is bound to.
func (p *process) addr(listener string) netip.AddrPort {
	for _, a := range p.agent.Addrs(listener) {
		_, at, _ := strings.Cut(a, ":")
		return netip.MustParseAddrPort(at)
	}
	return netip.AddrPort{}
}

// status says that the process serves, where, and by which policy.
func (p *process) status() string {
	return fmt.Sprintf("ready: %s; policy %s", p.describe(), describePolicy(p.policy.policy()))
}

// describe names what the process listens at and whom it listens to.
func (p *process) describe() string {
	var listeners, trunks []string
	for _, l := range p.c.Listen {
		listeners = append(listeners, l.Name+" at "+strings.Join(p.agent.Addrs(l.Name), " and "))
	}
	for _, t := range p.c.Trunks {
		trunks = append(trunks, t.Name)
	}
	return fmt.Sprintf("listeners %s; trunks %s", strings.Join(listeners, ", "), strings.Join(trunks, ", "))
}
