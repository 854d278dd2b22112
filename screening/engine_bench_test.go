package screening

import (
	"fmt"
	"testing"
	"time"
)

// rigPolicy is what the load rig screens by: of a hundred callers ten are refused
// and twenty labelled.
const rigPolicy = `
mode: enforce
rules:
  - {id: fraud, when: {category: fraud}, action: reject}
  - {id: sales, when: {category: sales}, action: tag}
`

// BenchmarkScreenMany screens calls of 20,000 known callers who come back again and
// again, as the load rig has it. Between two calls the processor forgets what it had
// of the first: ns/call is what one costs then.
func BenchmarkScreenMany(b *testing.B) {
	const callers = 20_000
	reputations := [10]Reputation{{Category: CategoryFraud, Label: "诈骗", Marks: 12}, {Category: CategorySales, Label: "推销", Marks: 3475}, {Category: CategorySales, Label: "推销", Marks: 7}}
	cache := cacheOf(b, lookupFunc(hangs), nil)
	calls := make([]Call, callers)
	for i := range calls {
		digits := fmt.Sprint(13000000000 + i*37)
		cache.keep(keyOf(Number{Country: "86", Digits: digits}), reputations[i%10])
		calls[i] = Call{Trunk: "caller", From: "sip:" + digits + "@127.0.0.2:25070", Name: "Caller", Header: "From", To: "4001", Claimed: "sip:" + digits + "@127.0.0.2:25070", UserAgent: "bench-caller"}
	}
	for _, bb := range []struct {
		name string
		cold []byte
	}{{"warm", nil}, {"cold", make([]byte, 8<<20)}} {
		b.Run(bb.name, func(b *testing.B) {
			e := engineOf(b, nil, func(o *Options) { withMemory(b, rigPolicy)(o); o.Cache = cache })
			ids := make([]string, 1<<16)
			for i := range ids {
				ids[i] = fmt.Sprintf("%d-2134@127.0.0.2", i)
			}
			start := time.Now()
			screen := func(i int) time.Duration {
				c := calls[i%callers]
				c.ID, c.At = ids[i%len(ids)], start.Add(time.Duration(i)*time.Millisecond/2)
				began := time.Now()
				if _, ok := e.ScreenNow(c); !ok {
					b.Fatal("needs a lookup")
				}
				return time.Since(began)
			}
			for i := range 10 * callers { // everyone has called before
				screen(i)
			}
			i, took := 10*callers, time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				for j := 0; j < len(bb.cold); j += 64 {
					bb.cold[j]++
				}
				took += screen(i)
				i++
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/call")
		})
	}
}

func BenchmarkStripLabel(b *testing.B) {
	p := policyOf(b, rigPolicy)
	for _, name := range []string{"Caller", "13041439112", "张三丰", "Max Mustermann 12", "快递×12 Bob"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.StripLabel(name)
			}
		})
	}
}

func BenchmarkExecute(b *testing.B) {
	t, err := ParseTemplate(defaultLabel)
	if err != nil {
		b.Fatal(err)
	}
	r := Reputation{Category: CategorySales, Label: "推销", Marks: 3475}
	b.ReportAllocs()
	for b.Loop() {
		t.Execute(r)
	}
}
