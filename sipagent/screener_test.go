package sipagent

import (
	"context"

	"callscreen/screening"
)

// screenFunc lets a plain function stand in for the Screener; it decides at once.
type screenFunc func(c screening.Call) screening.Decision

func (f screenFunc) ScreenNow(c screening.Call) (screening.Decision, bool)         { return f(c), true }
func (f screenFunc) Screen(_ context.Context, c screening.Call) screening.Decision { return f(c) }

func (screenFunc) Unscreened(c screening.Call, why string) screening.Decision {
	return unscreened(c, why)
}

// unscreened lets a call through.
func unscreened(c screening.Call, why string) screening.Decision {
	return screening.Decision{Call: c, Verdict: screening.Verdict{Rule: screening.RuleFailOpen, Why: why}}
}

// slowFunc decides after waiting.
type slowFunc func(ctx context.Context, c screening.Call) screening.Decision

func (f slowFunc) ScreenNow(screening.Call) (d screening.Decision, ok bool) { return d, false }
func (slowFunc) Unscreened(c screening.Call, why string) screening.Decision {
	return unscreened(c, why)
}

func (f slowFunc) Screen(ctx context.Context, c screening.Call) screening.Decision {
	return f(ctx, c)
}

// verdict makes a Screener that gives every call the same verdict.
func verdict(v screening.Verdict) Screener {
	return screenFunc(func(c screening.Call) screening.Decision {
		return screening.Decision{Call: c, Number: screening.Number{Digits: "13041439112"}, Verdict: v, Mode: screening.Enforce}
	})
}

var (
	allowed  = verdict(screening.Verdict{Rule: "default"})
	labelled = verdict(screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销×3475"})
	refused  = verdict(screening.Verdict{Action: screening.Reject, Rule: "fraud", Status: 603, Reason: "Decline"})
)
