package screening

import "time"

// Party is one side of a call. The zero value is nobody that is known.
type Party string

// The parties of a call.
const (
	PartyCaller Party = "caller"
	PartyCallee Party = "callee"
	PartyProxy  Party = "callscreen"
)

// Ending is news of how a decided call went on. Two may come of a call: the final
// answer to its INVITE and, where that was a 2xx and the BYE passes us, its end.
type Ending struct {
	Call   string        // Call-ID
	At     time.Time     // when it passed
	Status int           // the final answer's SIP status, 200 to 699; 0: this is the end of an answered call
	Ring   time.Duration // with Status: how long a phone had rung, since the first 180 or 183; 0: none did
	By     Party         // who ended it; empty with a 2xx, which ends nothing
}
