package sipagent

import (
	"testing"
)

// Over a stream nothing is sent again, and nobody waits for what cannot come:
// there are no timers A, E and G, and D, I, J and K are zero (RFC 3261 section 17).
func TestTransactionsOverStreams(t *testing.T) {
	timers := Timers{}.withDefaults()
	now := zero
	last := now.Add(64 * timers.T1)
	t.Run("INVITE client", func(t *testing.T) {
		c := ict{timers: &timers, stream: true}
		c.start(now)
		if next := c.next(); next != last { // timer B
			t.Errorf("after the INVITE: %v, want %v", next.Sub(now), last.Sub(now))
		}
		if do := c.answer(now, 486); do != doPass|doAck || c.tick(now) != doEnd || !c.next().IsZero() {
			t.Errorf("a refusal: %b, and then %v", do, c)
		}
		c = ict{timers: &timers, stream: true}
		c.start(now)
		if c.answer(now, 200); c.next() != last { // timer M
			t.Errorf("a 2xx: %v, want %v", c.next().Sub(now), last.Sub(now))
		}
	})
	t.Run("INVITE server", func(t *testing.T) {
		s := ist{timers: &timers, stream: true, state: proceeding}
		if do := s.answer(now, 486); do != doSend || s.next() != last { // timer H
			t.Errorf("a refusal: %b, %v; want %v", do, s.next().Sub(now), last.Sub(now))
		}
		if !s.ack(now) || s.tick(now) != doEnd || s.state != terminated {
			t.Errorf("its ACK: %v", s)
		}
	})
	t.Run("client", func(t *testing.T) {
		c := nict{timers: &timers, stream: true}
		c.start(now)
		if next := c.next(); next != last { // timer F
			t.Errorf("after the request: %v, want %v", next.Sub(now), last.Sub(now))
		}
		if do := c.answer(now, 200); do != doPass || c.tick(now) != doEnd || !c.next().IsZero() {
			t.Errorf("its answer: %b, and then %v", do, c)
		}
	})
	for _, stream := range []bool{true, false} {
		s := nist{timers: &timers, stream: stream, state: calling}
		if do := s.request(); do != 0 {
			t.Errorf("again before any answer: %b, want nothing", do)
		}
		if do := s.answer(now, 183); do != doSend || s.request() != doSend || !s.next().IsZero() {
			t.Errorf("183: %b, and then %v", do, s)
		}
		if do := s.answer(now, 200); do != doSend || s.request() != doSend {
			t.Errorf("200: %b, and then %v", do, s)
		}
		want := last // timer J
		if stream {
			want = now
		}
		if next := s.next(); next != want {
			t.Errorf("stream %v: over after %v, want %v", stream, next.Sub(now), want.Sub(now))
		}
		if s.tick(want.Add(-1)); s.state != completed {
			t.Errorf("stream %v: over before its time", stream)
		}
		if s.tick(want); s.state != terminated || s.request() != 0 || s.answer(now, 200) != 0 {
			t.Errorf("stream %v: not over in time: %v", stream, s)
		}
	}
}
