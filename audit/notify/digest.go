package notify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"callscreen/audit"
	"callscreen/audit/store"
	"callscreen/screening"
)

// maxCallers is how many refused callers a digest names.
const maxCallers = 50

// Digest is what happened on a day, so that a wrong refusal is noticed.
type Digest struct {
	Day      string     `json:"day"` // "2026-11-24"
	Calls    int        `json:"calls"`
	Refused  int        `json:"refused"` // carried out, not only decided
	Tagged   int        `json:"tagged"`
	Diverted int        `json:"diverted"`
	Failed   int        `json:"failed"` // lookups without an answer
	Paid     int        `json:"paid"`   // queries
	Saved    int        `json:"saved"`  // queries
	Callers  []*Refused `json:"callers"`
	More     int        `json:"more,omitempty"` // refused callers that are not named
}

// Refused is a caller who was refused.
type Refused struct {
	Number string    `json:"number"`
	Times  int       `json:"times"`
	Rule   string    `json:"rule"`
	Label  string    `json:"label,omitempty"`
	Marks  int       `json:"marks,omitempty"`
	Place  string    `json:"place,omitempty"`
	Last   time.Time `json:"last"`
}

// NewDigest reads the digest of a day from the record. day is any time of it, in the
// zone that it is a day of. Numbers are written as p says.
func NewDigest(ctx context.Context, r *store.Reader, day time.Time, p audit.Privacy) (*Digest, error) {
	since := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
	until := since.AddDate(0, 0, 1)
	hours, err := r.Hours(ctx, since, until)
	if err != nil {
		return nil, err
	}
	d := &Digest{Day: since.Format(time.DateOnly)}
	d.count(hours)
	refused := map[string]*Refused{}
	f := store.Filter{Action: screening.Reject.String(), Mode: screening.Enforce.String(), Since: since, Until: until}
	err = r.Each(ctx, f, func(c *audit.Record) error {
		number := c.Decision.Number.Digits
		if c.Numbers == audit.Full {
			number = p.Number(number)
		}
		caller := refused[c.Decision.Number.Digits]
		if caller == nil {
			caller = &Refused{Number: number}
			refused[c.Decision.Number.Digits] = caller
		}
		caller.add(&c.Decision, day.Location())
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Callers = slices.SortedFunc(maps.Values(refused), func(a, b *Refused) int {
		return cmp.Or(b.Times-a.Times, a.Last.Compare(b.Last), cmp.Compare(a.Number, b.Number))
	})
	named := min(len(d.Callers), maxCallers)
	d.More, d.Callers = len(d.Callers)-named, d.Callers[:named]
	return d, nil
}

// add counts another refusal.
func (r *Refused) add(d *screening.Decision, zone *time.Location) {
	r.Times++
	r.Rule, r.Last = d.Verdict.Rule, d.Call.At.In(zone)
	r.Label, r.Marks, r.Place = d.Reputation.Label, d.Reputation.Marks, d.Reputation.Place
}

// count adds up the hours of the day.
func (d *Digest) count(hours []store.Hour) {
	for i := range hours {
		h := &hours[i]
		d.Calls += h.Calls
		if h.Failed != "" {
			d.Failed += h.Calls
		}
		switch screening.Source(h.Source) {
		case screening.SourceQuery:
			d.Paid += h.Calls
		case screening.SourceCache, screening.SourceStale:
			d.Saved += h.Calls
		}
		if h.Mode != screening.Enforce.String() {
			continue
		}
		switch h.Action {
		case screening.Reject.String():
			d.Refused += h.Calls
		case screening.Tag.String():
			d.Tagged += h.Calls
		case screening.Divert.String():
			d.Diverted += h.Calls
		}
	}
}

// lines returns the digest as lines of Markdown.
func (d *Digest) lines(l Language) []string {
	all := []string{
		fmt.Sprintf(pick(l, [2]string{
			"%s：来电 %d，拦截 %d，标记 %d，转接 %d，查询失败 %d；付费查询 %d 次，缓存节省 %d 次。",
			"%s: %d calls, %d refused, %d tagged, %d diverted, %d lookups failed; %d queries paid, %d saved by the cache.",
		}), d.Day, d.Calls, d.Refused, d.Tagged, d.Diverted, d.Failed, d.Paid, d.Saved),
	}
	for i := range d.Callers {
		all = append(all, d.Callers[i].line(l))
	}
	if d.More > 0 {
		all = append(all, fmt.Sprintf(pick(l, [2]string{"另有 %d 个号码。", "And %d more callers."}), d.More))
	}
	return all
}

func (r *Refused) line(l Language) string {
	number := pick(l, [2]string{"无号码", "no number"})
	if r.Number != "" {
		number = plain(strings.ReplaceAll(r.Number, "****", "…"))
	}
	about := []string{"-", number, fmt.Sprintf("×%d", r.Times)}
	if r.Label != "" {
		about = append(about, fmt.Sprintf("%s×%d", plain(r.Label), r.Marks))
	}
	if r.Place != "" {
		about = append(about, plain(r.Place))
	}
	about = append(about, pick(l, [2]string{"规则", "rule"}), plain(r.Rule), r.Last.Format("15:04"))
	return strings.Join(about, " ")
}
