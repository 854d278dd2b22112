package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// simulatedCarrier is the simulated trunk: it places the calls.
type simulatedCarrier struct {
	*party
	dialogs sipgo.DialogUA
}

// caller is who calls, as the carrier writes it.
type caller struct {
	user     string // of the URI in From: "95204657", "+86-571-56264805"
	name     string // display name
	asserted bool   // the carrier vouches for it in a P-Asserted-Identity
	withheld bool   // the caller asked to stay unknown
}

// String is the caller as people write one.
func (c caller) String() string {
	if c.name == "" {
		return c.user
	}
	return c.name + " <" + c.user + ">"
}

// officeNumber is what everybody dials.
const officeNumber = "057188880000"

// newCarrier starts a carrier.
func newCarrier() (*simulatedCarrier, error) {
	e, err := newParty("carrier")
	if err != nil {
		return nil, err
	}
	e.server.OnOptions(func(req *sip.Request, tx sip.ServerTransaction) { respond(req, tx, 200, "OK") })
	e.serve()
	return &simulatedCarrier{e, sipgo.DialogUA{Client: e.client, ContactHDR: e.contact}}, nil
}

// attempt is one call that the carrier placed.
type attempt struct {
	id      string        // Call-ID
	status  int           // of the final answer; 0 while there is none
	first   time.Duration // from the INVITE to the first answer other than 100
	session *sipgo.DialogClientSession
}

// invite calls the office through the proxy at to, and waits for the final
// answer. The error says that none came.
func (c *simulatedCarrier) invite(ctx context.Context, to netip.AddrPort, from caller) (*attempt, error) {
	req := from.invite(to)
	started := time.Now()
	session, err := c.dialogs.WriteInvite(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("sending INVITE: %w", err)
	}
	a := &attempt{id: req.CallID().Value(), session: session}
	err = session.WaitAnswer(ctx, sipgo.AnswerOptions{OnResponse: func(r *sip.Response) error {
		if a.first == 0 && r.StatusCode != sip.StatusTrying {
			a.first = time.Since(started)
		}
		if !r.IsProvisional() {
			a.status = r.StatusCode
		}
		return nil
	}})
	var refused *sipgo.ErrDialogResponse
	if err != nil && !errors.As(err, &refused) {
		return nil, fmt.Errorf("waiting for an answer to INVITE: %w", err)
	}
	return a, nil
}

// invite makes the INVITE; sipgo's client adds what every request has.
func (c caller) invite(to netip.AddrPort) *sip.Request {
	req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: officeNumber, Host: to.Addr().String(), Port: int(to.Port())})
	uri := sip.Uri{Scheme: "sip", User: c.user, Host: "carrier.example"}
	if c.withheld {
		uri.Host = "anonymous.invalid" // RFC 3323 section 4.1.1.3
		req.AppendHeader(sip.NewHeader("Privacy", "id"))
	}
	from := &sip.FromHeader{DisplayName: c.name, Address: uri}
	from.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(from)
	if c.asserted {
		req.AppendHeader(sip.NewHeader("P-Asserted-Identity", fmt.Sprintf("%q <%s>", c.name, uri.String())))
	}
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody(silentOffer)
	return req
}

// converse confirms an answered call, as the phone must see, and hangs up. It
// returns the status of the answer to the BYE; the error says that none came.
func (a *attempt) converse(ctx context.Context, at *arrival) (int, error) {
	if err := a.session.Ack(ctx); err != nil {
		return 0, fmt.Errorf("sending ACK: %w", err)
	}
	if err := at.confirmed(ctx); err != nil {
		return 0, err
	}
	err := a.session.Bye(ctx)
	var refused sipgo.ErrDialogResponse
	switch {
	case err == nil:
		return sip.StatusOK, nil
	case errors.As(err, &refused):
		return refused.Res.StatusCode, nil
	}
	return 0, fmt.Errorf("waiting for an answer to BYE: %w", err)
}
