package callscreen_test

import (
	"encoding/xml"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fsElement is an element of a file for FreeSWITCH.
type fsElement struct {
	XMLName  xml.Name
	Attrs    []xml.Attr  `xml:",any,attr"`
	Elements []fsElement `xml:",any"`
}

func (e *fsElement) get(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// fsBelow is what may stand in an element, and fsAttrs with which attributes, by
// FreeSWITCH's conf/vanilla.
var (
	fsBelow = map[string][]string{
		"include": {"gateway", "list", "extension"}, "gateway": {"param"}, "list": {"node"}, "extension": {"condition"}, "condition": {"action"},
	}
	fsAttrs = map[string][]string{
		"gateway": {"name"}, "param": {"name", "value"}, "list": {"name", "default"}, "node": {"type", "cidr"}, "extension": {"name", "continue"},
		"condition": {"field", "expression", "break"}, "action": {"application", "data", "inline"},
	}
)

// fsWords are the values that a place takes, by the same files and mod_sofia and, for
// the causes, switch_types.h: those of them that we use.
var fsWords = map[string][]string{
	"param name":   {"proxy", "outbound-proxy", "register", "username", "password", "caller-id-in-from", "ping"},
	"list default": {"allow", "deny"}, "node type": {"allow", "deny"},
	"extension continue": {"", "true", "false"}, "action inline": {"", "true", "false"},
	"condition field": {"network_addr", "destination_number"}, "condition break": {"", "on-true", "on-false", "always", "never"},
	"action application": {"set", "bridge"},
}

var fsCauses = []string{
	"NORMAL_TEMPORARY_FAILURE", "EXCHANGE_ROUTING_ERROR", "RECOVERY_ON_TIMER_EXPIRE", "NETWORK_OUT_OF_ORDER", "DESTINATION_OUT_OF_ORDER",
	"GATEWAY_DOWN", "INVALID_GATEWAY", "NO_ROUTE_DESTINATION",
}

// What could not be run here says so in its first line, and holds nothing that FreeSWITCH
// does not know.
func TestFreeSWITCHFiles(t *testing.T) {
	files, err := filepath.Glob("configs/freeswitch/*/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if !strings.Contains(first, "Not run on a FreeSWITCH here") {
			t.Errorf("%s does not say that it was never run", file)
		}
		for _, fault := range fsFaults(text) {
			t.Errorf("%s: %s", file, fault)
		}
	}
}

// What is wrong is found.
func TestFreeSWITCHFaults(t *testing.T) {
	for text, want := range map[string]string{
		`<include><gateway name="a"><param name="proxy" value="192.0.2.1:5060"/></gateway></include>`: "",
		`<include><gateway name="a">`:              "XML syntax error on line 1: unexpected EOF",
		`<gateway name="a"/>`:                      "<gateway> is not <include>",
		`<include><param name="proxy"/></include>`: "<param> in <include>",
		`<include><gateway nam="a"/></include>`:    `<gateway> has nam="a"`,
		`<include><gateway name="a"><param name="proxi" value="b"/></gateway></include>`:                                                                                         `param name="proxi"`,
		`<include><list name="a" default="deny"><node type="allow" cidr="192.0.2.1/33"/></list></include>`:                                                                       `node cidr="192.0.2.1/33"`,
		`<include><extension name="a"><condition field="network_addr" expression="("/></extension></include>`:                                                                    `condition expression="("`,
		`<include><extension name="a"><condition field="network_addr" expression="1"><action application="set" data="continue_on_fail=BUSY"/></condition></extension></include>`: `cause "BUSY"`,
	} {
		if got := strings.Join(fsFaults([]byte(text)), "\n"); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}

func fsFaults(text []byte) (faults []string) {
	var root fsElement
	if err := xml.Unmarshal(text, &root); err != nil {
		return []string{err.Error()}
	}
	if root.XMLName.Local != "include" {
		return []string{"<" + root.XMLName.Local + "> is not <include>"}
	}
	return root.faults()
}

func (e *fsElement) faults() (faults []string) {
	name := e.XMLName.Local
	for _, a := range e.Attrs {
		place := name + " " + a.Name.Local
		words, closed := fsWords[place]
		switch {
		case !slices.Contains(fsAttrs[name], a.Name.Local):
			faults = append(faults, "<"+name+"> has "+a.Name.Local+`="`+a.Value+`"`)
		case closed && !slices.Contains(words, a.Value), !fsValid(place, a.Value):
			faults = append(faults, place+`="`+a.Value+`"`)
		}
	}
	if causes, found := strings.CutPrefix(e.get("data"), "continue_on_fail="); found {
		for cause := range strings.SplitSeq(causes, ",") {
			if !slices.Contains(fsCauses, cause) {
				faults = append(faults, `cause "`+cause+`"`)
			}
		}
	}
	for _, below := range e.Elements {
		if !slices.Contains(fsBelow[name], below.XMLName.Local) {
			faults = append(faults, "<"+below.XMLName.Local+"> in <"+name+">")
			continue
		}
		faults = append(faults, below.faults()...)
	}
	return faults
}

// fsValid reports whether a place takes a value that is no word.
func fsValid(place, value string) (ok bool) {
	var err error
	switch place {
	case "node cidr":
		_, err = netip.ParsePrefix(value)
	case "condition expression":
		_, err = regexp.Compile(value)
	}
	return err == nil
}
