package sipagent

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// counters are what the agent counts, for its metrics.
type counters struct {
	messages  [2][len(messageNames)]atomic.Uint64 // in and out
	repeated  [repeats]atomic.Uint64
	outcomes  [outcomes][700]atomic.Uint64 // by the final status that the caller got
	overLimit atomic.Uint64
	full      atomic.Uint64

	failedOver [failures]atomic.Uint64
}

// messageNames are the kinds of messages that are told apart: answers by the
// class of their status, requests by method.
var messageNames = [...]string{
	"1xx", "2xx", "3xx", "4xx", "5xx", "6xx",
	"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH",
	"other",
}

const firstMethod, otherMethod = 6, len(messageNames) - 1

// messageKind returns the place of a message in messageNames; b must be one.
func messageKind(b []byte) int {
	const version = len("SIP/2.0 ")
	end := bytes.IndexByte(b, ' ')
	switch {
	case end < 0 || len(b) <= version:
		return otherMethod
	case end == version-1 && wire.EqualFold(b[:4], "sip/"):
		return min(int(b[version]-'1'), firstMethod-1)
	}
	for i := firstMethod; i < otherMethod; i++ {
		if string(b[:end]) == messageNames[i] {
			return i
		}
	}
	return otherMethod
}

func (c *counters) came(b []byte) { c.messages[0][messageKind(b)].Add(1) }
func (c *counters) left(b []byte) { c.messages[1][messageKind(b)].Add(1) }

// repeat is a message of a set-up that came or went again.
type repeat uint8

const (
	inviteCame repeat = iota // absorbed: the caller has not heard us
	answerCame               // the callee has not heard the ACK
	inviteLeft
	cancelLeft
	answerLeft // nobody has acknowledged our refusal

	repeats
)

var repeatNames = [repeats][2]string{{"in", "invite"}, {"in", "answer"}, {"out", "invite"}, {"out", "cancel"}, {"out", "answer"}}

func (c *counters) again(r repeat) { c.repeated[r].Add(1) }

// outcome is what was decided of a call.
type outcome uint8

const (
	outcomeNone      outcome = iota // a call of the PBX, not screened
	outcomeUndecided                // it ended before
	outcomeAllow
	outcomeTag
	outcomeDivert
	outcomeReject
	outcomeError // screening failed, and the call was let through

	outcomes
)

var outcomeNames = [outcomes]string{"none", "undecided", "allow", "tag", "divert", "reject", "error"}

func outcomeOf(d *screening.Decision) outcome {
	switch d.Verdict.Action {
	case screening.Tag:
		return outcomeTag
	case screening.Divert:
		return outcomeDivert
	case screening.Reject:
		return outcomeReject
	}
	if d.Failed != nil || d.Verdict.Rule == screening.RuleFailOpen {
		return outcomeError
	}
	return outcomeAllow
}

var (
	messagesDesc = prometheus.NewDesc("callscreen_sip_messages_total",
		"SIP messages from and to peers: requests by method, answers by the class of their status.", []string{"direction", "message"}, nil)
	repeatedDesc = prometheus.NewDesc("callscreen_sip_retransmissions_total",
		"Messages of calls being set up that came or went again.", []string{"direction", "message"}, nil)
	setupsDesc = prometheus.NewDesc("callscreen_sip_setups_total",
		"Calls by what the policy decided (none: a call of the PBX) and the final status that the caller got.", []string{"verdict", "status"}, nil)
	droppedDesc = prometheus.NewDesc("callscreen_sip_dropped_total",
		"Messages that went nowhere, by reason.", []string{"reason"}, nil)
	overLimitDesc = prometheus.NewDesc("callscreen_sip_lookups_over_limits_total",
		"Calls let through unscreened because their source was over its limits.", nil, nil)
	fullDesc = prometheus.NewDesc("callscreen_sip_refused_full_total",
		"Calls refused because the table of calls was full.", nil, nil)
	contextsDesc = prometheus.NewDesc("callscreen_sip_contexts",
		"Calls in the table: being set up, or so in the last half minute.", nil, nil)
	openDesc = prometheus.NewDesc("callscreen_sip_setups_open",
		"Calls being set up: the caller has no final answer yet.", nil, nil)
	sourcesDesc = prometheus.NewDesc("callscreen_sip_sources",
		"Addresses that messages came from and that are remembered.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (a *Agent) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		messagesDesc, repeatedDesc, setupsDesc, droppedDesc, overLimitDesc, fullDesc, contextsDesc, openDesc, sourcesDesc,
	} {
		ch <- d
	}
	describeTargets(ch)
}

// Collect implements [prometheus.Collector]. Label values come from closed sets:
// methods, classes, reasons, verdicts and statuses; none tells who called.
func (a *Agent) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for i, direction := range [...]string{"in", "out"} {
		for j, name := range messageNames {
			count(messagesDesc, a.messages[i][j].Load(), direction, name)
		}
	}
	for i, name := range repeatNames {
		count(repeatedDesc, a.repeated[i].Load(), name[0], name[1])
	}
	for i, name := range dropNames {
		count(droppedDesc, a.drops[i].Load(), name)
	}
	for i, verdict := range outcomeNames {
		for status := range a.outcomes[i] {
			if n := a.outcomes[i][status].Load(); n > 0 {
				count(setupsDesc, n, verdict, strconv.Itoa(status))
			}
		}
	}
	a.collectTargets(ch)
	count(overLimitDesc, a.overLimit.Load())
	count(fullDesc, a.full.Load())
	all := a.all()
	for desc, n := range map[*prometheus.Desc]int{contextsDesc: len(all), openDesc: open(all), sourcesDesc: a.sources.Len()} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n))
	}
}
