package sipagent

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

// Screener decides calls. *screening.Engine is one.
type Screener interface {
	// ScreenNow decides a call that needs no waiting, and reports whether it did.
	ScreenNow(c screening.Call) (screening.Decision, bool)
	// Screen decides a call within its budget, always.
	Screen(ctx context.Context, c screening.Call) screening.Decision
	// Unscreened decides a call that is let through unscreened, and why, at once.
	Unscreened(c screening.Call, why string) screening.Decision
}

// Recorder keeps decisions, and how their calls went on. It must not block.
type Recorder interface {
	Record(d screening.Decision)
	Ended(e screening.Ending)
}

// Dialer is told whom the office calls: by which trunk, and the number as the PBX
// wrote it. It must not block. *screening.Engine is one.
type Dialer interface {
	Dialed(trunk, to string, at time.Time)
}

// Options configures an [Agent]. A zero field takes the default named beside it.
type Options struct {
	Listeners  []Listener                                  // at least one
	Trunks     []Trunk                                     // at least one
	PBX        PBX                                         // required
	Screener   Screener                                    // required
	Recorder   Recorder                                    // nil: decisions are not kept
	Dialer     Dialer                                      // nil: nobody is told
	Tap        Tap                                         // nil: nobody sees the messages
	StripLabel func(name string) (rest string, found bool) // a caller's own name without what imitates a label of ours; nil: names stay
	Key        []byte                                      // 32 bytes that prove branches as ours; the same after a restart, or ringing calls are lost to it
	Timers     Timers                                      //
	Failover   Failover                                    //
	Limits     Limits                                      //
	Logger     zerolog.Logger                              // zero: discard

	names names // of targets; nil: what the system knows
}

// Listener is where SIP arrives at and leaves from: one or more sockets.
type Listener struct {
	Name      string   // trunks and the PBX refer to it
	Addresses []string // "udp:0.0.0.0:5060", "tcp:[::]:5060", "tls:192.0.2.1:5061"; port 0 takes a free one
	Advertise string   // host or host:port that peers are told, behind NAT; default: the address itself
	TLS       TLS      // required for a tls address

	Open map[string]*os.File // by address: sockets that are open already and stay so when the agent ends; the files remain the caller's
}

func (o Options) addresses() (n int) {
	for _, l := range o.Listeners {
		n += len(l.Addresses)
	}
	return n
}

// Trunk is a carrier: calls from it are screened.
type Trunk struct {
	Name          string
	Networks      []Network     // who may send; others get silence. Ports say nothing of who connects by TCP
	Listen        string        // name of the listener
	Targets       []Target      // that the PBX's calls go to, at least one
	Probe         time.Duration // how often each target is asked by OPTIONS whether it is there; 0: never, calls will tell
	Redirect      int           // not 0: its calls are not relayed, it is told by 302 or a refusal what to do with them, and by this status to go on by itself: 404 or 503. It has no Targets
	Register      bool          // the PBX may register there, and calls for what it has registered go to where that is (RFC 3327)
	OutAndBack    bool          // it is the PBX, which sends calls out to this listener and gets them back from its own; it has no Networks and no Targets
	TrustIdentity bool          // P-Asserted-Identity, Remote-Party-ID and P-Preferred-Identity are the carrier's word
}

// PBX is the office's side: screened calls go to it.
type PBX struct {
	Networks []Network
	Listen   string
	Targets  []Target      // at least one
	Probe    time.Duration // as for a Trunk
	ASCII    bool          // its phones show ASCII only: a label's ASCII form goes into the names, where there is one
	AuthIP   bool          // its calls tell where they come from in X-AUTH-IP and X-AUTH-PORT, whatever is decided of them: FreeSWITCH's ACL goes by it
}

// Timers are those of RFC 3261 section 17 and our own. Zero takes the default.
type Timers struct {
	T1     time.Duration // round trip estimate; default 500ms
	T2     time.Duration // longest retransmission interval; default 4s
	T4     time.Duration // longest a message stays in the network; default 5s
	C      time.Duration // longest a call may ring; default 10m, above 3m (RFC 3261 section 16.6)
	Trying time.Duration // how long an INVITE waits for the callee's answer before it gets 100 Trying; default 150ms (RFC 3261 section 17.2.1 lets 200 pass); below zero: not at all
	Idle   time.Duration // how long a connection may bring nothing; default 15m
	Drain  time.Duration // how long Run waits for calls that are being set up when it shall end; default 5s
}

func (t Timers) withDefaults() Timers {
	return Timers{
		T1: cmp.Or(t.T1, 500*time.Millisecond), T2: cmp.Or(t.T2, 4*time.Second), T4: cmp.Or(t.T4, 5*time.Second),
		C: cmp.Or(t.C, 10*time.Minute), Trying: cmp.Or(t.Trying, 150*time.Millisecond), Idle: cmp.Or(t.Idle, 15*time.Minute), Drain: cmp.Or(t.Drain, 5*time.Second),
	}
}
