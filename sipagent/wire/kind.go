package wire

// Kind names a header field that a proxy has to look at.
type Kind uint8

// The kinds; the zero value stands for every other header.
const (
	Other Kind = iota
	CallID
	Contact
	ContentLength
	CSeq
	From
	Identity
	MaxForwards
	PAssertedIdentity
	PPreferredIdentity
	Privacy
	ProxyRequire
	RecordRoute
	RemotePartyID
	Route
	To
	Via

	kinds
)

// names holds the long and compact names in lower case, by length.
var names = [...][]struct {
	name string
	kind Kind
}{
	1:  {{"v", Via}, {"f", From}, {"t", To}, {"i", CallID}, {"m", Contact}, {"l", ContentLength}, {"y", Identity}},
	2:  {{"to", To}},
	3:  {{"via", Via}},
	4:  {{"from", From}, {"cseq", CSeq}},
	5:  {{"route", Route}},
	7:  {{"call-id", CallID}, {"contact", Contact}, {"privacy", Privacy}},
	8:  {{"identity", Identity}},
	12: {{"max-forwards", MaxForwards}, {"record-route", RecordRoute}},
	13: {{"proxy-require", ProxyRequire}},
	14: {{"content-length", ContentLength}},
	15: {{"remote-party-id", RemotePartyID}},
	19: {{"p-asserted-identity", PAssertedIdentity}},
	20: {{"p-preferred-identity", PPreferredIdentity}},
}

// single marks the kinds that may stand once in a message (RFC 3261 section 20).
var single = [kinds]bool{CallID: true, ContentLength: true, CSeq: true, From: true, MaxForwards: true, To: true}

func kindOf(name []byte) Kind {
	if len(name) >= len(names) {
		return Other
	}
	for _, n := range names[len(name)] {
		if EqualFold(name, n.name) {
			return n.kind
		}
	}
	return Other
}

// EqualFold reports whether b is the ASCII string lower, which must be in lower
// case, whatever the case of b.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
