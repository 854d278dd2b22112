package sipagent

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// turns counts how often a loop has come round, so that one that got stuck is
// told from one that has nothing to do.
type turns struct {
	begun, ended atomic.Uint64
	seen         struct{ begun, ended uint64 } // at the look before; of who looks
}

func (t *turns) begin() { t.begun.Add(1) }
func (t *turns) end()   { t.ended.Add(1) }

// stuck reports whether a turn that was under way at the look before still is, and
// none has ended since.
func (t *turns) stuck() bool {
	was := t.seen
	t.seen.ended, t.seen.begun = t.ended.Load(), t.begun.Load()
	return was.begun != was.ended && t.seen.ended == was.ended
}

// Stuck returns an error that names a loop of the agent which has been at the same
// message since the call before; nil when all go on. It is for a watchdog: one
// caller, seconds apart.
func (a *Agent) Stuck() (err error) {
	for _, s := range a.sockets {
		if s.turns.stuck() {
			err = errors.Join(err, fmt.Errorf("listener %q does not come round at %v:%v", s.name, s.transport, s.local))
		}
		if s.transport.reliable() {
			err = errors.Join(err, s.streams.stuck())
		}
	}
	if a.clock.turns.stuck() {
		err = errors.Join(err, errors.New("the timers do not come round"))
	}
	return err
}

func (t *streams) stuck() (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, st := range t.open {
		if st.turns.stuck() {
			err = errors.Join(err, fmt.Errorf("listener %q does not come round with %v", t.socket.name, st.remote))
		}
	}
	return err
}
