package main

import (
	"fmt"
	"path/filepath"
	"time"

	"callscreen/screening/strictyaml"
)

// config is callscreen.yaml. What its keys mean and what they are by default
// stands in configs/callscreen.yaml.
type config struct {
	Listen []listenConfig `yaml:"listen"`
	Trunks []trunkConfig  `yaml:"trunks"`
	PBX    pbxConfig      `yaml:"pbx"`
	Juhe   juheConfig     `yaml:"juhe,secret"`
	Cache  cacheConfig    `yaml:"cache"`

	Directories directoriesConfig `yaml:"directories"`

	Policy string       `yaml:"policy"`
	State  string       `yaml:"state"`
	Record recordConfig `yaml:"record"`
	HEP    hepConfig    `yaml:"hep"`
	Notify notifyConfig `yaml:"notify"`
	HTTP   httpConfig   `yaml:"http"`

	Control  string         `yaml:"control"` // empty: none
	Timers   timersConfig   `yaml:"timers"`
	Failover failoverConfig `yaml:"failover"`
	Limits   limitsConfig   `yaml:"limits"`

	file   string
	source []byte // for the places of what turns out wrong later
}

type listenConfig struct {
	Name      string          `yaml:"name"`
	Address   []listenAddress `yaml:"address,one"`
	Advertise string          `yaml:"advertise"`
	TLS       tlsConfig       `yaml:"tls"`
}

type tlsConfig struct {
	Cert     string `yaml:"cert"`
	Key      string `yaml:"key"`
	CA       string `yaml:"ca"`        // empty: whom the system trusts
	ClientCA string `yaml:"client_ca"` // empty: nobody has to show a certificate
}

type trunkConfig struct {
	Name          string         `yaml:"name"`
	Networks      []network      `yaml:"networks,one"`
	Listen        string         `yaml:"listen"`
	Targets       []targetConfig `yaml:"targets,one"`
	Probe         time.Duration  `yaml:"probe"` // 0: never
	Mode          string         `yaml:"mode"`
	Register      bool           `yaml:"register"`
	GoOn          int            `yaml:"go_on"`
	TrustIdentity bool           `yaml:"trust_identity"`
	Country       string         `yaml:"country"`
	AreaCode      string         `yaml:"area_code"`
	StripPrefixes []string       `yaml:"strip_prefixes,one"`
	Budget        time.Duration  `yaml:"budget"`
}

type pbxConfig struct {
	Networks []network      `yaml:"networks,one"`
	Listen   string         `yaml:"listen"`
	Targets  []targetConfig `yaml:"targets,one"`
	Probe    time.Duration  `yaml:"probe"` // 0: never
	ASCII    bool           `yaml:"ascii"`
	AuthIP   bool           `yaml:"auth_ip"`
}

type juheConfig struct {
	URL            string `yaml:"url"`
	Key            secret `yaml:"key"`
	KeyFile        string `yaml:"key_file"`
	Method         string `yaml:"method"`
	Country        string `yaml:"country"`
	LandlineFormat string `yaml:"landline_format"`

	Budget budgetConfig `yaml:"budget"`
	Rate   float64      `yaml:"rate"` // 0: any number
}

// budgetConfig bounds the queries; 0: any number.
type budgetConfig struct {
	Day   int `yaml:"day"`
	Month int `yaml:"month"`
}

type cacheConfig struct {
	Size    int           `yaml:"size"`
	Known   time.Duration `yaml:"known"`
	Unknown time.Duration `yaml:"unknown"`
	Failed  time.Duration `yaml:"failed"` // 0: failures are not remembered
	Stale   time.Duration `yaml:"stale"`  // 0: old answers do not serve
	Outage  time.Duration `yaml:"outage"` // 0: not even when there is no newer
	Jitter  float64       `yaml:"jitter"`
}

type timersConfig struct {
	T1    time.Duration `yaml:"t1"`
	C     time.Duration `yaml:"timer_c"`
	Idle  time.Duration `yaml:"idle"`
	Drain time.Duration `yaml:"drain"`
}

type httpConfig struct {
	Listen string `yaml:"listen"` // empty: nothing over HTTP
}

type limitsConfig struct {
	Setups            int `yaml:"setups"`
	FullStatus        int `yaml:"full_status"`
	SetupsPerSource   int `yaml:"setups_per_source"`
	SetupsPerSecond   int `yaml:"setups_per_second"`
	MessagesPerSecond int `yaml:"messages_per_second"`
	MessageBytes      int `yaml:"message_bytes"`
	HeaderBytes       int `yaml:"header_bytes"`
	Headers           int `yaml:"headers"`
	BodyBytes         int `yaml:"body_bytes"`
	Connections       int `yaml:"connections"`
	UDPBytes          int `yaml:"udp_bytes"`
}

// mainListener is the name of a listener that is given none, and where peers
// are that name none.
const mainListener = "main"

// SetDefaults makes l what an entry without keys is.
func (l *listenConfig) SetDefaults() {
	*l = listenConfig{Name: mainListener, Address: []listenAddress{anyAddress}}
}

// SetDefaults makes t what an entry without keys is.
func (t *trunkConfig) SetDefaults() {
	*t = trunkConfig{Listen: mainListener, Mode: modeProxy, GoOn: 404, TrustIdentity: true, Country: "86", Budget: 800 * time.Millisecond}
}

func defaultConfig() *config {
	c := &config{
		Listen: make([]listenConfig, 1),
		PBX:    pbxConfig{Listen: mainListener, Probe: defaultProbe},
		Juhe: juheConfig{
			URL: "https://apis.juhe.cn/mobileVerify/query", Method: "post", Country: "86", LandlineFormat: "0571…",
			Rate: 5,
		},
		Cache: cacheConfig{
			Size: 100_000, Known: 24 * time.Hour, Unknown: 6 * time.Hour, Failed: 30 * time.Second,
			Stale: 7 * 24 * time.Hour, Outage: 30 * 24 * time.Hour, Jitter: 0.1,
		},
		Policy:   "policy.yaml",
		State:    "/var/lib/callscreen",
		Record:   defaultRecord(),
		HEP:      hepConfig{Agent: 2001},
		Notify:   notifyConfig{Digest: "09:00"},
		Timers:   timersConfig{T1: 500 * time.Millisecond, C: 10 * time.Minute, Idle: 15 * time.Minute, Drain: 5 * time.Second},
		Failover: defaultFailover(),
		HTTP:     httpConfig{Listen: "127.0.0.1:8080"},

		Control: "/run/callscreen/control.sock",
		Limits: limitsConfig{
			Setups: 20_000, FullStatus: 480, SetupsPerSource: 10_000, SetupsPerSecond: 1000, MessagesPerSecond: 100_000,
			MessageBytes: 65535, HeaderBytes: 32768, Headers: 200, BodyBytes: 65535, Connections: 100, UDPBytes: 1300,
		},
	}
	c.Listen[0].SetDefaults()
	return c
}

// parseConfig reads a configuration; file is its name in errors, and relative
// paths in it begin at its folder. The error is [strictyaml.Errors]: all that is
// wrong, each with its line and column and what to write instead.
func parseConfig(file string, data []byte) (*config, error) {
	c, err := decodeConfig(file, data)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// decodeConfig is parseConfig for who looks for further errors: what could be
// read comes with the error.
func decodeConfig(file string, data []byte) (*config, error) {
	c := defaultConfig()
	c.file, c.source = file, data
	doc := strictyaml.Decode(file, data, c)
	checker{doc, c}.all()
	paths := []*string{&c.Policy, &c.State, &c.Juhe.KeyFile, &c.Control}
	if c.Record.lines() {
		paths = append(paths, &c.Record.File)
	}
	paths = append(paths, c.Directories.paths()...)
	for i := range c.Listen {
		t := &c.Listen[i].TLS
		paths = append(paths, &t.Cert, &t.Key, &t.CA, &t.ClientCA)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(filepath.Dir(file), *path)
		}
	}
	return c, doc.Err()
}

// fault returns the error of a value that has turned out wrong only when it was
// used; see [strictyaml.Document.Report].
func (c *config) fault(text, hint string, path ...any) error {
	return strictyaml.Errors{strictyaml.Decode(c.file, c.source, new(config)).Remark(text, hint, path...)}
}

// Format prints where the configuration came from and nothing that is in it.
func (c *config) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "config{%s}", c.file) }
