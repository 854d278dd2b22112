package main

import (
	"strings"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/hep"
	"callscreen/audit/notify"
)

// hepConfig names the Homer that is told of SIP messages and decisions.
type hepConfig struct {
	Address  string `yaml:"address"` // empty: none
	Agent    uint32 `yaml:"agent"`
	Password secret `yaml:"password,secret"`
}

// hep returns the options of what tells Homer.
func (c *config) hep(key []byte, log zerolog.Logger) hep.Options {
	return hep.Options{
		Address: c.HEP.Address, Agent: c.HEP.Agent, Password: string(c.HEP.Password), Numbers: c.Record.Numbers, Key: key, Logger: log,
	}
}

// notifyConfig says who is told by webhooks.
type notifyConfig struct {
	Digest string       `yaml:"digest"` // time of day; empty: none
	Hooks  []hookConfig `yaml:"hooks,secret"`
}

type hookConfig struct {
	URL      secret `yaml:"url,secret"`
	Form     string `yaml:"form"`
	Secret   secret `yaml:"secret,secret"`
	Language string `yaml:"language"`
}

// SetDefaults makes h what an entry without keys is.
func (h *hookConfig) SetDefaults() { *h = hookConfig{Form: "json", Language: string(notify.Chinese)} }

func (h *hookConfig) options(log zerolog.Logger) notify.Options {
	return notify.Options{URL: string(h.URL), Form: h.Form, Secret: string(h.Secret), Language: notify.Language(h.Language), Logger: log}
}

// at is when the digest is sent, since midnight; below 0 when there is none.
func (n *notifyConfig) at() time.Duration {
	at, err := time.Parse("15:04", n.Digest)
	if err != nil { // checked: it is empty
		return -1
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

func (k checker) hep() {
	h := k.c.HEP
	if h.Address == "" {
		return
	}
	if err := k.c.hep(nil, zerolog.Nop()).Validate(); err != nil {
		text, hint := strings.TrimPrefix(err.Error(), "hep: "), "write a shorter one"
		if strings.HasPrefix(text, "address") {
			text, hint = "address has no host and port", `write it as in "homer.example.com:9060"`
		}
		k.doc.Report(text, hint, "hep", firstWord(text))
	}
}

func (k checker) notify() {
	n := k.c.Notify
	if _, err := time.Parse("15:04", n.Digest); err != nil && n.Digest != "" {
		k.doc.Report("digest is no time of day", `write it as in "09:00", or "" for none`, "notify", "digest")
	}
	if n.Digest != "" && len(n.Hooks) > 0 && !k.c.Record.database() {
		k.doc.Report("digest needs a database", `write database: sqlite under record, or digest: ""`, "notify", "digest")
	}
	hints := map[string]string{
		"url": `write it as in "https://example.com/hook"`, "form": "write json, wecom or dingtalk",
		"secret": "write the secret as the receiver shows it", "language": "write zh or en",
	}
	for i, h := range n.Hooks {
		if err := h.options(zerolog.Nop()).Validate(); err != nil {
			text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "notify: "), ": want ")
			key := strings.ToLower(firstWord(text))
			k.doc.Report(text, hints[key], "notify", "hooks", i, key)
		}
	}
}
