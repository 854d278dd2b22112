package sipagent

import (
	"slices"
	"testing"
	"time"
)

// zero is when the transactions of these tests begin.
const zero = instant(time.Hour)

// standard are the timers of RFC 3261 table 4, with the shortest timer C.
func standard() *Timers {
	t := Timers{C: 181 * time.Second}.withDefaults()
	return &t
}

// machine is what the state machines have in common.
type machine interface {
	tick(now instant) todo
	next() instant
}

// moment is one at which a state machine wants something done.
type moment struct {
	at time.Duration // since zero
	do todo
}

// course runs a machine until it has no timer left and returns what it wanted,
// when. It wants nothing a nanosecond earlier.
func course(t *testing.T, m machine) (all []moment) {
	t.Helper()
	for next := m.next(); !next.IsZero(); next = m.next() {
		if do := m.tick(next.Add(-1)); do != 0 {
			t.Errorf("tick just before %v = %b, want nothing", next.Sub(zero), do)
		}
		all = append(all, moment{next.Sub(zero), m.tick(next)})
		if len(all) > 100 {
			t.Fatal("the machine never ends")
		}
	}
	return all
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestISTTimers(t *testing.T) {
	g := []moment{}
	for _, s := range []float64{0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5} {
		g = append(g, moment{seconds(s), doSend})
	}
	tests := []struct {
		name string
		do   func(m *ist)
		want []moment
	}{
		{"proceeding: the TU decides how long (17.2.1)", func(m *ist) { m.answer(zero, 180) }, nil},
		{"refused: G doubles up to T2, H after 64*T1", func(m *ist) { m.answer(zero, 486) }, append(g, moment{seconds(32), doEnd})},
		{"acknowledged: I after T4", func(m *ist) { m.answer(zero, 603); m.ack(zero.Add(seconds(1))) }, []moment{{seconds(6), doEnd}}},
		{"acknowledged twice: I runs on", func(m *ist) {
			m.answer(zero, 603)
			m.ack(zero)
			m.ack(zero.Add(seconds(3)))
		}, []moment{{seconds(5), doEnd}}},
		{"accepted: L after 64*T1", func(m *ist) { m.answer(zero, 200) }, []moment{{seconds(32), doEnd}}},
		{"accepted again: L runs on (RFC 6026 7.1)", func(m *ist) {
			m.answer(zero, 200)
			m.answer(zero.Add(seconds(9)), 200)
		}, []moment{{seconds(32), doEnd}}},
	}
	for _, tt := range tests {
		m := &ist{timers: standard()}
		if do := m.start(zero); do != 0 {
			t.Fatalf("an INVITE makes it do %v", do)
		}
		tt.do(m)
		if got := course(t, m); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %v\nwant %v", tt.name, got, tt.want)
		}
		if len(tt.want) > 0 && m.state != terminated {
			t.Errorf("%s: ends in state %d", tt.name, m.state)
		}
	}
}

// TestISTTrying checks that 100 Trying is wanted when 150 ms have brought no answer,
// and never after one.
func TestISTTrying(t *testing.T) {
	m := &ist{timers: standard()}
	m.start(zero)
	if got, want := course(t, m), []moment{{150 * time.Millisecond, doTry}}; !slices.Equal(got, want) {
		t.Errorf("without an answer: %v, want %v", got, want)
	}
	m.start(zero)
	if m.answer(zero.Add(seconds(0.1)), 180); !m.next().IsZero() {
		t.Errorf("after 180: 100 Trying is wanted at %v", m.next().Sub(zero))
	}
	hasty := Timers{Trying: -1}.withDefaults()
	m.timers = &hasty
	if do := m.start(zero); do != doTry || !m.next().IsZero() {
		t.Errorf("without patience: start = %v, next %v", do, m.next())
	}
}

// istIn returns a transaction that events brought to a state.
func istIn(s txState) *ist {
	m := &ist{timers: standard()}
	m.start(zero)
	switch s {
	case accepted:
		m.answer(zero, 200)
	case completed:
		m.answer(zero, 486)
	case confirmed:
		m.answer(zero, 486)
		m.ack(zero)
	case terminated:
		m.answer(zero, 200)
		m.tick(m.next())
	}
	return m
}

func TestISTEvents(t *testing.T) {
	invite := func(m *ist) todo { return m.invite() }
	answer := func(status int) func(m *ist) todo {
		return func(m *ist) todo { return m.answer(zero, status) }
	}
	// An ACK that is absorbed counts as done by ending here.
	ack := func(m *ist) todo {
		if m.ack(zero) {
			return doEnd
		}
		return 0
	}
	tests := []struct {
		in    txState
		event string
		do    func(*ist) todo
		want  todo
		then  txState
	}{
		{proceeding, "INVITE", invite, doTry, proceeding},
		{proceeding, "INVITE after 100", func(m *ist) todo { m.answer(zero, 100); return m.invite() }, doSend, proceeding},
		{proceeding, "INVITE after 180", func(m *ist) todo { m.answer(zero, 180); return m.invite() }, doSend, proceeding},
		{proceeding, "100", answer(100), doSend, proceeding},
		{proceeding, "180", answer(180), doSend, proceeding},
		{proceeding, "200", answer(200), doSend, accepted},
		{proceeding, "302", answer(302), doSend, completed},
		{proceeding, "486", answer(486), doSend, completed},
		{proceeding, "603", answer(603), doSend, completed},
		{proceeding, "ACK", ack, 0, proceeding},

		{accepted, "INVITE", invite, 0, accepted}, // absorbed (RFC 6026 7.1)
		{accepted, "180", answer(180), 0, accepted},
		{accepted, "200", answer(200), doSend, accepted},
		{accepted, "486", answer(486), 0, accepted},
		{accepted, "ACK", ack, 0, accepted}, // of the 2xx: goes on

		{completed, "INVITE", invite, doSend, completed},
		{completed, "180", answer(180), 0, completed},
		{completed, "200", answer(200), 0, completed},
		{completed, "603", answer(603), 0, completed},
		{completed, "ACK", ack, doEnd, confirmed},

		{confirmed, "INVITE", invite, 0, confirmed},
		{confirmed, "180", answer(180), 0, confirmed},
		{confirmed, "200", answer(200), 0, confirmed},
		{confirmed, "486", answer(486), 0, confirmed},
		{confirmed, "ACK", ack, doEnd, confirmed},

		{terminated, "INVITE", invite, 0, terminated},
		{terminated, "180", answer(180), 0, terminated},
		{terminated, "200", answer(200), 0, terminated},
		{terminated, "486", answer(486), 0, terminated},
		{terminated, "ACK", ack, 0, terminated},
	}
	for _, tt := range tests {
		m := istIn(tt.in)
		if m.state != tt.in {
			t.Fatalf("state %d cannot be reached: %d", tt.in, m.state)
		}
		if got := tt.do(m); got != tt.want || m.state != tt.then {
			t.Errorf("state %d, %s: do %b, then state %d; want %b, %d", tt.in, tt.event, got, m.state, tt.want, tt.then)
		}
	}
}
