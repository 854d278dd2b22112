package sipagent

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"callscreen/sipagent/wire"
)

// sealParam is the parameter, of our Record-Route and of our Via, that holds
// what we have sealed. Peers hand both back to us as they got them: Record-Route
// as the Route of the dialog's later requests (RFC 3261 section 16.6), Via in
// the answer. They are seen by both sides, so nobody else may read them.
const sealParam = "cs"

// What a sealed text begins with, the version and the kind of what follows.
// One of another version is left alone.
const (
	sealVersion = 1

	sealMark = 'd' // in Record-Route: the label of the dialog
	sealFrom = 'f' // in Via: what stood in front of the URI of From
	sealTo   = 't' // the same of To
)

// mark says how the caller of a dialog was labelled.
type mark struct {
	label   string
	unnamed bool    // what stands behind the label is not the caller's own name
	caller  tagHash // of the caller's tag: which of the two parties bears the label
}

// tagHash is enough of a hash to tell two tags of one dialog apart.
type tagHash [4]byte

func hashTag(tag []byte) tagHash {
	sum := sha256.Sum256(tag)
	return tagHash(sum[:])
}

// sealer seals and opens with AES-GCM. The nonce is a MAC over what is sealed,
// so that a request which comes again leaves as it did before. It is safe for
// concurrent use.
type sealer struct {
	aead     cipher.AEAD
	nonceKey []byte
}

func newSealer(key []byte) (s sealer, err error) {
	secret, err := hkdf.Key(sha256.New, key, nil, "callscreen seal", 64)
	if err != nil {
		return s, fmt.Errorf("sipagent: deriving the sealing key: %w", err)
	}
	block, err := aes.NewCipher(secret[:32])
	if err != nil {
		return s, fmt.Errorf("sipagent: sealing key: %w", err)
	}
	s.nonceKey = secret[32:]
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return s, fmt.Errorf("sipagent: sealing key: %w", err)
	}
	return s, nil
}

// seal returns the text that only open turns back into plain, for the same call.
func (s sealer) seal(plain, call []byte) []byte {
	mac := hmac.New(sha256.New, s.nonceKey)
	mac.Write([]byte{byte(len(plain) >> 8), byte(len(plain))}) // tells plain and call apart
	mac.Write(plain)
	mac.Write(call)
	nonce := mac.Sum(nil)[:s.aead.NonceSize()]
	return base64.RawURLEncoding.AppendEncode(nil, s.aead.Seal(nonce, nonce, plain, call))
}

// open returns what was sealed for a call, without version and kind. It is not
// ok for what anybody has changed, or what is not ours.
func (s sealer) open(sealed, call []byte) (kind byte, plain []byte, ok bool) {
	b, err := base64.RawURLEncoding.AppendDecode(nil, sealed)
	n := s.aead.NonceSize()
	if err != nil || len(b) < n {
		return 0, nil, false
	}
	plain, err = s.aead.Open(nil, b[:n], b[n:], call)
	if err != nil || len(plain) < 2 || plain[0] != sealVersion {
		return 0, nil, false
	}
	return plain[1], plain[2:], true
}

// sealMark seals how the dialog that m begins is labelled, for our Record-Route.
func (w *work) sealMark(m *wire.Message, d mark) {
	plain := append([]byte{sealVersion, sealMark, 0}, d.caller[:]...)
	if d.unnamed {
		plain[2] = 1
	}
	w.mark = w.seal(append(plain, d.label...), m.Value(wire.CallID))
}

// openMark reads what sealMark has sealed.
func (w *work) openMark(m *wire.Message, sealed []byte) (d mark, ok bool) {
	kind, plain, ok := w.open(sealed, m.Value(wire.CallID))
	if !ok || kind != sealMark || len(plain) < 1+len(d.caller) {
		return d, false
	}
	d.unnamed = plain[0]&1 != 0
	d.label = string(plain[1+copy(d.caller[:], plain[1:]):])
	return d, true
}

// sealUndo seals what stands in front of the URI of From or To, which is about
// to be edited, for our Via.
func (w *work) sealUndo(m *wire.Message, kind byte, a wire.Address) {
	front := m.Raw[a.Value.Start:a.URI.Start]
	w.undo = w.seal(append([]byte{sealVersion, kind}, front...), m.Value(wire.CallID))
}

// restore gives the sender of a request its own From or To back in the answer,
// by what our Via has kept. An answer has to have both as the request had them
// (RFC 3261 section 8.2.6.2).
func (w *work) restore(m *wire.Message, top wire.ViaValue) {
	p, ok := wire.FindParam(m.Raw, top.Params, sealParam)
	if !ok {
		return
	}
	kind, front, ok := w.open(p.Value.Of(m.Raw), m.Value(wire.CallID))
	edited := wire.From
	switch {
	case ok && kind == sealFrom:
	case ok && kind == sealTo:
		edited = wire.To
	default:
		return
	}
	a, ok := wire.ReadAddress(m.Raw, m.First(edited).Value)
	if !ok || !a.Angle {
		return
	}
	w.edit(wire.Span{Start: a.Value.Start, End: a.URI.Start}, front)
	if len(front) == 0 { // the URI had no brackets before the label
		closing := bytes.IndexByte(m.Raw[a.URI.End:], '>')
		w.edit(wire.Span{Start: a.URI.End, End: a.URI.End + int32(closing) + 1}, nil)
	}
}

// unlabel takes the label out of the To of what the PBX sends in a dialog: a PBX
// knows the caller by the From that we gave it. sealed is from our Route.
func (w *work) unlabel(m *wire.Message, sealed wire.Span) {
	if sealed.Empty() {
		return
	}
	d, ok := w.openMark(m, sealed.Of(m.Raw))
	if !ok || d.caller != hashTag(m.ToTag.Of(m.Raw)) {
		return
	}
	to, ok := wire.ReadAddress(m.Raw, m.First(wire.To).Value)
	if !ok || to.Display.Empty() {
		return
	}
	name := to.Display.Of(m.Raw)
	if to.Quoted {
		name = name[1 : len(name)-1]
	}
	rest, found := bytes.CutPrefix(name, []byte(d.label))
	if !found || len(rest) > 0 && rest[0] != ' ' {
		return
	}
	w.sealUndo(m, sealTo, to)
	switch rest = bytes.TrimLeft(rest, " "); {
	case d.unnamed || len(rest) == 0:
		w.unname(m, to)
	case to.Quoted:
		w.edit(to.Display, w.join(`"`, string(rest), `"`))
	default:
		w.edit(to.Display, rest)
	}
}
