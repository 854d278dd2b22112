package sipagent

import (
	"crypto/rand"
	"encoding/base64"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"callscreen/sipagent/wire"
)

// prober asks a place by OPTIONS, again and again, whether somebody is there.
type prober struct {
	agent *Agent
	place *place
	every time.Duration
	alarm alarm

	mu     sync.Mutex
	client nict
	began  instant // when the OPTIONS left that is under way
	ask    instant // when the next one does; zero: one is under way
	token  token
	sent   []byte
	wire   *stream // that will tell if it ends before there is an answer
	ended  bool
}

// probe begins to ask a place.
func (a *Agent) probe(x *place, every time.Duration) {
	if every == 0 {
		return
	}
	p := &prober{agent: a, place: x, every: every, client: nict{timers: &a.timers}, ask: now()}
	p.alarm.whose = p
	x.prober.Store(p)
	a.clock.set(&p.alarm, p.ask)
}

// end stops the asking.
func (p *prober) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.agent.clock.drop(&p.alarm)
	p.agent.probes.Delete(p.token)
}

// hurry asks at once: a call has not been taken.
func (p *prober) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ask.IsZero() && !p.ended {
		p.ask = now()
		p.agent.clock.set(&p.alarm, p.ask)
	}
}

// fire does what is due.
func (p *prober) fire() {
	defer p.agent.recovered()
	if p.due() {
		p.dead(failedSilent)
	}
}

// due sends the OPTIONS, or sends it again. It reports whether it has waited long
// enough for an answer.
func (p *prober) due() (silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := now()
	switch {
	case p.ended:
		return false
	case !p.ask.IsZero():
		p.begin(now)
	default:
		do := p.client.tick(now)
		if do&doSend != 0 {
			_ = p.agent.send(p.way(), p.sent) // counted; it is sent again
		}
		if silent = do&doEnd != 0; silent {
			p.later(now, true)
		}
	}
	p.arm()
	return silent
}

func (p *prober) way() way { return way{socket: p.place.link.socket, addr: p.place.addr} }

// begin sends a new OPTIONS.
func (p *prober) begin(now instant) {
	_, _ = rand.Read(p.token[:]) // never fails
	p.agent.probes.Store(p.token, p)
	p.began, p.ask = now, 0
	p.sent = p.options()
	p.client.stream = p.place.link.socket.transport.reliable()
	p.client.start(now)
	p.client.f = now.Add(min(probeTime, p.every))
	p.wire, _ = p.agent.sendFor(p, p.way(), p.sent) // counted; who cannot be sent to is silent
}

// options makes the OPTIONS.
func (p *prober) options() []byte {
	l, to := p.place.link, p.place.target.uri
	b := branch{kind: kindProbe, in: l.socket.index, target: p.place.index, token: p.token}
	id := base64.RawURLEncoding.EncodeToString(p.token[:])
	var uri sip.Uri
	_ = sip.ParseUri(to, &uri) // readTarget was content with it
	r := sip.NewRequest(sip.OPTIONS, uri)
	for _, h := range []header{
		{"Via", strings.TrimPrefix(l.via, "Via: ") + ";branch=" + string(b.append(nil)) + ";rport"},
		{"Max-Forwards", "70"},
		{"From", "<sip:callscreen@" + l.sentBy + ">;tag=" + id[:8]},
		{"To", "<" + to + ">"},
		{"Call-ID", id},
		{"CSeq", "1 OPTIONS"},
		{"Contact", "<sip:" + l.sentBy + ">"},
		{"User-Agent", "callscreen"},
		{"Content-Length", "0"},
	} {
		r.AppendHeader(sip.NewHeader(h.name, h.value))
	}
	return []byte(r.String())
}

// later ends the OPTIONS that is under way and says when the next one leaves:
// sooner to a place that is down, and never in step with others.
func (p *prober) later(now instant, down bool) {
	p.agent.probes.Delete(p.token)
	p.client.fail()
	if p.wire != nil {
		p.wire.release(p)
		p.wire = nil
	}
	wait := p.every
	if down {
		wait = max(p.every/5, min(p.every, time.Second))
	}
	p.ask = now.Add(wait*9/10 + mathrand.N(wait/5+1))
}

func (p *prober) arm() {
	if next := earliest(p.ask, p.client.next()); !next.IsZero() && !p.ended {
		p.agent.clock.set(&p.alarm, next)
	}
}

// answered handles an answer to the OPTIONS. Whatever it says, somebody is there,
// unless that is 503, or 408 for somebody who is not.
func (p *prober) answered(w *work) {
	if w.peer != p.place.link.peer || !w.msg.Answers("OPTIONS") {
		w.drop(dropUnproven)
		return
	}
	if took, final := p.over(w.msg.Status); final {
		p.judge(&w.msg, took)
	}
}

// over ends the OPTIONS when its answer is final.
func (p *prober) over(status int) (took time.Duration, final bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := now()
	if p.client.answer(now, status)&doPass == 0 || status < 200 {
		return 0, false
	}
	took = now.Sub(p.began)
	p.later(now, status == 503 || status == 408)
	p.arm()
	return took, true
}

func (p *prober) judge(m *wire.Message, took time.Duration) {
	switch m.Status {
	case 503:
		p.agent.ailing(p.place, failedBusy, retryAfter(m))
	case 408:
		p.agent.ailing(p.place, failedSilent, 0)
	default:
		p.agent.alive(p.place, max(took, 1))
	}
}

// lost is told that the connection ended before an answer came.
func (p *prober) lost(bool) { p.refused() }

// refused is told that nobody takes the OPTIONS.
func (p *prober) refused() {
	if p.gaveUp() {
		p.dead(failedRefused)
	}
}

// dead notes that nobody is at the place, and takes away the calls that ring there.
func (p *prober) dead(why failure) {
	p.agent.ailing(p.place, why, 0)
	for _, s := range p.agent.all() {
		s.flee(p.place, why)
	}
}

func (p *prober) gaveUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.client.state != calling && p.client.state != proceeding {
		return false
	}
	p.later(now(), true)
	p.arm()
	return true
}

// retryAfter is how long an answer asks to be left alone; zero: it does not.
func retryAfter(m *wire.Message) time.Duration {
	for _, h := range named(m, "retry-after") {
		v := h.Value.Of(m.Raw)
		n := 0
		for n < len(v) && '0' <= v[n] && v[n] <= '9' {
			n++
		}
		if s, ok := wire.Number(v[:n]); ok {
			return time.Duration(s) * time.Second
		}
	}
	return 0
}
