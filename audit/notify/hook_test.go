package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// receiver is what a hook talks to: it answers an attempt, or fails it.
type receiver func(*http.Request, []byte) (status int, header http.Header, body string, err error)

func (f receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, header, body, err := f(r, sent)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func open(t *testing.T, o Options) *Hook {
	t.Helper()
	if o.URL == "" {
		o.URL = "https://example.com/hook?key=s3cret"
	}
	h, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func quota(n int) Event {
	return Event{Kind: Quota, At: time.Now(), Name: "juhe", Count: n, Limit: 1000}
}

var errRefused = errors.New("connection refused")

// The receiver is down for ten minutes: nobody who sends waits, nothing within the
// bound is lost, and all of it comes in its order.
func TestReceiverDownForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(10 * time.Minute)
		var got []int
		attempts := 0
		var ids []string
		h := open(t, Options{Queue: 100, Transport: receiver(func(r *http.Request, body []byte) (int, http.Header, string, error) {
			attempts++
			if time.Now().Before(up) {
				return 0, nil, "", errRefused
			}
			var e Event
			if err := json.Unmarshal(body, &e); err != nil {
				t.Error(err)
			}
			got = append(got, e.Count)
			ids = append(ids, r.Header.Get("Webhook-Id"))
			return 204, nil, "", nil
		}), Secret: "secret"})
		for n := range 100 {
			start := time.Now()
			h.Send(quota(n))
			if took := time.Since(start); took != 0 {
				t.Errorf("Send took %v; want no waiting", took)
			}
			time.Sleep(5 * time.Second)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if len(got) != 100 || h.Sent() != 100 || h.Lost() != 0 {
			t.Fatalf("%d arrived, %d sent, %d lost; want 100, 100, 0", len(got), h.Sent(), h.Lost())
		}
		for n := range got {
			if got[n] != n || n > 0 && ids[n] == ids[n-1] {
				t.Fatalf("arrived %v; want them in order, each with its own id", got)
			}
		}
		// 1, 2, 4, … 256 s, then every five minutes until it is up
		if failed := attempts - 100; failed != 10 {
			t.Errorf("%d attempts failed; want 10", failed)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBoundIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		down := receiver(func(*http.Request, []byte) (int, http.Header, string, error) { return 0, nil, "", errRefused })
		h := open(t, Options{Queue: 10, Transport: down, Logger: zerolog.New(&told)})
		h.Send(quota(0))
		synctest.Wait() // it is being sent, and waits for no one
		for n := range 15 {
			h.Send(quota(n))
		}
		if h.Lost() != 5 || strings.Count(told.String(), "queue full") != 5 {
			t.Errorf("%d lost, logged %s; want 5", h.Lost(), &told)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		h.Send(quota(0))
		if h.Lost() != 17 || strings.Contains(told.String(), "s3cret") {
			t.Errorf("%d lost after Close, logged %s; want 17, and no URL", h.Lost(), &told)
		}
	})
}

// What an answer means: taken, again later, or never.
func TestAnswers(t *testing.T) {
	type answer struct {
		status int
		after  string
		body   string
		err    error
	}
	ok := answer{status: 200, body: `{"errcode":0,"errmsg":"ok"}`}
	for _, tt := range []struct {
		name, form string
		first      answer
		sent       uint64
		waited     time.Duration
	}{
		{"taken", "json", answer{status: 204}, 1, 0},
		{"no connection", "json", answer{err: errRefused}, 1, time.Second},
		{"busy", "json", answer{status: 503}, 1, time.Second},
		{"busy for a while", "json", answer{status: 429, after: "120"}, 1, 2 * time.Minute},
		{"busy for a year", "json", answer{status: 503, after: "31536000"}, 1, time.Hour},
		{"busy until a date", "json", answer{status: 503, after: "Fri, 01 Jan 2100 00:00:00 GMT"}, 1, time.Second},
		{"gone", "json", answer{status: 404}, 0, 0},
		{"moved", "json", answer{status: 302}, 0, 0},
		{"robot: taken", "wecom", ok, 1, 0},
		{"robot: wrong key", "wecom", answer{status: 200, body: `{"errcode":93000,"errmsg":"invalid webhook url"}`}, 0, 0},
		{"robot: too much", "wecom", answer{status: 200, body: `{"errcode":45009}`}, 1, time.Minute},
		{"robot: too much", "dingtalk", answer{status: 200, body: `{"errcode":130101}`}, 1, time.Minute},
		{"robot: wrong signature", "dingtalk", answer{status: 200, body: `{"errcode":310000}`}, 0, 0},
		{"robot: a page", "dingtalk", answer{status: 200, body: `<html>`}, 1, time.Second},
		{"robot: no code", "wecom", answer{status: 200, body: `{}`}, 1, time.Second},
	} {
		t.Run(tt.form+" "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, done := time.Now(), time.Time{}
				attempts := 0
				h := open(t, Options{Form: tt.form, Transport: receiver(func(*http.Request, []byte) (int, http.Header, string, error) {
					attempts++
					a := tt.first
					if attempts > 1 {
						a = ok
					}
					done = time.Now()
					return a.status, http.Header{"Retry-After": {a.after}, "Location": {"https://elsewhere.example.com/"}}, a.body, a.err
				})})
				h.Send(quota(1))
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if h.Sent() != tt.sent || h.Lost() != 1-tt.sent || done.Sub(start) != tt.waited {
					t.Errorf("%d sent, %d lost, after %v; want %d, %d, %v", h.Sent(), h.Lost(), done.Sub(start), tt.sent, 1-tt.sent, tt.waited)
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestOldEventsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		start := time.Now()
		h := open(t, Options{Transport: receiver(func(*http.Request, []byte) (int, http.Header, string, error) {
			last = time.Now()
			return 0, nil, "", errRefused
		})})
		h.Send(quota(1))
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if took := last.Sub(start); h.Lost() != 1 || took < giveUpAfter || took > giveUpAfter+retryLast {
			t.Errorf("%d lost, after %v; want one, after a day", h.Lost(), took)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Close tries once more what waits, and does not wait for a receiver that hangs.
func TestClose(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			down, arrived := true, 0
			h := open(t, Options{Transport: receiver(func(r *http.Request, _ []byte) (int, http.Header, string, error) {
				if down {
					return 0, nil, "", errRefused
				}
				if hangs {
					<-r.Context().Done()
					return 0, nil, "", r.Context().Err()
				}
				arrived++
				return 200, nil, "", nil
			})})
			for n := range 3 {
				h.Send(quota(n))
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			down = false
			start := time.Now()
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > closeWithin || !hangs && took != 0 {
				t.Errorf("hanging %v: Close took %v", hangs, took)
			}
			if want := map[bool]int{false: 3, true: 0}[hangs]; arrived != want || h.Lost() != uint64(3-want) {
				t.Errorf("hanging %v: %d arrived, %d lost; want %d of 3", hangs, arrived, h.Lost(), want)
			}
		})
	}
}

// caught is one attempt as a real receiver saw it.
type caught struct {
	header http.Header
	query  url.Values
	body   []byte
}

// attempt sends an event over a real connection.
func attempt(t *testing.T, o Options, e Event) caught {
	t.Helper()
	got := make(chan caught, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- caught{r.Header, r.URL.Query(), body}
		fmt.Fprint(w, `{"errcode":0}`)
	}))
	defer server.Close()
	o.URL = server.URL + "/send?key=k"
	h := open(t, o)
	h.Send(e)
	defer h.Close()
	select {
	case c := <-got:
		return c
	case <-time.After(time.Minute):
		t.Fatal("nothing arrived within a minute")
		return caught{}
	}
}

func hash(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestJSONIsSigned(t *testing.T) {
	for secret, key := range map[string]string{"secret": "secret", "whsec_c2VjcmV0": "secret", "": ""} {
		c := attempt(t, Options{Secret: secret, Language: English}, Event{Kind: Quota, Name: "juhe", Count: 80, Limit: 100, At: time.Unix(1, 0).UTC()})
		const want = `{"v":1,"kind":"quota","time":"1970-01-01T00:00:01Z","name":"juhe","count":80,"limit":100,"title":"Query budget nearly spent",` +
			`"text":"### Query budget nearly spent\n\njuhe: 80 of 100 queries used. When they are spent calls go on, without labels."}`
		if string(c.body) != want || c.header.Get("Content-Type") != "application/json" {
			t.Errorf("body %s; want %s", c.body, want)
		}
		signature := c.header.Get("Webhook-Signature")
		if key == "" {
			if signature != "" {
				t.Errorf("signature %s without a secret", signature)
			}
			continue
		}
		signed := c.header.Get("Webhook-Id") + "." + c.header.Get("Webhook-Timestamp") + "." + want
		if signature != "v1,"+hash(key, signed) || c.header.Get("Webhook-Id") == "" {
			t.Errorf("signature %s of %s", signature, signed)
		}
	}
}

func TestRobots(t *testing.T) {
	e := Event{Kind: DirectoryDown, Name: "juhe", Why: "quota [x](http://evil) **"}
	c := attempt(t, Options{Form: "wecom"}, e)
	const text = `### 号码查询不可用\n\njuhe：quota  x  http://evil    。来电照常接通，但没有标记。`
	if want := `{"markdown":{"content":"` + text + `"},"msgtype":"markdown"}`; string(c.body) != want || c.query.Get("key") != "k" {
		t.Errorf("wecom: %s to %v; want %s", c.body, c.query, want)
	}
	c = attempt(t, Options{Form: "dingtalk", Secret: "SEC1"}, e)
	if want := `{"markdown":{"text":"` + text + `","title":"号码查询不可用"},"msgtype":"markdown"}`; string(c.body) != want {
		t.Errorf("dingtalk: %s; want %s", c.body, want)
	}
	if sign := c.query.Get("sign"); sign != hash("SEC1", c.query.Get("timestamp")+"\nSEC1") || c.query.Get("key") != "k" {
		t.Errorf("dingtalk: %v is not signed", c.query)
	}
	if c = attempt(t, Options{Form: "dingtalk"}, e); c.query.Has("sign") {
		t.Errorf("dingtalk: %v is signed without a secret", c.query)
	}
}

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	for name, o := range map[string]Options{
		"no URL":              {},
		"another scheme":      {URL: "ftp://example.com"},
		"no host":             {URL: "https:///x"},
		"an unknown form":     {URL: "https://example.com", Form: "slack"},
		"an unknown language": {URL: "https://example.com", Language: "fr"},
		"a queue below zero":  {URL: "https://example.com", Queue: -1},
		"a damaged secret":    {URL: "https://example.com", Secret: "whsec_%"},
		"a URL that is none":  {URL: "https://exa mple.com/s3cret"},
	} {
		h, err := Open(o)
		if err == nil {
			h.Close()
			t.Errorf("Open with %s succeeded; want an error", name)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open with %s tells the URL: %v", name, err)
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	for _, kind := range []Kind{DirectoryDown, DirectoryUp, Quota, Refusals, DailyDigest} {
		for _, l := range []Language{Chinese, English} {
			e := Event{Kind: kind, Name: "juhe", Why: "timeout", Count: 80, Limit: 20, Digest: &Digest{Day: "2026-11-24"}}
			if e.Title(l) == "" || len(e.Text(l, 4096)) <= len("### "+e.Title(l))+5 {
				t.Errorf("%s, %s: %q, %q", kind, l, e.Title(l), e.Text(l, 4096))
			}
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	var mu sync.Mutex
	arrived := 0
	h := open(t, Options{Queue: 1000, Transport: receiver(func(*http.Request, []byte) (int, http.Header, string, error) {
		mu.Lock()
		defer mu.Unlock()
		arrived++
		return 200, nil, "", nil
	})})
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for n := range 100 {
				h.Send(quota(n))
			}
		})
	}
	all.Wait()
	h.Close()
	if arrived != 1000 {
		t.Errorf("%d arrived; want 1000", arrived)
	}
}
