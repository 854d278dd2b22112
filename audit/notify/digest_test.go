package notify

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callscreen/audit"
	"callscreen/audit/store"
	"callscreen/screening"
)

var shanghai = time.FixedZone("CST", 8*3600)

var day = time.Date(2026, 11, 24, 15, 0, 0, 0, shanghai)

// refused is a call at an hour of the day that is refused.
func refused(number string, hour int) screening.Decision {
	return screening.Decision{
		Call:       screening.Call{ID: fmt.Sprint(number, hour), At: time.Date(2026, 11, 24, hour, 0, 0, 0, shanghai)},
		Number:     screening.Number{Digits: number, Class: screening.ClassMobile},
		Reputation: screening.Reputation{Category: screening.CategoryFraud, Label: "诈骗", Marks: 80, Place: "广东深圳"},
		Source:     screening.SourceQuery, Mode: screening.Enforce,
		Verdict: screening.Verdict{Action: screening.Reject, Rule: "fraud", Why: "fraud", Status: 603},
	}
}

func recorded(t *testing.T, calls ...screening.Decision) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{File: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, d := range calls {
		s.Record(d)
	}
	for end := time.Now().Add(time.Minute); !s.State().Up || s.State().Written < uint64(len(calls)); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not written within a minute: %+v", s.State())
		}
	}
	return s
}

func TestDigest(t *testing.T) {
	tagged, observed, failed, unknown := refused("1", 9), refused("2", 9), refused("3", 9), refused("", 10)
	tagged.Verdict, tagged.Source = screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销"}, screening.SourceCache
	observed.Mode = screening.Observe
	failed.Verdict, failed.Source, failed.Failed = screening.Verdict{Rule: "default"}, screening.SourceNone, errRefused
	unknown.Reputation, unknown.Source = screening.Reputation{}, screening.SourceNone
	unknown.Verdict.Rule = "evil](http://x)"
	before, after := refused("13041439112", 0), refused("13041439112", 23)
	before.Call.At, after.Call.At = before.Call.At.Add(-time.Second), after.Call.At.Add(time.Hour)
	s := recorded(t, refused("13041439112", 0), refused("13041439112", 17), refused("13987654321", 12), tagged, observed, failed, unknown, before, after)
	got, err := NewDigest(t.Context(), &s.Reader, day, audit.Privacy{})
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour int) time.Time { return time.Date(2026, 11, 24, hour, 0, 0, 0, shanghai) }
	want := &Digest{
		Day: "2026-11-24", Calls: 7, Refused: 4, Tagged: 1, Failed: 1, Paid: 4, Saved: 1,
		Callers: []*Refused{
			{Number: "130****9112", Times: 2, Rule: "fraud", Label: "诈骗", Marks: 80, Place: "广东深圳", Last: at(17)},
			{Times: 1, Rule: "evil](http://x)", Last: at(10)},
			{Number: "139****4321", Times: 1, Rule: "fraud", Label: "诈骗", Marks: 80, Place: "广东深圳", Last: at(12)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	e := Event{Kind: DailyDigest, Digest: got}
	const text = "### 来电拦截日报\n\n2026-11-24：来电 7，拦截 4，标记 1，转接 0，查询失败 1；付费查询 4 次，缓存节省 1 次。\n\n" +
		"- 130…9112 ×2 诈骗×80 广东深圳 规则 fraud 17:00\n\n- 无号码 ×1 规则 evil  http://x  10:00\n\n- 139…4321 ×1 诈骗×80 广东深圳 规则 fraud 12:00"
	if got := e.Text(Chinese, 4096); got != text {
		t.Errorf("text is\n%s\nwant\n%s", got, text)
	}
}

// However many were refused, the message has room for it and says that there were more.
func TestDigestOfABadDay(t *testing.T) {
	var calls []screening.Decision
	for i := range maxCallers + 7 {
		calls = append(calls, refused(fmt.Sprintf("139%08d", i), 12))
	}
	d, err := NewDigest(t.Context(), &recorded(t, calls...).Reader, day, audit.Privacy{Level: audit.Full})
	if err != nil || len(d.Callers) != maxCallers || d.More != 7 || d.Callers[0].Number != "13900000000" {
		t.Fatalf("%d callers, %d more, %v; want %d, 7", len(d.Callers), d.More, err, maxCallers)
	}
	e := Event{Kind: DailyDigest, Digest: d}
	if text := e.Text(English, 1<<20); !strings.HasSuffix(text, "And 7 more callers.") {
		t.Errorf("text ends %q", text[len(text)-50:])
	}
	for _, l := range []Language{Chinese, English} {
		if text := e.Text(l, 2048); len(text) > 2048 || !strings.HasSuffix(text, "\n- …") {
			t.Errorf("%d bytes of text, ending %q; want at most 2048, and a word that there is more", len(text), text[len(text)-20:])
		}
	}
	if _, err := NewDigest(t.Context(), &recorded(t).Reader, day, audit.Privacy{}); err != nil {
		t.Errorf("digest of a day without calls: %v", err)
	}
}
