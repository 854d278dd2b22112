package sipagent

import (
	"slices"
	"testing"
	"time"
)

func TestICTTimers(t *testing.T) {
	// 17.1.1.2: seven INVITEs in all; the first goes at once.
	a := []moment{}
	for _, s := range []float64{0.5, 1.5, 3.5, 7.5, 15.5, 31.5} {
		a = append(a, moment{seconds(s), doSend})
	}
	after := func(s float64) instant { return zero.Add(seconds(s)) }
	slow := standard()
	slow.T1 = 2 * time.Second
	fast := standard()
	fast.T1 = time.Millisecond
	hasty := standard()
	hasty.C = time.Second // not a timer C that RFC 3261 allows; it must end the call all the same
	tests := []struct {
		name   string
		timers *Timers
		do     func(m *ict)
		want   []moment
	}{
		{"nobody answers: A doubles, B after 64*T1", standard(), func(*ict) {}, append(a, moment{seconds(32), doTimeout | doEnd})},
		{"A has no upper bound", slow, func(*ict) {}, []moment{
			{seconds(2), doSend},
			{seconds(6), doSend},
			{seconds(14), doSend},
			{seconds(30), doSend},
			{seconds(62), doSend},
			{seconds(126), doSend},
			{seconds(128), doTimeout | doEnd},
		}},
		{"100: C runs from the INVITE", standard(), func(m *ict) { m.answer(after(1), 100) }, []moment{{seconds(181), doCancel}}},
		{"180: C runs from it (16.7 step 2)", standard(), func(m *ict) { m.answer(after(1), 180) }, []moment{{seconds(182), doCancel}}},
		{"180 again: C runs from the last", standard(), func(m *ict) {
			m.answer(after(1), 180)
			m.answer(after(60), 183)
			m.answer(after(70), 100) // does not count
		}, []moment{{seconds(241), doCancel}}},
		{"C before any answer: as 408 (16.8)", hasty, func(*ict) {}, []moment{{seconds(0.5), doSend}, {seconds(1), doTimeout | doEnd}}},
		{"200: M after 64*T1 (RFC 6026 8.4)", standard(), func(m *ict) { m.answer(after(1), 200) }, []moment{{seconds(33), doEnd}}},
		{"200 again: M runs on", standard(), func(m *ict) {
			m.answer(after(1), 200)
			m.answer(after(9), 200)
		}, []moment{{seconds(33), doEnd}}},
		{"486: D", standard(), func(m *ict) { m.answer(after(1), 486) }, []moment{{seconds(33), doEnd}}},
		{"486: D is 32 s at least (17.1.1.2)", fast, func(m *ict) { m.answer(zero, 486) }, []moment{{seconds(32), doEnd}}},
		{"486: D covers the callee's H", slow, func(m *ict) { m.answer(zero, 486) }, []moment{{seconds(128), doEnd}}},
		{"failed to send", standard(), func(m *ict) { m.fail() }, nil},
	}
	for _, tt := range tests {
		m := &ict{timers: tt.timers}
		if do := m.start(zero); do != doSend {
			t.Errorf("start = %b, want the INVITE sent", do)
		}
		tt.do(m)
		if got := course(t, m); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %v\nwant %v", tt.name, got, tt.want)
		}
	}
}

func ictIn(s txState) *ict {
	m := &ict{timers: standard()}
	if s == idle {
		return m
	}
	m.start(zero)
	switch s {
	case proceeding:
		m.answer(zero, 180)
	case accepted:
		m.answer(zero, 200)
	case completed:
		m.answer(zero, 486)
	case terminated:
		m.fail()
	}
	return m
}

func TestICTEvents(t *testing.T) {
	tests := []struct {
		in     txState
		status int
		want   todo
		then   txState
	}{
		{idle, 180, 0, idle},
		{idle, 200, 0, idle},

		{calling, 100, 0, proceeding}, // never forwarded (16.7 step 5)
		{calling, 101, doPass, proceeding},
		{calling, 199, doPass, proceeding},
		{calling, 200, doPass, accepted},
		{calling, 299, doPass, accepted},
		{calling, 300, doPass | doAck, completed},
		{calling, 486, doPass | doAck, completed},
		{calling, 699, doPass | doAck, completed},

		{proceeding, 100, 0, proceeding},
		{proceeding, 180, doPass, proceeding},
		{proceeding, 200, doPass, accepted},
		{proceeding, 302, doPass | doAck, completed},
		{proceeding, 503, doPass | doAck, completed},

		{accepted, 180, 0, accepted},
		{accepted, 200, doPass, accepted}, // retransmitted, or of another branch
		{accepted, 486, 0, accepted},

		{completed, 180, 0, completed},
		{completed, 200, 0, completed},
		{completed, 302, doAck, completed},
		{completed, 486, doAck, completed},

		{terminated, 180, 0, terminated},
		{terminated, 200, 0, terminated},
		{terminated, 486, 0, terminated},
	}
	for _, tt := range tests {
		m := ictIn(tt.in)
		if m.state != tt.in {
			t.Fatalf("state %d cannot be reached: %d", tt.in, m.state)
		}
		if got := m.answer(zero, tt.status); got != tt.want || m.state != tt.then {
			t.Errorf("state %d, %d: do %b, then state %d; want %b, %d", tt.in, tt.status, got, m.state, tt.want, tt.then)
		}
	}
}

func TestNICTTimers(t *testing.T) {
	after := func(s float64) instant { return zero.Add(seconds(s)) }
	sends := func(all ...float64) (ms []moment) {
		for _, s := range all {
			ms = append(ms, moment{seconds(s), doSend})
		}
		return ms
	}
	end := moment{seconds(32), doEnd}
	tests := []struct {
		name string
		do   func(m *nict)
		want []moment
	}{
		{
			"nobody answers: E doubles up to T2, F after 64*T1", func(*nict) {},
			append(sends(0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5), end),
		},
		{
			"provisional: E runs out once more, then every T2 (17.1.2.2)", func(m *nict) { m.answer(after(0.1), 100) },
			append(sends(0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5), end),
		},
		{"final: K after T4", func(m *nict) { m.answer(after(1), 200) }, []moment{{seconds(6), doEnd}}},
		{"refused: K after T4", func(m *nict) { m.answer(after(1), 481) }, []moment{{seconds(6), doEnd}}},
		{"final again: K runs on", func(m *nict) {
			m.answer(after(1), 200)
			m.answer(after(3), 200)
		}, []moment{{seconds(6), doEnd}}},
	}
	for _, tt := range tests {
		m := &nict{timers: standard()}
		if do := m.start(zero); do != doSend {
			t.Errorf("start = %b, want the request sent", do)
		}
		tt.do(m)
		if got := course(t, m); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %v\nwant %v", tt.name, got, tt.want)
		}
		if m.state != terminated {
			t.Errorf("%s: ends in state %d", tt.name, m.state)
		}
	}
}

func TestNICTEvents(t *testing.T) {
	in := func(s txState) *nict {
		m := &nict{timers: standard()}
		switch m.start(zero); s {
		case proceeding:
			m.answer(zero, 100)
		case completed:
			m.answer(zero, 200)
		case terminated:
			m.answer(zero, 200)
			m.tick(m.next())
		}
		return m
	}
	tests := []struct {
		in     txState
		status int
		then   txState
	}{
		{calling, 100, proceeding},
		{calling, 200, completed},
		{calling, 481, completed},
		{proceeding, 100, proceeding},
		{proceeding, 200, completed},
		{proceeding, 503, completed},
		{completed, 100, completed},
		{completed, 200, completed},
		{terminated, 200, terminated},
	}
	for _, tt := range tests {
		m := in(tt.in)
		if m.state != tt.in {
			t.Fatalf("state %d cannot be reached: %d", tt.in, m.state)
		}
		if m.answer(zero, tt.status); m.state != tt.then {
			t.Errorf("state %d, %d: then state %d, want %d", tt.in, tt.status, m.state, tt.then)
		}
	}
}
