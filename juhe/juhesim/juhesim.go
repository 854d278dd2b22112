// Package juhesim is a Juhe number-tag service to try things on: an
// [http.Handler] that answers as the service's document shows, and fails on
// request.
//
// It knows the five numbers of the document and those it is told, and nothing of
// the client that asks it.
package juhesim

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Path is where the service is asked; everything else is not found.
const Path = "/mobileVerify/query"

// Sim is a simulated Juhe, safe for concurrent use. Use [New].
type Sim struct {
	mu      sync.Mutex
	key     string
	numbers map[string]Reply
	fault   *Reply
	delay   time.Duration
	total   int
	asked   map[string]int
}

// New returns a Sim that knows the numbers of the document, accepts any key but an
// empty one, and answers at once.
func New() *Sim {
	return &Sim{numbers: maps.Clone(documented), asked: map[string]int{}}
}

// RequireKey makes every other key than key a wrong one (error 10001). The empty
// string accepts any again.
func (s *Sim) RequireKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// Set makes r the answer for mobile, as it stands in the question: "13041439112",
// "057156264805".
func (s *Sim) Set(mobile string, r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers[mobile] = r
}

// SetAll makes r the answer to every question, whatever its number and key, until
// [Sim.Restore]: an outage, a spent quota, a service that hangs.
func (s *Sim) SetAll(r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = &r
}

// Restore ends what SetAll began.
func (s *Sim) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
}

// SetDelay makes every answer wait so long, beside its own Reply.Delay.
func (s *Sim) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Queries returns how many questions came, answered or not.
func (s *Sim) Queries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// QueriesFor returns how many questions came for mobile.
func (s *Sim) QueriesFor(mobile string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[mobile]
}

// Numbers returns the numbers that have an answer of their own, in order.
func (s *Sim) Numbers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.numbers))
}

// ServeHTTP answers one question. A method other than GET and POST is 405, as
// HTTP has it; a POST that is no form, and a question without a number, are error
// 251102.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	mobile, reply := s.judge(r)
	if !s.wait(r, reply) {
		return
	}
	reply.write(w, mobile)
}

// judge counts the question and finds its answer.
func (s *Sim) judge(r *http.Request) (string, Reply) {
	key, mobile, ok := readForm(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	s.asked[mobile]++
	switch {
	case s.fault != nil:
		return mobile, *s.fault
	case !ok:
		return mobile, Reply{Code: 251102}
	case key == "" || s.key != "" && key != s.key:
		return mobile, Reply{Code: 10001}
	case mobile == "":
		return mobile, Reply{Code: 251102}
	}
	return mobile, s.numbers[mobile]
}

// readForm returns the parameters; ok tells whether they came as documented.
func readForm(r *http.Request) (key, mobile string, ok bool) {
	if r.ParseForm() != nil {
		return "", "", false
	}
	ok = r.Method == http.MethodGet || r.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
	return r.Form.Get("key"), r.Form.Get("mobile"), ok
}

// wait holds the answer back as long as it should be, and reports whether the
// client is still there.
func (s *Sim) wait(r *http.Request, reply Reply) bool {
	s.mu.Lock()
	delay := s.delay + reply.Delay
	s.mu.Unlock()
	if reply.Hang {
		<-r.Context().Done()
		return false
	}
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
