package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
	"callscreen/screening/guard"
)

const secretKey = "3f2c0d+c1a9/b7=e&4"

var (
	mobile   = screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile}
	landline = screening.Number{Country: "86", Digits: "057156264805", Class: screening.ClassLandline}
	hongKong = screening.Number{Country: "852", Digits: "+85221234567", Class: screening.ClassInternational}
	homeless = screening.Number{Digits: "95588", Class: screening.Class95}
)

// inMemory carries questions to a handler without a network.
type inMemory struct{ h nethttp.HandlerFunc }

func (m inMemory) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	answered := make(chan *nethttp.Response, 1)
	go func() { // ends with the handler, which minds the context
		w := httptest.NewRecorder()
		m.h(w, r)
		answered <- w.Result()
	}()
	select {
	case resp := <-answered:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// service returns a Client of a voting service, as a configuration would describe it.
func service(t *testing.T, h nethttp.HandlerFunc, change func(*Options)) (*Client, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	o := Options{
		Name: "votes", URL: "https://votes.test/api/{e164}?key={key}", Key: secretKey,
		Proof:   Proof{Path: "status", Value: "ok"},
		Paths:   Paths{Category: "data.rating", Marks: "data.votes", Name: "data.owners.0.name", Place: "data.place"},
		Texts:   map[string]screening.Category{"G_FRAUD": "fraud", "E_ADVERTISING": "sales", "A_LEGITIMATE": ""},
		Unknown: []int{404},
		HTTP:    &nethttp.Client{Transport: inMemory{h}}, Logger: zerolog.New(log).Level(zerolog.TraceLevel),
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, log
}

func says(status int, body string) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func hangs(_ nethttp.ResponseWriter, r *nethttp.Request) { <-r.Context().Done() }

// lookup asks with the budget of a call.
func lookup(t *testing.T, c *Client, n screening.Number) (screening.Reputation, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	return c.Lookup(ctx, n)
}

// noKey looks for the key, in every form it may take, in all that is said.
func noKey(t *testing.T, err error, c *Client, log *bytes.Buffer) {
	t.Helper()
	said := log.String() + fmt.Sprintf("%v|%+v|%#v", c, c, c)
	for ; err != nil; err = errors.Unwrap(err) {
		said += fmt.Sprintf("%v|%+v|%#v|%q\n", err, err, err, err)
	}
	for _, form := range []string{secretKey[:8], url.QueryEscape(secretKey), base64.StdEncoding.EncodeToString([]byte(secretKey))} {
		if strings.Contains(said, form) {
			t.Errorf("the key as %q is in %q", form, said)
		}
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("电", 200)
	tests := []struct {
		name, body string
		want       screening.Reputation
	}{
		{
			"everything", `{"status":"ok","data":{"rating":"E_ADVERTISING","votes":12,"owners":[{"name":"某公司"}],"place":"浙江杭州"}}`,
			screening.Reputation{Category: "sales", Label: "E_ADVERTISING", Marks: 12, Name: "某公司", Place: "浙江杭州"},
		},
		{"a Chinese word", `{"status":"ok","data":{"rating":" 诈骗 ","votes":"3"}}`, screening.Reputation{Category: "fraud", Label: "诈骗", Marks: 3}},
		{"a text nobody knows", `{"status":"ok","data":{"rating":"X","votes":3.0}}`, screening.Reputation{Category: "other", Label: "X", Marks: 3}},
		{"a text that says nothing", `{"status":"ok","data":{"rating":"A_LEGITIMATE","votes":3,"place":"x"}}`, screening.Reputation{Place: "x"}},
		{"nothing", `{"status":"ok"}`, screening.Reputation{}},
		{"nothing in other words", `{"status":"ok","data":{"rating":null,"votes":"","owners":[],"place":{}}}`, screening.Reputation{}},
		{"shapes beside the path", `{"status":"ok","data":[]}`, screening.Reputation{}},
		{"numbers for texts", `{"status":"ok","data":{"rating":7,"owners":[{"name":10086}]}}`, screening.Reputation{Category: "other", Label: "7", Name: "10086"}},
		{"negative and huge", `{"status":"ok","data":{"votes":-3}}`, screening.Reputation{}},
		{"huge", `{"status":"ok","data":{"votes":1e30}}`, screening.Reputation{Marks: maxMarks}},
		{"long", `{"status":"ok","data":{"place":"` + long + `"}}`, screening.Reputation{Place: long[:255]}},
		{"a mark of byte order", "\ufeff" + `{"status":"ok"}`, screening.Reputation{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, log := service(t, says(200, tt.body), nil)
			tt.want.Directory = "votes"
			got, err := lookup(t, c, mobile)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Lookup = %+v, %v; want %+v", got, err, tt.want)
			}
			if strings.Contains(log.String(), mobile.Digits) || !strings.Contains(log.String(), "votes answered") {
				t.Errorf("log = %s", log)
			}
			noKey(t, err, c, log)
		})
	}
}

// TestFailures holds that whatever is no answer is a failure, with its reason, and
// never "nothing known".
func TestFailures(t *testing.T) {
	ok := `{"status":"ok","data":{"rating":"G_FRAUD"}}`
	tests := []struct {
		name   string
		h      nethttp.HandlerFunc
		reason string
	}{
		{"no proof", says(200, `{"data":{"rating":"G_FRAUD"}}`), "upstream"},
		{"proof of failure", says(200, `{"status":"error","data":{"rating":"G_FRAUD"}}`), "upstream"},
		{"proof is null", says(200, `{"status":null}`), "upstream"},
		{"proof is an object", says(200, `{"status":{"ok":"ok"}}`), "upstream"},
		{"HTML", says(200, "<html>"), "upstream"},
		{"empty", says(200, ""), "upstream"},
		{"half", says(200, ok[:len(ok)-2]), "upstream"},
		{"two", says(200, ok+ok), "upstream"},
		{"null", says(200, "null"), "upstream"},
		{"a list", says(200, "["+ok+"]"), "upstream"},
		{"wrong charset", says(200, "{\"status\":\"ok\",\"x\":\"\xcd\xc6\"}"), "upstream"},
		{"a list for a text", says(200, `{"status":"ok","data":{"rating":["G_FRAUD"]}}`), "upstream"},
		{"an object for a number", says(200, `{"status":"ok","data":{"votes":{"n":1}}}`), "upstream"},
		{"words for a number", says(200, `{"status":"ok","data":{"votes":"many"}}`), "upstream"},
		{"a fraction", says(200, `{"status":"ok","data":{"votes":1.5}}`), "upstream"},
		{"hexadecimal", says(200, `{"status":"ok","data":{"votes":"0x1p4"}}`), "upstream"},
		{"64 KiB and one", says(200, ok+strings.Repeat(" ", maxBody)), "upstream"},
		{"500 with an answer", says(500, ok), "upstream"},
		{"204", says(204, ""), "upstream"},
		{"401", says(401, ok), "key"},
		{"403", says(403, ""), "key"},
		{"429", says(429, ""), "throttled"},
		{"400", says(400, ""), "request"},
		{"301", func(w nethttp.ResponseWriter, r *nethttp.Request) {
			nethttp.Redirect(w, r, "http://169.254.169.254/", nethttp.StatusFound)
		}, "upstream"},
		{"echo", func(w nethttp.ResponseWriter, r *nethttp.Request) { fmt.Fprintf(w, "%q", r.URL) }, "upstream"},
		{"hang", hangs, "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, log := service(t, tt.h, nil)
				r, err := lookup(t, c, mobile)
				var e *Error
				if !errors.As(err, &e) || screening.FailureReason(err) != tt.reason || r.Known() || r.Directory != "" {
					t.Errorf("Lookup = %+v, %v; want %s", r, err, tt.reason)
				}
				noKey(t, err, c, log)
			})
		})
	}
}

func TestProofOfAnyValue(t *testing.T) {
	for body, want := range map[string]bool{`{"data":{}}`: true, `{"data":0}`: true, `{"data":null}`: false, `{}`: false, `{"error":"x"}`: false} {
		c, _ := service(t, says(200, body), func(o *Options) { o.Proof = Proof{Path: "data"} })
		if _, err := lookup(t, c, mobile); (err == nil) != want {
			t.Errorf("%s: %v, want an answer: %v", body, err, want)
		}
	}
}

func TestUnknownStatus(t *testing.T) {
	c, _ := service(t, says(404, "<html>"), nil)
	if r, err := lookup(t, c, mobile); err != nil || r.Known() {
		t.Errorf("404 = %+v, %v; want nothing known", r, err)
	}
	c, _ = service(t, says(404, "<html>"), func(o *Options) { o.Unknown = nil })
	if _, err := lookup(t, c, mobile); screening.FailureReason(err) != "request" {
		t.Errorf("404 = %v, want request", err)
	}
}

func TestCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := service(t, hangs, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, err := c.Lookup(ctx, mobile); !errors.Is(err, context.Canceled) {
			t.Errorf("Lookup = %v, want Canceled", err)
		}
	})
}

// TestQuestions holds what is sent.
func TestQuestions(t *testing.T) {
	tests := []struct {
		name           string
		change         func(*Options)
		number         screening.Number
		method, target string
		header, body   string // "Name: value"
	}{
		{"e164", nil, mobile, "GET", "/api/%2B8613041439112?key=" + url.QueryEscape(secretKey), "", ""},
		{"e164 of a landline", nil, landline, "GET", "/api/%2B8657156264805?key=" + url.QueryEscape(secretKey), "", ""},
		{"e164 from abroad", nil, hongKong, "GET", "/api/%2B85221234567?key=" + url.QueryEscape(secretKey), "", ""},
		{"parts", func(o *Options) { o.URL = "http://votes.test/{country}/{national}?n={number}" }, hongKong, "GET", "/852/21234567?n=%2B85221234567", "", ""},
		{"header", func(o *Options) {
			o.URL, o.Header = "http://votes.test/{number}", map[string]string{"authorization": "Bearer {key}"}
		}, mobile, "GET", "/13041439112", "Authorization: Bearer " + secretKey, ""},
		{"form", func(o *Options) { o.URL, o.Body = "http://votes.test/", "k={key}&n={e164}" }, mobile, "POST", "/", "Content-Type: application/x-www-form-urlencoded", "k=" + url.QueryEscape(secretKey) + "&n=%2B8613041439112"},
		{"JSON", func(o *Options) {
			o.URL, o.Body, o.Key = "http://votes.test/", `{"k":"{key}","n":["{e164}"]}`, `"x`
			o.Header = map[string]string{"content-type": "application/json; charset=utf-8"}
		}, mobile, "POST", "/", "Content-Type: application/json; charset=utf-8", `{"k":"\"x","n":["+8613041439112"]}`},
		{"post without a body", func(o *Options) { o.Method, o.URL = "post", "http://votes.test/{number}" }, mobile, "POST", "/13041439112", "", ""},
		{"a number without a country", func(o *Options) { o.URL = "http://votes.test/{number}" }, homeless, "GET", "/95588", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			c, _ := service(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				asked++
				body, _ := io.ReadAll(r.Body)
				name, value, _ := strings.Cut(tt.header, ": ")
				if r.Method != tt.method || r.URL.RequestURI() != tt.target || r.Header.Get(name) != value || string(body) != tt.body {
					t.Errorf("asked %s %s %v %q; want %s %s %s %q", r.Method, r.URL.RequestURI(), r.Header, body, tt.method, tt.target, tt.header, tt.body)
				}
				io.WriteString(w, `{"status":"ok"}`)
			}, tt.change)
			if _, err := lookup(t, c, tt.number); err != nil || asked != 1 {
				t.Errorf("%v after %d questions", err, asked)
			}
		})
	}
}

// TestWhatCannotBeAsked is unknown, and costs no question.
func TestWhatCannotBeAsked(t *testing.T) {
	c, _ := service(t, func(nethttp.ResponseWriter, *nethttp.Request) { t.Error("asked") }, nil)
	for _, n := range []screening.Number{homeless, {}} {
		if r, err := lookup(t, c, n); err != nil || r.Known() {
			t.Errorf("Lookup(%v) = %+v, %v", n, r, err)
		}
	}
}

// TestStops holds when the service is not asked any more, and for how long.
func TestStops(t *testing.T) {
	retry := func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
	}
	tests := []struct {
		name  string
		h     nethttp.HandlerFunc
		after int
		pause time.Duration
	}{
		{"key", says(401, ""), 1, 15 * time.Minute},
		{"throttled", says(429, ""), 1, time.Minute},
		{"retry after", retry, 1, 7 * time.Second},
		{"failing", says(500, ""), 5, 30 * time.Second},
		{"hanging", hangs, 5, 30 * time.Second},
		{"misunderstood", says(400, ""), 5, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, log := service(t, tt.h, func(o *Options) { o.Rate = -1 })
				for range tt.after {
					if c.State() != (guard.State{}) {
						t.Fatalf("stopped early: %+v", c.State())
					}
					lookup(t, c, mobile)
					synctest.Wait()
				}
				_, err := lookup(t, c, mobile)
				var r *guard.Refusal
				if !errors.As(err, &r) || time.Until(r.Until) != tt.pause || c.State().Reason != screening.FailureReason(err) {
					t.Errorf("Lookup = %v, %+v; want it refused for %v", err, c.State(), tt.pause)
				}
				noKey(t, err, c, log)
			})
		})
	}
}

func TestNetworkFailures(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	untrusted := httptest.NewTLSServer(nil)
	defer untrusted.Close()
	for name, base := range map[string]string{"refused": closed.URL, "no name": "http://callscreen.invalid", "untrusted": untrusted.URL} {
		c, log := service(t, nil, func(o *Options) { o.URL, o.HTTP = base+"/{number}?key={key}", nil })
		_, err := c.Lookup(t.Context(), mobile)
		if screening.FailureReason(err) != "upstream" {
			t.Errorf("%s: %v", name, err)
		}
		noKey(t, err, c, log)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]func(*Options){
		"name is not one word":           func(o *Options) { o.Name = "" },
		"url needs http or https":        func(o *Options) { o.URL = "ftp://x.test/" },
		"url cannot be read":             func(o *Options) { o.URL = "http://[::1/" },
		"url has braces in its host":     func(o *Options) { o.URL = "https://{number}.test/" },
		"or no path":                     func(o *Options) { o.URL = "https://x.test?n={number}" },
		"url holds a password":           func(o *Options) { o.URL = "https://u:p@x.test/" },
		"url holds {phone}":              func(o *Options) { o.URL = "https://x.test/{phone}" },
		"method is neither get nor post": func(o *Options) { o.Method = "put" },
		"get has no body":                func(o *Options) { o.Method, o.Body = "get", "x" },
		"neither a form nor JSON":        func(o *Options) { o.Body, o.Header = "x", map[string]string{"content-type": "text/xml"} },
		"body is not JSON":               func(o *Options) { o.Body, o.Header = "{", map[string]string{"content-type": "application/json"} },
		"there is no key for {key}":      func(o *Options) { o.Key = "" },
		"key is not one word":            func(o *Options) { o.Key = "a b" },
		"header X holds {phone}":         func(o *Options) { o.Header = map[string]string{"X": "{phone}"} },
		"holds what a header cannot":     func(o *Options) { o.Header = map[string]string{"X": "a\nb"} },
		"proof is missing":               func(o *Options) { o.Proof = Proof{} },
		"paths are missing":              func(o *Options) { o.Paths = Paths{} },
		`path "a..b" has an empty step`:  func(o *Options) { o.Paths.Label = "a..b" },
		"is no category":                 func(o *Options) { o.Texts = map[string]screening.Category{"x": "spam"} },
		"slow is negative":               func(o *Options) { o.Slow = -1 },
		"dial limit is negative":         func(o *Options) { o.Dial = -1 },
	}
	for want, change := range tests {
		o := Options{
			Name: "votes", URL: "https://votes.test/{number}?key={key}", Key: secretKey, Proof: Proof{Path: "a"}, Paths: Paths{Label: "b"},
		}
		if _, err := New(o); err != nil {
			t.Fatal(err)
		}
		change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		} else if strings.Contains(err.Error(), secretKey[:8]) {
			t.Errorf("the key is in %v", err)
		}
	}
	if said := fmt.Sprintf("%v %+v %#v", Options{Name: "n", Key: secretKey}, Options{Key: secretKey}, Options{Key: secretKey}); strings.Contains(said, secretKey[:8]) {
		t.Errorf("the key is in %q", said)
	}
}

// FuzzRead holds that no body panics, and that an error comes without a reputation.
func FuzzRead(f *testing.F) {
	for _, body := range []string{`{"status":"ok","data":{"rating":"x","votes":3,"owners":[{"name":"n"}]}}`, `{"status":"ok","data":[{}]}`, "null", "[1]", "1", `"x"`} {
		f.Add([]byte(body))
	}
	r, err := newReader(Options{
		Name: "votes", Proof: Proof{Path: "status"},
		Paths: Paths{Category: "data.rating", Label: "data.0.x", Marks: "data.votes", Name: "data.owners.0.name"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := r.read(body)
		if err != nil && !reflect.DeepEqual(got, screening.Reputation{}) || got.Marks < 0 || len(got.Name) > maxText {
			t.Errorf("read(%q) = %+v, %v", body, got, err)
		}
	})
}
