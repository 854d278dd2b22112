package console

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestHealth(t *testing.T) {
	began := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	fine := Check{Name: "policy", Detail: "enforce"}
	lame := Check{Name: "juhe", Fault: "the key is wrong", Since: began}
	unfit := Check{Name: "targets", Fault: "the PBX does not answer", Unfit: true}
	for _, test := range []struct {
		name   string
		checks []Check
		ready  int
		want   string
	}{
		{"nothing to check", nil, 200, `{"status":"ok","checks":[]}`},
		{"ok", []Check{fine}, 200, `{"status":"ok","checks":[{"name":"policy","status":"ok","reason":"enforce"}]}`},
		{"degraded", []Check{lame, fine}, 200, `{"status":"degraded","checks":[{"name":"juhe","status":"degraded","reason":"the key is wrong","since":"2026-11-25T08:00:00Z"},` +
			`{"name":"policy","status":"ok","reason":"enforce"}]}`},
		{"unfit", []Check{unfit, lame}, 503, `{"status":"unfit","checks":[{"name":"targets","status":"unfit","reason":"the PBX does not answer"},` +
			`{"name":"juhe","status":"degraded","reason":"the key is wrong","since":"2026-11-25T08:00:00Z"}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := started(t, Options{Metrics: prometheus.NewRegistry(), Health: func() []Check { return test.checks }})
			for path, want := range map[string]int{"/healthz": 200, "/readyz": test.ready} {
				if status, body := get(t, "GET", url+path); status != want || strings.TrimSpace(body) != test.want {
					t.Errorf("%s = %d %s; want %d %s", path, status, body, want, test.want)
				}
			}
		})
	}
}
