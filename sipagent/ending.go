package sipagent

import (
	"hash/maphash"

	lru "github.com/hashicorp/golang-lru/v2"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// markScreened is what our Record-Route says of a screened call that has nothing
// sealed, so that the BYE tells what it ends, even after a restart.
const markScreened = "s"

// maxEnds is how many ends are remembered as told, since a request and an answer
// may pass several times.
const maxEnds = 1 << 12

// endNews tells the Recorder how screened calls end, each end once.
type endNews struct {
	recorder Recorder
	seed     maphash.Seed
	told     *lru.Cache[uint64, struct{}]
}

func newEnds(r Recorder) endNews {
	if r == nil {
		return endNews{}
	}
	told, _ := lru.New[uint64, struct{}](maxEnds) // fails for a size below one only
	return endNews{r, maphash.MakeSeed(), told}
}

// first reports whether what is to be told of a call is news.
func (e *endNews) first(call []byte, final bool) bool {
	var h maphash.Hash
	h.SetSeed(e.seed)
	_, _ = h.Write(call) // never fails
	if final {
		_ = h.WriteByte(0) // nor does this
	}
	known, _ := e.told.ContainsOrAdd(h.Sum64(), struct{}{})
	return !known
}

// ended tells the Recorder. Should that break, the message still goes on.
func (a *Agent) ended(e screening.Ending) {
	defer a.recovered()
	a.ends.recorder.Ended(e)
}

// answeredFinally tells of the final answer to a screened call. from is whose it is.
func (s *setup) answeredFinally(w *work, status int, from screening.Party) {
	if w.ends.recorder == nil || !s.from.trunk {
		return
	}
	e := screening.Ending{Call: string(s.msg.Value(wire.CallID)), At: w.at, Status: status, By: from}
	if !s.rang.IsZero() {
		e.Ring = w.now().Sub(s.rang)
	}
	switch {
	case status/100 == 2:
		e.By = ""
	case s.left != "":
		e.By = s.left
	}
	if s.outcome == outcomeUndecided {
		s.untold = &e
		return
	}
	w.ended(e)
}

// record keeps a decision, and behind it the end of a call that it came too late for.
func (s *setup) record(w *work, d *screening.Decision) {
	if w.recorder == nil {
		return
	}
	w.recorder.Record(*d)
	if s.untold != nil {
		w.ended(*s.untold)
	}
}

// rings notes when a phone began to ring.
func (s *setup) rings(now instant, status int) {
	if s.rang.IsZero() && (status == 180 || status == 183) {
		s.rang = now
	}
}

// hungUp tells of the BYE that is being handled, which ends a screened call.
func (w *work) hungUp() {
	call := w.msg.Value(wire.CallID)
	if w.ends.recorder == nil || !w.ends.first(call, false) {
		return
	}
	e := screening.Ending{Call: string(call), At: w.at, By: screening.PartyCallee}
	if w.peer.trunk {
		e.By = screening.PartyCaller
	}
	w.ended(e)
}

// answeredLate tells of the final answer that is being handled to a screened call
// whose set-up a restart made us forget: nobody knows when it began to ring.
func (w *work) answeredLate(b branch) {
	m := &w.msg
	if w.ends.recorder == nil || b.kind != kindSetup || w.peer.trunk || m.Status < 200 || !m.Answers("INVITE") {
		return
	}
	if call := m.Value(wire.CallID); w.ends.first(call, true) {
		e := screening.Ending{Call: string(call), At: w.at, Status: m.Status}
		if m.Status/100 != 2 {
			e.By = screening.PartyCallee
		}
		w.ended(e)
	}
}
