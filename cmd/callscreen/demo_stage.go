package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/emiago/sipgo"
)

// stage is who stands on it while the demo runs.
type stage struct {
	juhe    *simulatedJuhe
	pbx     *simulatedPBX
	carrier *simulatedCarrier
	screen  *process
	record  *journal
	down    []func() error // takes all of it down, from the last to the first
}

// errScreenEnded reports that callscreen ended while it was needed.
var errScreenEnded = errors.New("callscreen ended by itself")

// set builds the stage: whoever is called before whoever calls. The context that
// it returns ends with ctx, or under errScreenEnded.
func (d demo) set(ctx context.Context, s *stage) (_ context.Context, err error) {
	if s.juhe, err = newJuhe(juheDelay, alsoKnown); err != nil {
		return nil, err
	}
	s.down = append(s.down, s.juhe.close)
	if s.pbx, err = newPBX(); err != nil {
		return nil, err
	}
	s.down = append(s.down, s.pbx.close)
	if s.carrier, err = newCarrier(); err != nil {
		return nil, err
	}
	s.down = append(s.down, s.carrier.close)
	dir, err := os.MkdirTemp("", "callscreen-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo: %w", err)
	}
	s.down = append(s.down, func() error { return os.RemoveAll(dir) })
	return d.startScreen(ctx, s, dir)
}

// startScreen starts callscreen itself, from files as a user writes them.
func (d demo) startScreen(ctx context.Context, s *stage, dir string) (context.Context, error) {
	file, text := filepath.Join(dir, "callscreen.yaml"), d.config(s)
	if err := errors.Join(
		os.WriteFile(file, text, 0o600),
		os.WriteFile(filepath.Join(dir, "policy.yaml"), demoPolicy, 0o600),
		os.WriteFile(filepath.Join(dir, "key"), []byte(simulatedKey+"\n"), 0o600),
	); err != nil {
		return nil, fmt.Errorf("writing the demo's files: %w", err)
	}
	c, err := parseConfig(file, text)
	if err != nil {
		return nil, err
	}
	if s.record, err = openJournal(c.Record.File); err != nil {
		return nil, err
	}
	s.down = append(s.down, s.record.close)
	if s.screen, err = build(c, d.log); err != nil {
		return nil, err
	}
	return s.runScreen(ctx), nil
}

// runScreen runs callscreen until close. It outlives ctx, to be drained while the
// others are still there.
func (s *stage) runScreen(ctx context.Context) context.Context {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	playing, ended := context.WithCancelCause(ctx)
	result := make(chan error, 1)
	go func() { // ends when close calls stop
		err := s.screen.run(running)
		ended(errScreenEnded)
		result <- err
	}()
	s.down = append(s.down, func() error { stop(); return <-result })
	return playing
}

// config is the callscreen.yaml of the demo. The trunk may send from any port, so
// that a softphone can take the carrier's part.
func (d demo) config(s *stage) []byte {
	return fmt.Appendf(nil, `listen:
  - {name: trunk, address: "udp:127.0.0.1:0"}
  - {name: office, address: "udp:127.0.0.1:0"}
trunks:
  - name: carrier
    networks: "127.0.0.1"
    listen: trunk
    targets: "sip:%[1]s"
    budget: %[2]s
pbx:
  networks: "%[3]s"
  listen: office
  targets: "sip:%[3]s"
juhe: {url: "%[4]s", key_file: key}
policy: policy.yaml
state: state
record: {file: record.jsonl, numbers: full}
timers: {drain: 1s}
http: {listen: ""}
control: ""
`, s.carrier.addr, d.budget, s.pbx.addr, s.juhe.url())
}

// close takes the stage down.
func (s *stage) close() error {
	var all []error
	for _, down := range slices.Backward(s.down) {
		all = append(all, down())
	}
	return errors.Join(all...)
}

// call places one call, ends it where it was answered, and finds out what was
// decided. It is not broken off half-way: sipgo would wait for answers in its own time.
func (s *stage) call(ctx context.Context, from caller) (r callResult) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), callLimit, sipgo.WaitAnswerForceCancelErr)
	defer cancel()
	a, err := s.carrier.invite(ctx, s.screen.addr("trunk"), from)
	if err != nil {
		r.err = err
		return r
	}
	r.status, r.first = a.status, a.first
	if arrived := s.pbx.arrival(a.id); arrived != nil {
		r.shown = arrived.shown
		if r.passed() {
			if r.bye, r.err = a.converse(ctx, arrived); r.err != nil {
				return r
			}
		}
	}
	r.recordLine, r.err = s.record.of(ctx, a.id)
	r.said = r.saidOfCaller(s.juhe.saidOf(r.From))
	return r
}
