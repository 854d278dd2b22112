package console

import (
	"encoding/json"
	"net/http"
	"time"
)

// Check is how one part of the process stands, in words for people. The zero
// Check, but for its Name, says that all is well.
type Check struct {
	Name   string    // the part: "listeners", "targets", "juhe", "policy", "record", …
	Fault  string    // what is wrong and what to do about it; empty: nothing. No number and no secret.
	Since  time.Time // when it began; zero: not known
	Unfit  bool      // calls are better sent elsewhere until it is mended
	Detail string    // what there is to say when nothing is wrong; may be empty
}

// Health is what /healthz and /readyz answer.
type Health struct {
	Status string        `json:"status"` // "ok", "degraded" or "unfit"
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one [Check] as it is answered.
type HealthCheck struct {
	Name   string     `json:"name"`
	Status string     `json:"status"`
	Reason string     `json:"reason,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
}

// handleHealth answers /healthz with 200 as long as the process lives, since
// calls go on through a process that has lost something, and /readyz with 503 while it is unfit.
func handleHealth(mux *http.ServeMux, checks func() []Check) {
	answer := func(unfit int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := Assess(checks)
			status := http.StatusOK
			if h.Status == "unfit" {
				status = unfit
			}
			writeJSON(w, status, h)
		}
	}
	mux.Handle("GET /healthz", answer(http.StatusOK))
	mux.Handle("GET /readyz", answer(http.StatusServiceUnavailable))
}

// Assess makes all checks and sums them up: one that is unfit makes the whole
// unfit, one with a fault makes it degraded. Nil: all is well.
func Assess(checks func() []Check) Health {
	h := Health{Status: "ok", Checks: []HealthCheck{}}
	if checks == nil {
		return h
	}
	for _, c := range checks() {
		one := c.assess()
		if one.Status == "unfit" || h.Status == "ok" {
			h.Status = one.Status
		}
		h.Checks = append(h.Checks, one)
	}
	return h
}

func (c Check) assess() HealthCheck {
	one := HealthCheck{Name: c.Name, Status: "ok", Reason: c.Detail}
	switch {
	case c.Unfit:
		one.Status, one.Reason = "unfit", c.Fault
	case c.Fault != "":
		one.Status, one.Reason = "degraded", c.Fault
	}
	if !c.Since.IsZero() {
		one.Since = &c.Since
	}
	return one
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may have gone
}
