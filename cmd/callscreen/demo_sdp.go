package main

import (
	"bytes"
	"strings"
)

// silentCall describes a call in which nobody sends anything: the demo needs no
// media. Port 9 is the discard service's.
const silentCall = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=callscreen demo\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"

// silentAudio is the one stream that a phone of the demo takes part in: G.711, silent.
const silentAudio = "9 RTP/AVP 8 0\r\na=inactive\r\n"

// silentOffer is what the simulated carrier asks for.
var silentOffer = []byte(silentCall + "m=audio " + silentAudio)

// answerTo accepts the first audio stream of an SDP offer and declines every
// other one (RFC 3264 section 6); to a call without an offer it is one.
func answerTo(offered []byte) []byte {
	if len(bytes.TrimSpace(offered)) == 0 {
		return silentOffer
	}
	var b strings.Builder
	b.WriteString(silentCall)
	accepted := false
	for line := range strings.Lines(string(offered)) {
		media, ok := strings.CutPrefix(strings.TrimSpace(line), "m=")
		f := strings.Fields(media)
		if !ok || len(f) < 4 {
			continue
		}
		if f[0] == "audio" && f[2] == "RTP/AVP" && !accepted {
			b.WriteString("m=audio " + silentAudio)
			accepted = true
			continue
		}
		b.WriteString("m=" + f[0] + " 0 " + f[2] + " " + f[3] + "\r\n")
	}
	return []byte(b.String())
}
