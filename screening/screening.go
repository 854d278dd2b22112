// Package screening decides whether a call may ring.
//
// It knows numbers, rules and verdicts, and nothing of SIP, HTTP or files.
// Give an [Engine] a [Call]; it gives back a [Decision], always, and no later
// than its budget allows.
package screening

import (
	"context"
	"time"
)

// Call is one attempt to set up a call (an initial INVITE), reduced to what
// screening needs.
type Call struct {
	ID       string    // Call-ID
	At       time.Time // when the INVITE arrived, with the monotonic clock
	Trunk    string    // name of the trunk it came by
	From     string    // the caller's URI or number as the carrier wrote it
	Name     string    // the caller's display name, unescaped; strangers' bytes, may be no UTF-8
	Header   string    // the header that said who calls: "From", "P-Asserted-Identity", …
	Withheld bool      // the caller asked to stay unknown (RFC 3323 Privacy other than none)
	To       string    // the number that was called, as the carrier wrote it

	// What only policies look at; all of it may be empty, and all of it strangers' bytes.
	Claimed    string // URI of the From header as it came, whichever header said who calls
	Asserted   string // URI of the first P-Asserted-Identity as it came, from a trusted trunk or not
	DivertedBy string // URI of who sent the call on: the topmost Diversion (RFC 5806), else the last diverting entry of History-Info (RFC 7044)
	Verstat    string // the verstat parameter (3GPP TS 24.229) of the identity that said who calls, else of From: "TN-Validation-Passed"
	UserAgent  string // the User-Agent header
}

// Class is the kind of a [Number]. The zero value is ClassInvalid.
type Class string

// The classes of numbers.csv.
const (
	ClassInvalid       Class = ""
	ClassMobile        Class = "mobile"
	ClassMVNO          Class = "mvno"
	ClassIoT           Class = "iot"
	ClassSatellite     Class = "satellite"
	ClassLandline      Class = "landline"
	ClassLocal         Class = "local"
	Class400           Class = "400"
	Class800           Class = "800"
	Class95            Class = "95"
	Class96            Class = "96"
	ClassShort         Class = "short"
	ClassEmergency     Class = "emergency"
	ClassSMS           Class = "sms"
	ClassInternational Class = "international"
	ClassExtension     Class = "extension"
	ClassAnonymous     Class = "anonymous"
	ClassAlphanumeric  Class = "alphanumeric"
)

// Number is a caller or a called party in normal form; see [Normalize].
type Number struct {
	Country string // calling code without +: "86", "852"; empty when the number has none
	Digits  string // normal form: "13041439112", "057188991122", "+85221234567"; empty when there is none
	Class   Class
}

// Category says what kind of caller a directory takes a number for.
type Category string

// The categories; the zero value says that no directory named one.
const (
	CategoryFraud      Category = "fraud"
	CategorySales      Category = "sales"
	CategoryHarassment Category = "harassment"
	CategoryAgent      Category = "agent"
	CategoryDelivery   Category = "delivery"
	CategoryRecruiter  Category = "recruiter"
	CategoryTaxi       Category = "taxi"
	CategoryOther      Category = "other"
)

// Reputation is what a [Directory] says of a Number. The zero value says that
// nothing is known, which is an answer and no error. All text is the
// directory's own and hostile until proven otherwise.
type Reputation struct {
	Category      Category
	Label         string   // how the directory words the category: "推销"
	Marks         int      // how many people marked the number so; never negative
	Name          string   // a merchant's name: "中国移动"
	Description   string   // "统一客服电话"
	Place         string   // province, city and carrier: "江苏苏州联通"
	Kinds         []string // kinds of business (catnames): "运营商"
	FinancialTags []string // itag_ids
	Directory     string   // who said so: "juhe"

	// Keep is the longest a cache may remember this; zero leaves it to the cache.
	Keep time.Duration
}

// Known reports whether the directory said anything at all.
func (r Reputation) Known() bool {
	return r.Category != "" || r.Label != "" || r.Marks != 0 || r.Name != "" || r.Description != "" ||
		r.Place != "" || len(r.Kinds) != 0 || len(r.FinancialTags) != 0
}

// Directory is whoever can tell the reputation of a number. Nothing known is
// the zero Reputation and no error. Lookup returns when ctx ends.
type Directory interface {
	Lookup(ctx context.Context, n Number) (Reputation, error)
}

// Facts are what a [Policy] judges. Nothing in them changes while it does.
// Call.At is the time it judges by.
type Facts struct {
	Call       Call
	Number     Number // the caller
	Called     Number // the called number
	Diverter   Number // who sent the call on; zero when nobody did or it is no number
	Mismatch   bool   // From and P-Asserted-Identity name two numbers, and not the same
	Past       Past
	Reputation Reputation
	Source     Source        // where the reputation came from; SourceNone or empty: nobody was asked, or nobody answered
	Age        time.Duration // how old the reputation is
	Failed     error         // why the lookup brought no answer; nil when it did or when none was made
}

// answered reports whether somebody told the reputation, if only that there is none.
func (f *Facts) answered() bool {
	switch f.Source {
	case "", SourceNone:
		return false
	case SourceRetry:
		return f.Age > 0 || f.Reputation.Known()
	}
	return true
}

// Past is what an [Engine] remembers of a caller when a call comes in. The zero
// value is a stranger.
type Past struct {
	Calls []PastCall // earlier calls of the same number, newest first; at most 31, none older than a week
	// Dialed is how long ago the office last called the number itself; 0: not in
	// the last 180 days.
	Dialed time.Duration
}

// PastCall is an earlier call of a caller. Attempts that a carrier made for one
// and the same call count once.
type PastCall struct {
	Ago  time.Duration // how long before this call
	Same bool          // it called the same number as this one
}

// Action is what becomes of a call. The zero value lets it through.
type Action uint8

// The actions of a policy.
const (
	Allow  Action = iota // let the call through untouched
	Tag                  // let it through with a label in front of the display name
	Divert               // send it to another URI
	Reject               // refuse it
)

// String returns the name used in YAML, logs, headers and pages.
func (a Action) String() string {
	switch a {
	case Tag:
		return "tag"
	case Divert:
		return "divert"
	case Reject:
		return "reject"
	}
	return "allow"
}

// MarshalText writes the name, for JSON.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Verdict is what shall become of a call, by which rule and why.
type Verdict struct {
	Action Action `json:"action"`
	Rule   string `json:"rule"`             // id of the rule, or one of the Rule constants
	Why    string `json:"why"`              // the reason, for the record; never on the wire
	Label  string `json:"label,omitempty"`  // Tag: the finished label, safe in a SIP header
	ASCII  string `json:"ascii,omitempty"`  // Tag: the label for phones that show nothing but ASCII; empty: the rule has none
	Status int    `json:"status,omitempty"` // Reject: the SIP status, 400 to 699
	Reason string `json:"reason,omitempty"` // Reject: the reason phrase
	Cause  string `json:"cause,omitempty"`  // Reject: value of the Reason header (RFC 3326); empty: no such header
	Target string `json:"target,omitempty"` // Divert: the SIP URI

	// Ring is the value of the Alert-Info header towards the phone, safe as it
	// is; empty: none. Not with Reject.
	Ring string `json:"ring,omitempty"`
	// Headers are header lines to add, to what goes on or with Reject to the
	// answer: "X-Queue: sales\r\n", several of them one behind the other, safe as they are.
	Headers string `json:"headers,omitempty"`
}

// Rules that no policy file holds.
const (
	RuleDefault     = "default"      // no rule matched
	RuleNeverReject = "never-reject" // a built-in number that always rings
	RuleAllowList   = "allow-list"   // the number is on the allow list
	RuleBlockList   = "block-list"   // the number is on the block list, and not on the allow list
	RuleFailOpen    = "fail-open"    // screening itself failed, or there was no time for it: the call was let through
	RuleFull        = "table-full"   // there was no room for one more call
)

// Mode says whether verdicts are acted on. The zero value only observes.
type Mode uint8

// The modes of a policy.
const (
	Observe Mode = iota // decide and record, change nothing on the wire
	Enforce             // act
)

// String returns the name used in YAML, logs and pages.
func (m Mode) String() string {
	if m == Enforce {
		return "enforce"
	}
	return "observe"
}

// Source says where a Decision's reputation came from.
type Source string

// The sources of a reputation.
const (
	SourceNone  Source = "none"  // none was needed, or none was to be had
	SourceList  Source = "list"  // a built-in or configured list decided
	SourceCache Source = "cache" // remembered and fresh
	SourceStale Source = "stale" // remembered, past its lifetime
	SourceQuery Source = "query" // asked for this call
	SourceRetry Source = "retry" // the call was refused just now, and is tried again: what was known then
)

// Decision is a Call and everything that led to its Verdict: what the proxy
// acts on, the audit keeps and the console shows.
type Decision struct {
	Call       Call
	Number     Number
	Called     Number
	Diverter   Number // see Facts
	Mismatch   bool   // see Facts
	Past       Past
	Reputation Reputation
	Source     Source
	Age        time.Duration // how old the reputation was
	Failed     error         // why there was no reputation; nil if there was or none was needed
	Verdict    Verdict       // what the policy decided, whatever the mode
	Shadow     Verdict       // what it would have decided with its shadow rules in force; zero, with no Rule, where that is the same
	Mode       Mode
	Policy     string        // revision of the policy that decided
	Took       time.Duration // from the arrival of the call to the decision
}

// Facts returns what the verdict was reached on. Another policy may judge it
// again, except that a call that needed no lookup holds no reputation.
func (d *Decision) Facts() Facts {
	return Facts{
		Call: d.Call, Number: d.Number, Called: d.Called, Diverter: d.Diverter, Mismatch: d.Mismatch, Past: d.Past,
		Reputation: d.Reputation, Source: d.Source, Age: d.Age, Failed: d.Failed,
	}
}

// Effective returns the verdict that the proxy carries out: the decided one in
// enforce, and Allow under the same rule in observe.
func (d Decision) Effective() Verdict {
	if d.Mode == Enforce {
		return d.Verdict
	}
	return Verdict{Rule: d.Verdict.Rule, Why: d.Verdict.Why}
}
