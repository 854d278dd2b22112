package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"

	"callscreen/audit"
	"callscreen/audit/store"
	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/screening/strictyaml"
	"callscreen/sipagent"
)

// A bad file begins with the errors it causes: all of them, word for word.
func TestBadConfigs(t *testing.T) {
	for name, text := range configs(t, "../../testdata/config/bad/*.yaml") {
		t.Run(name, func(t *testing.T) {
			want := ""
			for line := range strings.Lines(text) {
				if e, ok := strings.CutPrefix(line, "# error: "); ok {
					want += e
				}
			}
			c, err := parseConfig(name, []byte(text))
			if got := fmt.Sprintln(err); got != want {
				t.Errorf("parseConfig:\n got %swant %s", got, want)
			}
			var all strictyaml.Errors
			if c != nil || !errors.As(err, &all) {
				t.Errorf("parseConfig = %v, %T; want nil, strictyaml.Errors", c, err)
			}
			if strings.Contains(fmt.Sprint(err), "topsecret") {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestGoodConfigs(t *testing.T) {
	for name, text := range configs(t, "../../testdata/config/good/*.yaml") {
		if _, err := parseConfig(name, []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// The files that show how lists of things are written can be run as they are.
func TestShownConfigs(t *testing.T) {
	for _, name := range []string{"notify.yaml", "services.yaml"} {
		mustConfig(t, "../../configs/"+name, readFile(t, "../../configs/"+name))
	}
}

func configs(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(files))
	}
	texts := map[string]string{}
	for _, f := range files {
		texts[filepath.Base(f)] = readFile(t, f)
	}
	return texts
}

// comparable makes cmp look into a configuration, without where it came from.
var comparable = cmp.Options{
	cmp.AllowUnexported(target{}),
	cmpopts.IgnoreUnexported(config{}),
	cmp.Comparer(func(a, b network) bool { return a == b }),
	cmp.Comparer(func(a, b listenAddress) bool { return a == b }),
	cmp.Comparer(func(a, b target) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

const examples = "trunks: [{name: carrier, networks: 203.0.113.0/24, targets: \"sip:203.0.113.10:5060\"}]\n" +
	"pbx: {networks: 192.168.1.10, targets: \"sip:192.168.1.10:5060\"}\n"

// TestConfigFileShowsDefaults: configs/callscreen.yaml holds every key there is,
// and what it says is what a file without the key means.
func TestConfigFileShowsDefaults(t *testing.T) {
	const file = "../../configs/callscreen.yaml"
	text := readFile(t, file)
	written := mustConfig(t, file, text)
	implied := mustConfig(t, file, examples)
	if diff := cmp.Diff(implied, written, comparable); diff != "" {
		t.Errorf("%s says otherwise than the program (-program +file):\n%s", file, diff)
	}
	keys := map[string]bool{}
	for _, text := range []string{text, readFile(t, "../../configs/services.yaml"), readFile(t, "../../configs/notify.yaml")} { // lists of things have files of their own
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(text), &root); err != nil {
			t.Fatal(err)
		}
		maps.Copy(keys, keysOf(root.Content[0], ""))
	}
	for _, want := range keysOfType(reflect.TypeFor[config](), "") {
		if !keys[want] {
			t.Errorf("%s does not show %s", file, want)
		}
	}
}

// keysOf returns the paths of the keys below n; lists count as their entries.
func keysOf(n *yaml.Node, at string) map[string]bool {
	keys := map[string]bool{}
	for i, c := range n.Content {
		path := at
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 0:
			keys[at+"."+c.Value] = true
			continue
		case n.Kind == yaml.MappingNode:
			path = at + "." + n.Content[i-1].Value
		}
		for k := range keysOf(c, path) {
			keys[k] = true
		}
	}
	return keys
}

// keysOfType returns the paths of the keys that a struct reads.
func keysOfType(t reflect.Type, at string) []string {
	var keys []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		keys = append(keys, at+"."+name)
		inner := t.Field(i).Type
		for inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[targetConfig]() { // one may be written as its URI alone
			keys = append(keys, keysOfType(inner, at+"."+name)...)
		}
	}
	return keys
}

// TestConfigBecomesOptions: every key arrives where it does something.
func TestConfigBecomesOptions(t *testing.T) {
	const text = `
listen:
  - name: wan
    address: ["udp:192.0.2.9:5070", "tcp:192.0.2.9:5070", "tls:[2001:db8::9]:5071"]
    advertise: "198.51.100.1"
    tls: {cert: c.pem, key: /k.pem, ca: ../ca.pem, client_ca: clients.pem}
trunks:
  - {name: carrier, listen: wan, networks: [203.0.113.0/24, "2001:db8::/32"], targets: "sip:203.0.113.10;transport=TCP", probe: 30s, trust_identity: false,
     country: "852", area_code: "10", strip_prefixes: ["9"], budget: 2s}
pbx: {listen: wan, networks: 192.168.1.10/31, targets: ["sip:pbx.example.com:5080", {uri: "sip:192.168.1.10", priority: 0, weight: 3}, "sip:192.168.1.11:5061;transport=tcp"], ascii: true, auth_ip: true, probe: 0s}
failover: {after: 1s, status: 503}
cache: {size: 5, known: 3s, unknown: 2s, failed: 0s, stale: 0s, jitter: 0}
timers: {t1: 250ms, timer_c: 4m, idle: 2m, drain: 7s}
limits: {setups: 3, full_status: 503, setups_per_source: 2, setups_per_second: 4, messages_per_second: 50, message_bytes: 4096, header_bytes: 2049, headers: 30, body_bytes: 2000, connections: 7, udp_bytes: 1400}
state: /s
record: {file: /r.jsonl, numbers: full, database: "postgres://u:topsecret@h/d", database_numbers: hash, retention: 3d}
`
	c := mustConfig(t, "/etc/callscreen/callscreen.yaml", text)
	a := c.agent(nil, nil, nil, []byte("key"), zerolog.Nop())
	wide, _ := sipagent.ParseNetwork("203.0.113.0/24")
	six, _ := sipagent.ParseNetwork("2001:db8::/32")
	office, _ := sipagent.ParseNetwork("192.168.1.10/31")
	want := sipagent.Options{
		Listeners: []sipagent.Listener{{
			Name: "wan", Addresses: []string{"udp:192.0.2.9:5070", "tcp:192.0.2.9:5070", "tls:[2001:db8::9]:5071"}, Advertise: "198.51.100.1",
			TLS: sipagent.TLS{Cert: "/etc/callscreen/c.pem", Key: "/k.pem", CA: "/etc/ca.pem", ClientCA: "/etc/callscreen/clients.pem"},
		}},
		Trunks: []sipagent.Trunk{{Name: "carrier", Listen: "wan", Networks: []sipagent.Network{wide, six}, Targets: sipagent.InOrder("sip:203.0.113.10;transport=TCP"), Probe: 30 * time.Second}},
		PBX: sipagent.PBX{Listen: "wan", Networks: []sipagent.Network{office}, Targets: []sipagent.Target{
			{URI: "sip:pbx.example.com:5080", Weight: 1}, {URI: "sip:192.168.1.10", Weight: 3}, {URI: "sip:192.168.1.11:5061;transport=tcp", Priority: 2, Weight: 1},
		}, ASCII: true, AuthIP: true},
		Key: []byte("key"), Failover: sipagent.Failover{After: time.Second, Status: 503},
		Timers: sipagent.Timers{T1: 250 * time.Millisecond, C: 4 * time.Minute, Idle: 2 * time.Minute, Drain: 7 * time.Second},
		Limits: sipagent.Limits{
			Setups: 3, FullStatus: 503, SetupsPerSource: 2, SetupsPerSecond: 4, MessagesPerSecond: 50, MessageBytes: 4096,
			HeaderBytes: 2049, Headers: 30, BodyBytes: 2000, Connections: 7, UDPBytes: 1400,
		},
		Logger: zerolog.Nop(),
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("agent options = %+v; want %+v", a, want)
	}
	trunk := screening.Trunk{Habits: screening.Habits{Country: "852", AreaCode: "10", StripPrefixes: []string{"9"}}, Budget: 2 * time.Second}
	if got := c.engine(nil, nil, nil, zerolog.Nop()).Trunks; !reflect.DeepEqual(got, map[string]screening.Trunk{"carrier": trunk}) {
		t.Errorf("engine trunks = %+v; want carrier: %+v", got, trunk)
	}
	cache := screening.CacheOptions{Size: 5, Known: 3 * time.Second, Unknown: 2 * time.Second, Failed: -1, Stale: -1, Outage: 720 * time.Hour, Jitter: -1, Logger: zerolog.Nop()}
	if got := c.cache(nil, zerolog.Nop()); !reflect.DeepEqual(got, cache) {
		t.Errorf("cache options = %+v; want %+v", got, cache)
	}
	key := []byte("key")
	lines := audit.Options{File: "/r.jsonl", Numbers: "full", Key: key, Keep: 72 * time.Hour, Logger: zerolog.Nop()}
	if got := c.audit(key, zerolog.Nop()); !reflect.DeepEqual(got, lines) {
		t.Errorf("audit options = %+v; want %+v", got, lines)
	}
	calls := store.Options{
		URL: "postgres://u:topsecret@h/d", Spool: "/s/record.spool", Numbers: "hash", Key: key, Retention: 72 * time.Hour, Logger: zerolog.Nop(),
	}
	if got := c.store(key, zerolog.Nop()); !reflect.DeepEqual(got, calls) {
		t.Errorf("store options = %+v; want %+v", got, calls)
	}
}

func TestJuheDefaults(t *testing.T) {
	if got := defaultConfig().Juhe.URL; got != juhe.DefaultURL {
		t.Errorf("juhe.url is %s; want %s", got, juhe.DefaultURL)
	}
}

func TestPathsBeginAtTheFile(t *testing.T) {
	const more = "policy: p.yaml\nstate: /s\nrecord: {file: ../r}\njuhe: {key_file: k}\n"
	tests := []struct{ file, policy, state, record, key string }{
		{"/etc/callscreen/c.yaml", "/etc/callscreen/p.yaml", "/s", "/etc/r", "/etc/callscreen/k"},
		{"c.yaml", "p.yaml", "/s", "../r", "k"},
		{"sub/c.yaml", "sub/p.yaml", "/s", "r", "sub/k"},
	}
	for _, tt := range tests {
		c := mustConfig(t, tt.file, examples+more)
		if c.Policy != tt.policy || c.State != tt.state || c.Record.File != tt.record || c.Juhe.KeyFile != tt.key {
			t.Errorf("%s: paths %s, %s, %s, %s; want %+v", tt.file, c.Policy, c.State, c.Record.File, c.Juhe.KeyFile, tt)
		}
	}
}

func TestConfigsDoNotPrintTheKey(t *testing.T) {
	c := mustConfig(t, "c.yaml", examples+"juhe: {key: topsecret}\nrecord: {database: \"postgres://u:topsecret@h/d\"}\n")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb+verb+verb+verb, c, c.Juhe, c.Juhe.Key, c.Record); strings.Contains(got, "topsecret") || strings.Contains(got, "746f70") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestRigLoads(t *testing.T) {
	c := mustConfig(t, "../../bench/callscreen.yaml", readFile(t, "../../bench/callscreen.yaml"))
	if _, err := readPolicy(c); err != nil {
		t.Error(err)
	}
}
