package store

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"callscreen/screening"
)

var million = flag.Int("calls", 1_000_000, "calls in the record that benchmarks ask")

const month = 30 * 24 * time.Hour

// office makes the calls of a month: most callers call often, some once.
type office struct {
	r       *rand.Rand
	callers *rand.Zipf
	start   time.Time
	step    time.Duration
	n       int
}

func newOffice(calls int) *office {
	r := rand.New(rand.NewSource(1))
	return &office{r: r, callers: rand.NewZipf(r, 1.1, 50, 200_000), start: time.Now().Add(-month), step: month / time.Duration(calls)}
}

func (o *office) call() screening.Decision {
	d := example(0)
	d.Call.At = o.start.Add(time.Duration(o.n) * o.step)
	d.Call.ID = fmt.Sprintf("%016x-%d@203.0.113.10", o.r.Uint64(), o.n)
	d.Number.Digits = fmt.Sprintf("1%010d", 3_000_000_000+o.callers.Uint64()*7919%6_999_999_999)
	d.Call.From = "sip:" + d.Number.Digits + "@203.0.113.10"
	d.Call.Trunk = []string{"carrier", "mobile", "backup"}[o.r.Intn(100)/45]
	d.Called.Digits = fmt.Sprintf("4%03d", o.r.Intn(40))
	switch k := o.r.Intn(100); {
	case k < 15:
		d.Reputation = screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: k * 100, Place: "江苏苏州联通", Directory: "juhe"}
		d.Verdict = screening.Verdict{Action: screening.Tag, Rule: "sales", Why: "sales", Label: "推销×3475"}
	case k < 20:
		d.Reputation = screening.Reputation{Category: screening.CategoryFraud, Label: "诈骗", Marks: k * 100, Place: "广东深圳移动", Directory: "juhe"}
		d.Verdict = screening.Verdict{Action: screening.Reject, Rule: "fraud", Why: "fraud", Status: 603, Reason: "Decline"}
	case k < 45:
		d.Source = screening.SourceQuery
	}
	o.n++
	return d
}

func BenchmarkRecord(b *testing.B) {
	for name, engine := range engines {
		b.Run(name, func(b *testing.B) {
			s := open(b, engine(b))
			o := newOffice(b.N)
			calls := make([]screening.Decision, b.N)
			for i := range calls {
				calls[i] = o.call()
			}
			b.ResetTimer()
			for i := range calls {
				for s.State().Queued > 7000 {
					time.Sleep(100 * time.Microsecond)
				}
				s.Record(calls[i])
				s.Ended(screening.Ending{Call: calls[i].Call.ID, At: noon, Status: 200})
			}
			written(b, s, uint64(2*b.N))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchmarkQuestions asks a record of a million calls in a month. With -v it says how
// the databases find the answers.
func BenchmarkQuestions(b *testing.B) {
	for name, engine := range engines {
		b.Run(name, func(b *testing.B) {
			s := open(b, engine(b))
			b.Logf("%d calls in %v", *million, stock(b, s, *million))
			for _, q := range questions() {
				b.Run(strings.ReplaceAll(q.name, " ", "-"), func(b *testing.B) {
					for b.Loop() {
						if err := q.ask(b.Context(), s); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Logf("%s:\n%s", q.name, explained(b, s, q.sql(s)))
			}
		})
	}
}

// stock writes the calls, and returns how long that took.
func stock(b *testing.B, s *Store, n int) time.Duration {
	b.Helper()
	c, err := s.database.connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	start := time.Now()
	o := newOffice(n)
	for seq := int64(1); o.n < n; seq++ {
		batch := &batch{Writer: "bench", Seq: seq}
		for range min(512, n-o.n) {
			d := o.call()
			batch.add(item{decision: &d}, full)
			batch.add(item{ending: screening.Ending{Call: d.Call.ID, At: d.Call.At.Add(9 * time.Second), Status: []int{200, 200, 486, 487}[o.r.Intn(4)]}}, full)
		}
		for tries := 0; ; tries++ { // another process may keep the disk busy
			_, _, err := c.apply(batch)
			if err == nil {
				break
			}
			if tries == 10 {
				b.Fatal(err)
			}
		}
	}
	took := time.Since(start)
	if s.file == "" { // the server does it by itself, in time
		_, err = c.db.Exec("VACUUM ANALYZE calls")
	} else {
		err = s.database.optimize(b.Context(), c.db)
	}
	if err != nil {
		b.Fatal(err)
	}
	return took
}

type question struct {
	name string
	ask  func(context.Context, *Store) error
	sql  func(*Store) *query
}

func page(name string, f Filter) question {
	return question{
		name,
		func(ctx context.Context, s *Store) error {
			_, _, err := s.Search(ctx, f, Page{})
			return err
		},
		func(s *Store) *query { return searching(&f, &Page{}, s.privacy) },
	}
}

func questions() []question {
	now := time.Now()
	since := now.Add(-month)
	return []question{
		page("newest", Filter{}),
		page("of a caller", Filter{Number: "13000000000"}),
		page("of a category, a week of it", Filter{Category: "fraud", Since: now.Add(-21 * 24 * time.Hour), Until: now.Add(-14 * 24 * time.Hour)}),
		page("refused on a trunk for an extension", Filter{Action: "reject", Trunk: "backup", Called: "4001"}),
		page("busy", Filter{Final: 486}),
		page("of a day, with a text", Filter{Text: "深圳", Since: now.Add(-24 * time.Hour)}),
		page("with a text that few have", Filter{Text: "13000000001"}),
		page("of two filters that exclude each other", Filter{Category: "sales", Rule: "fraud"}),
		{
			"groups by rule",
			func(ctx context.Context, s *Store) error {
				_, err := s.Group(ctx, Filter{Since: since}, "rule", 20)
				return err
			},
			func(s *Store) *query { return grouping(&Filter{Since: since}, "rule", 20, s.privacy) },
		},
		{
			"statistics of 30 days",
			func(ctx context.Context, s *Store) error {
				_, err := s.Stats(ctx, since, now)
				return err
			},
			func(s *Store) *query { return s.calling(since, now) },
		},
	}
}

// explained returns how the database finds the answer.
func explained(b *testing.B, s *Store, q *query) string {
	b.Helper()
	how, column := "EXPLAIN ", 0
	if s.file != "" {
		how, column = "EXPLAIN QUERY PLAN ", 3
	}
	var lines []string
	explain := &query{args: q.args}
	explain.add(how, q.text.String())
	err := s.rows(b.Context(), explain, func(rows *sql.Rows) error {
		names, err := rows.Columns()
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		if err == nil {
			err = rows.Scan(values...)
		}
		lines = append(lines, fmt.Sprint("    ", *values[column].(*any)))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
