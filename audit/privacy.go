package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"callscreen/screening"
)

// The ways of writing numbers.
const (
	Mask = "mask" // "130****9112"
	Full = "full" // as they are
	Hash = "hash" // "#" and 16 hexadecimal digits that say who is the same, and not who it is
)

// minKey is the shortest key whose hashes cannot be undone by trying keys.
const minKey = 16

// Privacy says how numbers are written. The zero value masks them. Numbers of up
// to five digits are services and extensions, and are written whole at any level.
type Privacy struct {
	Level string // Mask, Full or Hash; default Mask
	Key   []byte // Hash: a secret of 16 bytes or more
}

// Validate says what is wrong with p.
func (p Privacy) Validate() error {
	switch p.Level {
	case "", Mask, Full:
		return nil
	case Hash:
		if len(p.Key) < minKey {
			return fmt.Errorf("audit: key of %d bytes for hashed numbers: want %d or more", len(p.Key), minKey)
		}
		return nil
	}
	return fmt.Errorf("audit: numbers %q: want mask, full or hash", p.Level)
}

// Number returns the normal form of a number the way p writes it.
func (p Privacy) Number(digits string) string {
	switch p.Level {
	case Full:
		return digits
	case Hash:
		return p.hash(digits)
	}
	return screening.Number{Digits: digits}.Masked()
}

func (p Privacy) hash(digits string) string {
	if len(strings.TrimPrefix(digits, "+")) <= 5 {
		return digits
	}
	return Digest(p.Key, digits)
}

// Digest returns "#" and the first 16 hexadecimal digits of the HMAC-SHA256 of s.
func Digest(key []byte, s string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return "#" + hex.EncodeToString(h.Sum(nil)[:8])
}

// Core returns the digits of a number that every way of writing it has; empty where
// they are so few that other things have them too.
func Core(n screening.Number) string {
	digits := strings.TrimPrefix(n.Digits, "+")
	if n.Class == screening.ClassLandline {
		digits = strings.TrimPrefix(digits, "0")
	}
	if len(digits) < 7 {
		return ""
	}
	return digits
}

// Text rewrites what may be a number in a stranger's text, spelled as they please:
// six digits or more.
func (p Privacy) Text(s string) string {
	if p.Level == Full {
		return s
	}
	return spelled.ReplaceAllStringFunc(s, func(number string) string {
		return p.Number(strings.Map(digit, number))
	})
}

// Own rewrites a caller's number in a text of ours, which holds other digits too.
func (p Privacy) Own(s string, caller screening.Number) string {
	if p.Level == Full || caller.Digits == "" || !strings.Contains(s, caller.Digits) {
		return s
	}
	return strings.ReplaceAll(s, caller.Digits, p.Number(caller.Digits))
}

// spelled is six digits or more, ASCII or full-width, separated or not.
var spelled = regexp.MustCompile(`[0-9０-９](?:[ .-]?[0-9０-９]){5,}`)

// digit maps a full-width digit to its ASCII one, and drops what is no digit.
func digit(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r
	case r >= '０' && r <= '９':
		return r - '０' + '0'
	}
	return -1
}
