package sipagent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		name string
		runs []func(*turns) // each followed by a look
		want []bool
	}{
		{"nothing to do", []func(*turns){rests, rests, rests}, []bool{false, false, false}},
		{"at work for a moment", []func(*turns){rests, begins, ends, rests}, []bool{false, false, false, false}},
		{"at the same for long", []func(*turns){begins, rests, rests, ends, rests}, []bool{false, true, true, false, false}},
		{"at work, at something else each time", []func(*turns){begins, both, both}, []bool{false, false, false}},
	} {
		var u turns
		for i, run := range tt.runs {
			run(&u)
			if got := u.stuck(); got != tt.want[i] {
				t.Errorf("%s: stuck = %v at look %d, want %v", tt.name, got, i, tt.want[i])
			}
		}
	}
}

func rests(*turns)    {}
func begins(u *turns) { u.begin() }
func ends(u *turns)   { u.end() }
func both(u *turns)   { u.end(); u.begin() }

// A listener whose reader does not come back from a message is named, and none
// once it does.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newTimedRig(t, screenFunc(func(c screening.Call) screening.Decision {
			<-hold
			return screening.Decision{Call: c}
		}))
		look := func() string {
			time.Sleep(10 * time.Second)
			if err := r.agent.Stuck(); err != nil {
				return err.Error()
			}
			return ""
		}
		if got := look(); got != "" {
			t.Errorf("without a call: %s", got)
		}
		r.carrier.send(r.carrier.newCall("hangs").request("INVITE", ""))
		if got := look(); got != "" {
			t.Errorf("at the first look: %s", got)
		}
		if got := look(); !strings.HasPrefix(got, `listener "trunk" does not come round at udp:`) || strings.Contains(got, "office") {
			t.Errorf("at the second look: %q, want the listener of the trunk", got)
		}
		close(hold)
		synctest.Wait()
		if got := look(); got != "" {
			t.Errorf("after that: %s", got)
		}
	})
}

// So are the timers, when what one of them calls does not return.
func TestTimersStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed)
		hold := make(chan struct{})
		r.agent.clock.set(&alarm{whose: ringing(func() { <-hold })}, now().Add(time.Second))
		var got []string
		for range 3 {
			time.Sleep(10 * time.Second)
			got = append(got, fmt.Sprint(r.agent.Stuck()))
		}
		if want := []string{"<nil>", "the timers do not come round", "the timers do not come round"}; !slices.Equal(got, want) {
			t.Errorf("stuck: %q, want %q", got, want)
		}
		close(hold)
		synctest.Wait()
		if err := r.agent.Stuck(); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

// And a connection whose reader does not come back from a message.
func TestConnectionStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.connect("203.0.113.10:40000")
		v.connect("203.0.113.10:40001")
		busy := v.streams.find(netip.MustParseAddrPort("203.0.113.10:40001"))
		busy.turns.begin()
		var got []string
		for range 2 {
			got = append(got, fmt.Sprint(v.agent.Stuck()))
		}
		busy.turns.end()
		got = append(got, fmt.Sprint(v.agent.Stuck()))
		if want := []string{"<nil>", `listener "trunk" does not come round with 203.0.113.10:40001`, "<nil>"}; !slices.Equal(got, want) {
			t.Errorf("stuck: %q, want %q", got, want)
		}
	})
}
