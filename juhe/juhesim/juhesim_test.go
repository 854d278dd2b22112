package juhesim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/juhe/juhesim"
)

const form = "application/x-www-form-urlencoded"

func ask(s *juhesim.Sim, method, contentType, key, mobile string) *httptest.ResponseRecorder {
	return askWithin(context.Background(), s, method, contentType, key, mobile)
}

func askWithin(ctx context.Context, s *juhesim.Sim, method, contentType, key, mobile string) *httptest.ResponseRecorder {
	values := url.Values{"key": {key}, "mobile": {mobile}}.Encode()
	target, body := juhesim.Path, values
	if method != http.MethodPost {
		target, body = target+"?"+values, ""
	}
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestDocumentedNumbersByteForByte(t *testing.T) {
	s := juhesim.New()
	if len(s.Numbers()) != 5 {
		t.Fatalf("numbers = %v, want the five of the document", s.Numbers())
	}
	for _, mobile := range s.Numbers() {
		want, err := os.ReadFile("../../testdata/juhe/" + mobile + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			if w := ask(s, method, form, "k", mobile); w.Code != 200 || w.Body.String() != string(want) {
				t.Errorf("%s %s = %d %s, want %s", method, mobile, w.Code, w.Body, want)
			}
		}
		if n := s.QueriesFor(mobile); n != 2 {
			t.Errorf("queries for %s = %d, want 2", mobile, n)
		}
	}
	if n := s.Queries(); n != 10 {
		t.Errorf("queries = %d, want 10", n)
	}
}

func TestQuestionIsChecked(t *testing.T) {
	tests := []struct {
		name, method, contentType, key, mobile string
		status                                 int
		want                                   string
	}{
		{"unknown number", "POST", form, "right", "13900000000", 200, `"telnum": "13900000000",`},
		{"wrong key", "POST", form, "wrong", "10086", 200, `"error_code": 10001`},
		{"no key", "GET", form, "", "10086", 200, `"error_code": 10001`},
		{"no number", "POST", form, "right", "", 200, `"error_code": 251102`},
		{"not a form", "POST", "application/json", "right", "10086", 200, `"error_code": 251102`},
		{"another method", "PUT", form, "right", "10086", 405, "not allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := juhesim.New()
			s.RequireKey("right")
			w := ask(s, tt.method, tt.contentType, tt.key, tt.mobile)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("= %d %s; want %d %s", w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	s := juhesim.New()
	s.Set("13900000000", juhesim.Reply{Type: "疑似诈骗", Num: 9, FID: 5})
	s.Set("13900000001", juhesim.Reply{Raw: "<html>", Status: 502})
	if w := ask(s, "POST", form, "k", "13900000000"); !strings.Contains(w.Body.String(), `"type": "疑似诈骗"`) {
		t.Errorf("set number = %s", w.Body)
	}
	if w := ask(s, "POST", form, "k", "13900000001"); w.Code != 502 || w.Body.String() != "<html>" {
		t.Errorf("raw = %d %s", w.Code, w.Body)
	}
	s.SetAll(juhesim.Reply{Code: 10012})
	if w := ask(s, "POST", form, "k", "10086"); !strings.Contains(w.Body.String(), `"resultcode": "112"`) {
		t.Errorf("quota = %s", w.Body)
	}
	s.Restore()
	if w := ask(s, "POST", form, "k", "10086"); !strings.Contains(w.Body.String(), "中国移动") {
		t.Errorf("restored = %s", w.Body)
	}
}

func TestDelayAndHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := juhesim.New()
		s.SetDelay(time.Second)
		s.Set("1", juhesim.Reply{Delay: time.Second})
		s.Set("2", juhesim.Reply{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for mobile, want := range map[string]time.Duration{"10086": time.Second, "1": 2 * time.Second} {
			started := time.Now()
			if w := askWithin(ctx, s, "POST", form, "k", mobile); w.Body.Len() == 0 || time.Since(started) != want {
				t.Errorf("%s took %v, want %v", mobile, time.Since(started), want)
			}
		}
		if w := askWithin(ctx, s, "POST", form, "k", "2"); w.Body.Len() != 0 || ctx.Err() == nil {
			t.Errorf("hanging number = %s before the client left", w.Body)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	s := juhesim.New()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			ask(s, "POST", form, "k", "10086")
			s.Set("1", juhesim.Reply{Num: s.Queries()})
		})
	}
	all.Wait()
	if s.Queries() != 50 || s.QueriesFor("10086") != 50 {
		t.Errorf("queries = %d, %d; want 50", s.Queries(), s.QueriesFor("10086"))
	}
}
