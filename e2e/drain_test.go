package e2e

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// SIGTERM while a call rings: it may be answered, calls that come meanwhile ring
// unscreened, and the exit code is 0.
func TestDrainLetsCallsFinish(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{})
	d, invite := o.ring(labelledNumber)
	o.signal(syscall.SIGTERM)
	o.awaitDrain()
	o.pbx.send(invite.answer("200 OK"))
	ok := o.carrier.want("SIP/2.0 200 ")
	if code := o.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	o.start()
	o.carrier.send(d.ack(ok))
	o.pbx.want("ACK ")
	o.hangUp(d, o.pbx)
}

// awaitDrain places calls that are refused, until one is not screened any more.
func (o *office) awaitDrain() {
	o.t.Helper()
	o.eventually("a call that is not screened", func() bool {
		d := o.carrier.dial(refusedNumber)
		o.carrier.send(d.invite())
		invite, refusal := o.either()
		if invite == "" {
			o.carrier.send(d.ack(refusal))
			return false
		}
		o.pbx.send(invite.answer("486 Busy Here"))
		o.carrier.send(d.ack(o.carrier.want("SIP/2.0 486 ")))
		o.pbx.want("ACK ")
		if e := o.recorded(d.id); e.Rule != "fail-open" || e.Verdict != "allow" {
			o.t.Errorf("record says %s by %s of a call while draining, want allow by fail-open", e.Verdict, e.Rule)
		}
		return true
	})
}

// either waits for the PBX to get a call, or for the carrier to hear of its refusal.
func (o *office) either() (invite, refusal message) {
	o.t.Helper()
	const look = 5 * time.Millisecond
	o.eventually("the call at the PBX, or its refusal", func() bool {
		invite, _ = o.pbx.next(look)
		refusal, _ = o.carrier.next(look)
		return invite != "" || refusal != ""
	})
	if invite != "" && !strings.HasPrefix(string(invite), "INVITE ") || refusal != "" && refusal.status() < 300 {
		o.t.Fatalf("the PBX received %q and the carrier %q, want INVITE or a refusal", invite, refusal)
	}
	return invite, refusal
}

// SIGTERM while a caller is being looked up: the answer still counts.
func TestDrainLetsLookupsFinish(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	wait := make(chan struct{})
	answer := sync.OnceFunc(func() { close(wait) })
	o := newOffice(t, setting{before: func(juhe http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				asked.Store(true)
				<-wait
			}
			juhe.ServeHTTP(w, r)
		})
	}})
	t.Cleanup(answer)
	d := o.carrier.dial(labelledNumber)
	o.carrier.send(d.invite())
	o.eventually("a question to Juhe", asked.Load)
	o.signal(syscall.SIGTERM)
	o.awaitDrain()
	answer()
	invite := o.pbx.want("INVITE ")
	if want := `"` + label + ` Zhang San" <`; !strings.HasPrefix(invite.header("From"), want) {
		t.Errorf("From: %s; want %s", invite.header("From"), want)
	}
	o.pbx.send(invite.answer("486 Busy Here"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 486 ")))
	if code := o.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// A call that rings on does not hold up the end for longer than timers.drain,
// and is not lost to it.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{drain: 200 * time.Millisecond})
	d, invite := o.ring(cleanNumber)
	o.stop()
	o.start()
	o.pbx.send(invite.answer("200 OK"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 200 ")))
	o.pbx.want("ACK ")
	o.hangUp(d, o.pbx)
}

// Who is in a hurry sends SIGTERM twice.
func TestSecondSignalEndsDrain(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{drain: time.Hour})
	o.ring(cleanNumber)
	o.signal(syscall.SIGTERM)
	o.awaitDrain()
	o.signal(syscall.SIGTERM)
	o.exit()
}
