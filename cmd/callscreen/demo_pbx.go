package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// ringTime is how long the phone rings before somebody answers it: enough for the
// 180 to be read before the 200, which sipgo's Client does not promise.
const ringTime = 20 * time.Millisecond

// simulatedPBX is the simulated PBX with its one phone, which answers every call.
type simulatedPBX struct {
	*party
	dialogs *sipgo.DialogServerCache

	mu    sync.Mutex
	calls map[string]*arrival // by Call-ID
}

// arrival is one call that reached the PBX.
type arrival struct {
	shown string        // what the phone shows of the caller
	acked chan struct{} // closed when the caller has confirmed the answer
	once  sync.Once     // closes acked
}

// newPBX starts a PBX.
func newPBX() (*simulatedPBX, error) {
	e, err := newParty("phone")
	if err != nil {
		return nil, err
	}
	p := &simulatedPBX{party: e, dialogs: sipgo.NewDialogServerCache(e.client, e.contact), calls: map[string]*arrival{}}
	e.server.OnInvite(p.invited)
	e.server.OnAck(p.acked)
	e.server.OnBye(p.ended)
	e.server.OnOptions(func(req *sip.Request, tx sip.ServerTransaction) { respond(req, tx, 200, "OK") })
	e.serve()
	return p, nil
}

// invited lets the phone ring and answers it.
func (p *simulatedPBX) invited(req *sip.Request, tx sip.ServerTransaction) {
	if _, again := req.To().Params.Get("tag"); again { // hold and resume: the same phone, still silent
		p.reinvited(req, tx)
		return
	}
	call, err := p.dialogs.ReadInvite(req, tx)
	if err != nil {
		respond(req, tx, 400, "Bad Request")
		return
	}
	p.note(req)
	if answer(call, req) != nil { // cancelled, or nobody confirmed it
		call.Close()
	}
}

func answer(call *sipgo.DialogServerSession, req *sip.Request) error {
	if err := call.Respond(sip.StatusRinging, "Ringing", nil); err != nil {
		return err
	}
	time.Sleep(ringTime)
	return call.RespondSDP(answerTo(req.Body())) // waits for the ACK
}

func (p *simulatedPBX) reinvited(req *sip.Request, tx sip.ServerTransaction) {
	if _, err := p.dialogs.MatchDialogRequest(req); err != nil {
		respond(req, tx, 481, "Call/Transaction Does Not Exist")
		return
	}
	ok := sip.NewSDPResponseFromRequest(req, answerTo(req.Body()))
	ok.AppendHeader(&p.contact)
	_ = tx.Respond(ok)
}

// note keeps what the phone shows. A fork or a repetition changes nothing.
func (p *simulatedPBX) note(req *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := req.CallID().Value()
	if p.calls[id] == nil {
		p.calls[id] = &arrival{shown: display(req), acked: make(chan struct{})}
	}
}

func (p *simulatedPBX) acked(req *sip.Request, tx sip.ServerTransaction) {
	if p.dialogs.ReadAck(req, tx) != nil {
		return // of no call here; an ACK is never answered
	}
	if a := p.arrival(req.CallID().Value()); a != nil {
		a.once.Do(func() { close(a.acked) })
	}
}

func (p *simulatedPBX) ended(req *sip.Request, tx sip.ServerTransaction) {
	if p.dialogs.ReadBye(req, tx) != nil {
		respond(req, tx, 481, "Call/Transaction Does Not Exist")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, req.CallID().Value())
}

// arrival returns a call that is not over, nil if it never came.
func (p *simulatedPBX) arrival(id string) *arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id]
}

// confirmed waits until the caller has confirmed the answer.
func (a *arrival) confirmed(ctx context.Context) error {
	select {
	case <-a.acked:
		return nil
	case <-ctx.Done():
		return errors.New("waiting for ACK at the phone: none came")
	}
}

// display is what a phone shows of the caller: of P-Asserted-Identity, else of
// From, the display name, else the number.
func display(req *sip.Request) string {
	if h := req.GetHeader("P-Asserted-Identity"); h != nil {
		var uri sip.Uri
		var params sip.HeaderParams
		name, err := sip.ParseAddressValue(h.Value(), &uri, &params)
		if err != nil {
			return fmt.Sprintf("unreadable: %q", h.Value())
		}
		return cmp.Or(name, uri.User)
	}
	return cmp.Or(req.From().DisplayName, req.From().Address.User)
}
