package main

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/screening/strictyaml"
	"callscreen/state"
)

// checker finds what is wrong with a configuration beyond its form, and reports
// it to doc.
type checker struct {
	doc *strictyaml.Document
	c   *config
}

func (k checker) all() {
	k.listeners()
	k.trunks()
	k.peers()
	k.juhe()
	k.cache()
	k.directories()
	k.files()
	k.record()
	k.hep()
	k.notify()
	k.limits()
	k.failover()
}

var (
	nameOK      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	advertiseOK = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$`)
)

// name checks the name of the entry at path, which must not be taken.
func (k checker) name(name string, taken map[string]bool, path ...any) {
	path = append(path, "name")
	switch {
	case name == "":
		k.doc.Report("name is missing", "write a short one that stays, as in name: carrier", path...)
	case !nameOK.MatchString(name):
		k.doc.Report("name "+strconv.Quote(name), "write up to 64 English letters, digits, dots, - and _", path...)
	case taken[name]:
		k.doc.Report("name "+strconv.Quote(name)+" is taken", "write another one", path...)
	}
	taken[name] = true
}

func (k checker) listeners() {
	const most = 36 // as many as the branches of sipagent tell apart
	sum := 0
	for _, l := range k.c.Listen {
		sum += len(l.Address)
	}
	if len(k.c.Listen) == 0 || sum > most {
		k.doc.Report(fmt.Sprintf("listen has %d addresses", sum), fmt.Sprintf("write from 1 to %d", most), "listen")
	}
	taken := map[string]bool{}
	for i, l := range k.c.Listen {
		k.name(l.Name, taken, "listen", i)
		if l.Advertise != "" && !canBeTold(l.Advertise) {
			k.doc.Report("advertise "+strconv.Quote(l.Advertise)+" is no address to send to",
				`write a host or host:port, as in "203.0.113.1"`, "listen", i, "advertise")
		}
		k.addresses(i, l)
		k.tls(i, l)
	}
}

// addresses checks those of one listener against each other and all above.
func (k checker) addresses(i int, l listenConfig) {
	if len(l.Address) == 0 {
		k.doc.Report("listener "+strconv.Quote(l.Name)+" has no address", `write it as in "udp:0.0.0.0:5060"`, "listen", i, "address")
	}
	told := hasPort(l.Advertise)
	for j, a := range l.Address {
		if told && a.Port() != l.Address[0].Port() {
			k.doc.Report(fmt.Sprintf("advertise %q is one port for several", l.Advertise), "write the host alone", "listen", i, "advertise")
			told = false
		}
		if other, taken := k.taken(a, i, j); taken {
			k.doc.Report(fmt.Sprintf("address %q is that of listener %q", a, other), "write another address or port", k.addressPath(i, j)...)
		}
	}
}

// taken names the listener that has an address which cannot be bound beside a,
// the j-th of the i-th listener.
func (k checker) taken(a listenAddress, i, j int) (name string, taken bool) {
	for n, other := range k.c.Listen[:i+1] {
		for m, b := range other.Address {
			if (n < i || m < j) && a.collides(b) {
				return other.Name, true
			}
		}
	}
	return "", false
}

// addressPath is where an address stands: in a list, or alone.
func (k checker) addressPath(i, j int) []any {
	if len(k.c.Listen[i].Address) == 1 {
		return []any{"listen", i, "address"}
	}
	return []any{"listen", i, "address", j}
}

// tls checks that certificates are there for those addresses that need them.
func (k checker) tls(i int, l listenConfig) {
	needed := slices.ContainsFunc(l.Address, func(a listenAddress) bool { return a.transport == "tls" })
	switch {
	case needed && (l.TLS.Cert == "" || l.TLS.Key == ""):
		k.doc.Report("listener "+strconv.Quote(l.Name)+" has a tls address and no certificate",
			"write tls: {cert: FILE, key: FILE}", "listen", i, "tls")
	case !needed && l.TLS != (tlsConfig{}):
		k.doc.Report("listener "+strconv.Quote(l.Name)+" has a certificate and no tls address",
			`add one to address, as in "tls:0.0.0.0:5061"`, "listen", i, "tls")
	}
}

func hasPort(host string) bool {
	_, port, err := net.SplitHostPort(host)
	return err == nil && port != ""
}

// canBeTold reports whether peers can be told to send to host, with or without
// a port.
func canBeTold(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() == "" && !a.IsUnspecified()
	}
	m := advertiseOK.FindStringSubmatch(host)
	if m == nil {
		return false
	}
	if a, err := netip.ParseAddr(strings.Trim(m[1], "[]")); err == nil && a.IsUnspecified() || m[1][0] == '[' && err != nil {
		return false
	}
	_, err := strconv.ParseUint(strings.TrimPrefix(m[3], ":"), 10, 16)
	return m[3] == "" || err == nil
}

func (k checker) trunks() {
	if len(k.c.Trunks) == 0 {
		k.doc.Report("trunks has no entry", "write one for every carrier that calls come from", "trunks")
	}
	taken := map[string]bool{pbxName: true}
	for i, t := range k.c.Trunks {
		k.name(t.Name, taken, "trunks", i)
		k.habit("country", t.Country, screening.Habits{Country: t.Country}, "trunks", i, "country")
		k.habit("area_code", t.AreaCode, screening.Habits{AreaCode: t.AreaCode}, "trunks", i, "area_code")
		for j, p := range t.StripPrefixes {
			k.habit("strip_prefixes", p, screening.Habits{StripPrefixes: []string{p}}, "trunks", i, "strip_prefixes", j)
		}
		k.within("budget", t.Budget, time.Millisecond, longestQuery, "trunks", i, "budget")
		k.mode(i)
	}
}

// longestQuery is how long a query goes on at most: [screening.CacheOptions].
const longestQuery = 10 * time.Second

// habit reports what h, which has nothing but the value of one key, is told by
// [screening.Habits.Validate].
func (k checker) habit(key, value string, h screening.Habits, path ...any) {
	if err := h.Validate(); err != nil {
		_, what, _ := strings.Cut(err.Error(), ": ")
		what, hint, _ := strings.Cut(what, ": ")
		k.doc.Report(fmt.Sprintf("%s %q is %s", key, value, what), hint, path...)
	}
}

func (k checker) within(key string, value, least, most time.Duration, path ...any) {
	if value < least || value > most {
		k.doc.Report(fmt.Sprintf("%s is %s", key, short(value)), fmt.Sprintf("write a time from %s to %s", short(least), short(most)), path...)
	}
}

func (k checker) between(key string, value, least, most int, path ...any) {
	if value < least || value > most {
		k.doc.Report(fmt.Sprintf("%s is %d", key, value), fmt.Sprintf("write a number from %d to %d", least, most), path...)
	}
}

// short writes a time as people do: 10m, not 10m0s.
func short(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// juhe reports what [juhe.New] refuses, key by key.
func (k checker) juhe() {
	j := k.c.Juhe
	const anyKey = "0"
	key := cmp.Or(string(j.Key), anyKey)
	for _, one := range []struct {
		key  string
		o    juhe.Options
		hint string
	}{
		{"url", juhe.Options{Key: anyKey, URL: j.URL}, `write it as in "` + juhe.DefaultURL + `"`},
		{"method", juhe.Options{Key: anyKey, Method: j.Method}, "write post or get"},
		{"country", juhe.Options{Key: anyKey, Country: j.Country}, `write it as in "86"`},
		{"landline_format", juhe.Options{Key: anyKey, LandlineFormat: j.LandlineFormat}, `write "0571…" if unsure`},
		{"key", juhe.Options{Key: key}, "write the key of the account as Juhe shows it"},
		{"rate", juhe.Options{Key: anyKey, Rate: j.Rate}, "write queries a second, or 0 for any number"},
		{"budget", juhe.Options{Key: anyKey, Budget: juhe.Budget(j.Budget), Store: new(state.File)}, "write queries a day and a month, or 0 for any number"},
	} {
		_, err := juhe.New(one.o)
		if err != nil {
			k.doc.Report(strings.TrimPrefix(err.Error(), "juhe: "), one.hint, "juhe", one.key)
		}
	}
	if j.Rate < 0 {
		k.doc.Report("rate is negative", "write queries a second, or 0 for any number", "juhe", "rate")
	}
	if j.Key != "" && j.KeyFile != "" {
		k.doc.Report("key and key_file are both there", "keep one of the two", "juhe", "key_file")
	}
}

func (k checker) cache() {
	c := k.c.Cache
	k.between("size", c.Size, 1, 100_000_000, "cache", "size")
	k.within("known", c.Known, time.Second, aYear, "cache", "known")
	k.within("unknown", c.Unknown, time.Second, aYear, "cache", "unknown")
	k.within("failed", c.Failed, 0, aYear, "cache", "failed")
	k.within("stale", c.Stale, 0, aYear, "cache", "stale")
	k.within("outage", c.Outage, 0, aYear, "cache", "outage")
	if c.Jitter < 0 || c.Jitter > 0.9 {
		k.doc.Report(fmt.Sprintf("jitter is %v", c.Jitter), "write a number from 0 to 0.9", "cache", "jitter")
	}
}

const aYear = 365 * 24 * time.Hour

func (k checker) files() {
	if k.c.Policy == "" {
		k.doc.Report("policy is empty", "write the name of a file, as in policy: policy.yaml", "policy")
	}
	if k.c.State == "" {
		k.doc.Report("state is empty", "write the name of a folder, as in state: /var/lib/callscreen", "state")
	}
	if _, err := netip.ParseAddrPort(k.c.HTTP.Listen); err != nil && k.c.HTTP.Listen != "" {
		k.doc.Report("listen "+strconv.Quote(k.c.HTTP.Listen)+" cannot be listened on",
			`write it as in "127.0.0.1:8080", or "" for nothing over HTTP`, "http", "listen")
	}
}

func (k checker) limits() {
	t, l := k.c.Timers, k.c.Limits
	k.within("t1", t.T1, 10*time.Millisecond, 4*time.Second, "timers", "t1")
	k.within("timer_c", t.C, 3*time.Minute+time.Second, time.Hour, "timers", "timer_c") // RFC 3261, section 16.6: above 3 minutes
	k.within("idle", t.Idle, time.Minute, 24*time.Hour, "timers", "idle")
	k.within("drain", t.Drain, time.Millisecond, time.Hour, "timers", "drain")
	k.between("setups", l.Setups, 1, 10_000_000, "limits", "setups")
	if !slices.Contains([]int{480, 486, 500, 503}, l.FullStatus) {
		k.doc.Report(fmt.Sprintf("full_status is %d", l.FullStatus), "write 480, 486, 500 or 503", "limits", "full_status")
	}
	k.between("setups_per_source", l.SetupsPerSource, 1, 10_000_000, "limits", "setups_per_source")
	k.between("setups_per_second", l.SetupsPerSecond, 1, 1_000_000, "limits", "setups_per_second")
	k.between("messages_per_second", l.MessagesPerSecond, 10, 10_000_000, "limits", "messages_per_second")
	k.between("message_bytes", l.MessageBytes, 2048, 65535, "limits", "message_bytes")
	k.between("header_bytes", l.HeaderBytes, 2048, 65535, "limits", "header_bytes")
	k.between("headers", l.Headers, 20, 200, "limits", "headers")
	k.between("body_bytes", l.BodyBytes, 1024, 65535, "limits", "body_bytes")
	k.between("udp_bytes", l.UDPBytes, 576, 65535, "limits", "udp_bytes")
	k.between("connections", l.Connections, 1, 100_000, "limits", "connections")
}
