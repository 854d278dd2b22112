package juhe_test

import (
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callscreen/juhe"
	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

const testKey = "3f2c0d+c1a9/b7=e&4"

// server serves h until the test ends.
func server(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// client returns a Client for the service at base, with changes to its options.
func client(t testing.TB, base string, change func(*juhe.Options)) *juhe.Client {
	t.Helper()
	o := juhe.Options{URL: base + juhesim.Path, Key: testKey, Dial: time.Minute}
	if change != nil {
		change(&o)
	}
	c, err := juhe.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var mobile = screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile}

func TestLookup(t *testing.T) {
	tests := []struct {
		number screening.Number
		want   screening.Reputation
	}{
		{mobile, screening.Reputation{Category: "delivery", Label: "快递送餐", Marks: 45, Place: "江苏苏州联通", Directory: "juhe"}},
		{
			screening.Number{Country: "86", Digits: "057156264805", Class: screening.ClassLandline},
			screening.Reputation{Category: "sales", Label: "推销", Marks: 1478, Place: "浙江杭州", Directory: "juhe"},
		},
		{
			screening.Number{Country: "86", Digits: "10086", Class: screening.ClassShort},
			screening.Reputation{Name: "中国移动", Description: "统一客服电话", Kinds: []string{"运营商", "热线电话"}, Directory: "juhe"},
		},
		{screening.Number{Country: "86", Digits: "13900000000", Class: screening.ClassMobile}, screening.Reputation{Directory: "juhe"}},
	}
	for _, method := range []string{"post", "get"} {
		sim := juhesim.New()
		sim.RequireKey(testKey)
		c := client(t, server(t, sim).URL, func(o *juhe.Options) { o.Method = method })
		for _, tt := range tests {
			got, err := c.Lookup(t.Context(), tt.number)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s %s = %+v, %v; want %+v", method, tt.number.Digits, got, err, tt.want)
			}
		}
		if sim.Queries() != len(tests) {
			t.Errorf("%s: %d queries, want %d", method, sim.Queries(), len(tests))
		}
	}
}

func TestQuestion(t *testing.T) {
	landline := screening.Number{Country: "86", Digits: "057156264805", Class: screening.ClassLandline}
	beijing := screening.Number{Country: "86", Digits: "01088886666", Class: screening.ClassLandline}
	shanghai := screening.Number{Country: "86", Digits: "02166668888", Class: screening.ClassLandline}
	tests := []struct {
		format          string
		number          screening.Number
		mobile, country string
	}{
		{"", mobile, "13041439112", "86"},
		{"", landline, "057156264805", "86"},
		{"571…", landline, "57156264805", "86"},
		{"0571-…", landline, "0571-56264805", "86"},
		{"0571-…", beijing, "010-88886666", "86"},
		{"571…", beijing, "1088886666", "86"},
		{"0571-…", shanghai, "021-66668888", "86"},
		{"571…", mobile, "13041439112", "86"},
		{"", screening.Number{Country: "852", Digits: "+85221234567", Class: screening.ClassInternational}, "21234567", "852"},
		{"", screening.Number{Digits: "95588", Class: screening.Class95}, "95588", "86"},
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		var got *http.Request
		s := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			got = r
			w.Write([]byte(`{"error_code":0}`))
		}))
		for _, tt := range tests {
			c := client(t, s.URL, func(o *juhe.Options) { o.Method, o.LandlineFormat = method, tt.format })
			if _, err := c.Lookup(t.Context(), tt.number); err != nil {
				t.Fatal(err)
			}
			want := url.Values{"key": {testKey}, "mobile": {tt.mobile}, "country": {tt.country}}
			sent := got.PostForm
			if method == http.MethodGet {
				sent = got.URL.Query()
			}
			if got.Method != method || !reflect.DeepEqual(sent, want) || got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s %s: asked %s %v %v, want %v", tt.format, tt.number.Digits, got.Method, sent, got.Header, want)
			}
			if method == http.MethodPost && got.URL.RawQuery != "" {
				t.Errorf("%s: POST has a query in its URL", tt.number.Digits)
			}
		}
	}
}

func TestLookupRefusesWhatIsNoNumber(t *testing.T) {
	sim := juhesim.New()
	c := client(t, server(t, sim).URL, nil)
	for _, digits := range []string{"", "alice", "1304143911a", "1-2-3", "+"} {
		_, err := c.Lookup(t.Context(), screening.Number{Country: "86", Digits: digits})
		if !errors.Is(err, juhe.ErrRequest) {
			t.Errorf("Lookup(%q) = %v, want ErrRequest", digits, err)
		}
	}
	if sim.Queries() != 0 {
		t.Errorf("%d queries, want none", sim.Queries())
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]juhe.Options{
		"key is empty":                       {},
		"key is not one word":                {Key: "two words"},
		"neither post nor get":               {Key: "k", Method: "put"},
		"not a calling code":                 {Key: "k", Country: "+86"},
		"landline format":                    {Key: "k", LandlineFormat: "571"},
		"url needs http or https":            {Key: "k", URL: "ftp://example.com/"},
		"url cannot be read":                 {Key: "k", URL: "http://[::1"},
		"url holds a secret":                 {Key: "k", URL: "http://example.com/?key=x"},
		"give the key by itself":             {Key: "k", URL: "http://u:p@example.com/"},
		"dial limit is negative":             {Key: "k", Dial: -1},
		"slow is negative":                   {Key: "k", Slow: -1},
		"rate is no number":                  {Key: "k", Rate: math.NaN()},
		"budget is negative":                 {Key: "k", Budget: juhe.Budget{Day: -1}},
		"budget without a store":             {Key: "k", Budget: juhe.Budget{Month: 1}},
		"url needs http or https and a host": {Key: "k", URL: "https:///x"},
	}
	for want, o := range tests {
		if _, err := juhe.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		}
	}
	if _, err := juhe.New(juhe.Options{Key: "k"}); err != nil {
		t.Errorf("New with a key only: %v", err)
	}
}

// TestQueryFailedKeepsForTenMinutes has a cache in front, as the program does.
func TestQueryFailedKeepsForTenMinutes(t *testing.T) {
	sim := juhesim.New()
	sim.Set(mobile.Digits, juhesim.Reply{Code: 251103})
	cache, err := screening.NewCache(screening.CacheOptions{Directory: client(t, server(t, sim).URL, nil), Jitter: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	got, err := cache.Lookup(t.Context(), mobile)
	if err != nil || got.Known() || got.Source != screening.SourceQuery {
		t.Errorf("Lookup = %+v, %v; want nothing known", got, err)
	}
	for after, want := range map[time.Duration]bool{9 * time.Minute: true, 10 * time.Minute: false} {
		if _, ok := cache.Find(mobile, time.Now().Add(after)); ok != want {
			t.Errorf("found after %v: %v, want %v", after, ok, want)
		}
	}
}

// TestWarm also holds that the question comes over the connection that Warm opened.
func TestWarm(t *testing.T) {
	sim := juhesim.New()
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(sim)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()

	c := client(t, s.URL, func(o *juhe.Options) { o.HTTP = s.Client() })
	if err := c.Warm(t.Context()); err != nil || sim.Queries() != 0 {
		t.Fatalf("Warm = %v after %d queries", err, sim.Queries())
	}
	if _, err := c.Lookup(t.Context(), mobile); err != nil {
		t.Fatal(err)
	}
	if opened.Load() != 1 || sim.Queries() != 1 {
		t.Errorf("%d connections for %d queries, want one for one", opened.Load(), sim.Queries())
	}
}

// TestTexts: the office's own table says what a label means, whatever Juhe says it
// does; a label that says nothing takes the marks with it.
func TestTexts(t *testing.T) {
	sim := juhesim.New()
	sim.Set("13041439112", juhesim.Reply{Type: "推销", Num: 9, FID: 2})
	base := server(t, sim).URL
	for label, want := range map[string]screening.Reputation{
		"推销 ": {Category: screening.CategoryHarassment, Label: "推销", Marks: 9},
		"广告":  {Category: screening.CategorySales, Label: "推销", Marks: 9},
		"":    {Category: screening.CategorySales, Label: "推销", Marks: 9},
	} {
		c := client(t, base, func(o *juhe.Options) { o.Texts = map[string]screening.Category{label: screening.CategoryHarassment} })
		if r, err := c.Lookup(t.Context(), mobile); err != nil || r.Category != want.Category || r.Label != want.Label || r.Marks != want.Marks {
			t.Errorf("%q is harassment: %+v, %v; want %+v", label, r, err, want)
		}
	}
	c := client(t, base, func(o *juhe.Options) { o.Texts = map[string]screening.Category{"推销": ""} })
	if r, err := c.Lookup(t.Context(), mobile); err != nil || r.Known() {
		t.Errorf("a label that says nothing: %+v, %v", r, err)
	}
}
