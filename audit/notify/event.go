package notify

import (
	"fmt"
	"strings"
	"time"

	"callscreen/audit"
)

// Kind is what an Event tells.
type Kind string

// The kinds of events.
const (
	DirectoryDown Kind = "directory_down" // Name and Why say which directory, and why
	DirectoryUp   Kind = "directory_up"   // Name
	Quota         Kind = "quota"          // Name's queries: Count of Limit are used
	Refusals      Kind = "refusals"       // Count calls were refused in an hour, Limit is usual
	DailyDigest   Kind = "digest"         // Digest
)

// Event is something that somebody should hear of.
type Event struct {
	Kind   Kind      `json:"kind"`
	At     time.Time `json:"time"`
	Name   string    `json:"name,omitempty"`
	Why    string    `json:"why,omitempty"`
	Count  int       `json:"count,omitempty"`
	Limit  int       `json:"limit,omitempty"`
	Digest *Digest   `json:"digest,omitempty"`
}

// Language is what people are told in.
type Language string

// The languages.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Title returns the event in a few words.
func (e *Event) Title(l Language) string {
	titles := map[Kind][2]string{
		DirectoryDown: {"号码查询不可用", "Number lookups fail"},
		DirectoryUp:   {"号码查询已恢复", "Number lookups work again"},
		Quota:         {"查询额度即将用完", "Query budget nearly spent"},
		Refusals:      {"拦截来电突增", "Unusually many calls refused"},
		DailyDigest:   {"来电拦截日报", "Calls refused yesterday"},
	}
	return pick(l, titles[e.Kind])
}

func pick(l Language, texts [2]string) string {
	if l == English {
		return texts[1]
	}
	return texts[0]
}

// Text returns the event in a few lines of Markdown, of at most limit bytes.
func (e *Event) Text(l Language, limit int) string {
	var lines []string
	say := func(texts [2]string, args ...any) { lines = append(lines, fmt.Sprintf(pick(l, texts), args...)) }
	switch e.Kind {
	case DirectoryDown:
		say([2]string{"%s：%s。来电照常接通，但没有标记。", "%s: %s. Calls go on, without labels."}, plain(e.Name), plain(e.Why))
	case DirectoryUp:
		say([2]string{"%s 恢复正常。", "%s answers again."}, plain(e.Name))
	case Quota:
		say([2]string{"%s 已用 %d 次，共 %d 次。用完后来电照常接通，但没有标记。", "%s: %d of %d queries used. When they are spent calls go on, without labels."},
			plain(e.Name), e.Count, e.Limit)
	case Refusals:
		say([2]string{"最近一小时拦截 %d 个来电，平常每小时 %d 个。请检查规则。", "%d calls refused within an hour, %d are usual. Please look at the rules."}, e.Count, e.Limit)
	case DailyDigest:
		lines = e.Digest.lines(l)
	}
	return fit("### "+e.Title(l), lines, limit)
}

// fit joins as many lines as there is room for, and says when it leaves some out.
func fit(title string, lines []string, limit int) string {
	const more = "\n- …"
	text := title
	for _, line := range lines {
		if len(text)+len(line)+2+len(more) > limit {
			return text + more
		}
		text += "\n\n" + line
	}
	return text
}

// plain returns a stranger's text without what Markdown makes links and headings of.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]()<>*_`~#!|\\@&", r) {
			return ' '
		}
		return r
	}, audit.Visible(audit.Clip(s)))
}
