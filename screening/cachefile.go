package screening

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// CacheFile is the kind of what [Cache.Save] writes: its version changes with it.
const CacheFile = "cache 1"

// savedCache begins what Save writes; a saved entry follows for every number.
type savedCache struct {
	Saved time.Time `json:"saved"`
}

// saved is one remembered answer. Its times are relative to savedCache.Saved and
// taken from the monotonic clock: a clock that was wrong and is set makes nothing
// older or younger.
type saved struct {
	Country  string        `json:"country"`
	National string        `json:"national"`
	Age      time.Duration `json:"age"`
	Left     time.Duration `json:"left"` // of its lifetime; negative when it is over

	Category      Category      `json:"category,omitempty"`
	Label         string        `json:"label,omitempty"`
	Marks         int           `json:"marks,omitempty"`
	Name          string        `json:"name,omitempty"`
	Description   string        `json:"description,omitempty"`
	Place         string        `json:"place,omitempty"`
	Kinds         []string      `json:"kinds,omitempty"`
	FinancialTags []string      `json:"financial_tags,omitempty"`
	Directory     string        `json:"directory,omitempty"`
	Keep          time.Duration `json:"keep,omitempty"`
}

// Save writes what is remembered and may still serve, for [Cache.Restore]: JSON, a
// line for each number, the least recently used first. Failures are not in it.
// Calls go on meanwhile.
func (c *Cache) Save(w io.Writer) error {
	now := time.Now()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(savedCache{now.Round(0)}); err != nil {
		return fmt.Errorf("screening: saving cache: %w", err)
	}
	for _, k := range c.answers.Keys() {
		r, ok := c.answers.Peek(k)
		if !ok || !r.serves(now, max(c.o.Stale, c.o.Outage)) {
			continue
		}
		if err := e.Encode(saveEntry(k, r, now)); err != nil {
			return fmt.Errorf("screening: saving cache: %w", err)
		}
	}
	return nil
}

func saveEntry(k cacheKey, r remembered, now time.Time) saved {
	p := r.reputation
	return saved{
		k.country, k.national, max(now.Sub(r.at), 0), r.expires.Sub(now),
		p.Category, p.Label, p.Marks, p.Name, p.Description, p.Place, p.Kinds, p.FinancialTags, p.Directory, p.Keep,
	}
}

// Restore remembers what Save wrote, as old as it is now. On an error it remembers
// nothing of it. A clock that has been set back since makes nothing younger.
func (c *Cache) Restore(r io.Reader) error {
	d := json.NewDecoder(r)
	var first savedCache
	if err := d.Decode(&first); err != nil {
		return fmt.Errorf("screening: restoring cache: %w", err)
	}
	if first.Saved.IsZero() {
		return errors.New("screening: restoring cache: it does not say when it was saved")
	}
	var all []saved
	for {
		var s saved
		err := d.Decode(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("screening: restoring cache: %w", err)
		}
		if s.National == "" || s.Age < 0 || s.Marks < 0 {
			return errors.New("screening: restoring cache: an entry makes no sense")
		}
		all = append(all, s)
	}
	now := time.Now()
	passed := max(now.Round(0).Sub(first.Saved), 0)
	for _, s := range all {
		c.add(cacheKey{s.Country, s.National}, s.remembered(now, passed))
	}
	return nil
}

func (s saved) remembered(now time.Time, passed time.Duration) remembered {
	return remembered{
		reputation: Reputation{
			s.Category, s.Label, s.Marks, s.Name, s.Description, s.Place, s.Kinds, s.FinancialTags, s.Directory, s.Keep,
		},
		at: now.Add(-s.Age - passed), expires: now.Add(s.Left - passed),
	}
}
