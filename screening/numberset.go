package screening

import (
	"cmp"
	"math/bits"
	"slices"
)

// numberSet holds numbers, prefixes and patterns, and finds the one that a
// number matches without looking at the others. The zero value is empty.
type numberSet struct {
	exact map[string]int32
	nodes []node  // of a trie over places; the first is its root
	until []int64 // by entry, the Unix second that ends it, 0 for never; nil: none ends
}

// node is where a pattern has got to behind some places.
type node struct {
	edges []edge // those for few digits first
	// Entries that end here, plus one; 0 is none: without further digits, with
	// any number of them, and with at least one.
	whole, open, longer int32
}

type edge struct {
	set places
	to  int32
}

// places holds a bit for every digit that may stand in one place, and one for +.
type places uint16

const (
	anyDigit  places = 1<<10 - 1
	plusPlace places = 1 << 10
)

func placeOf(c byte) places {
	switch {
	case isDigit(c):
		return 1 << (c - '0')
	case c == '+':
		return plusPlace
	}
	return 0
}

// pattern is a prefix or an Asterisk pattern.
type pattern struct {
	places []places
	more   bool // further digits may follow
	least  int  // how many of those there must be: 0 or 1
}

// put adds a number as entry i.
func (s *numberSet) put(digits string, i int32) {
	if s.exact == nil {
		s.exact = map[string]int32{}
	}
	if old, ok := s.exact[digits]; !ok || s.outlives(i, old) {
		s.exact[digits] = i
	}
}

// putPattern adds a pattern as entry i.
func (s *numberSet) putPattern(p pattern, i int32) {
	at := int32(0)
	if len(s.nodes) == 0 {
		s.nodes = make([]node, 1)
	}
	for _, set := range p.places {
		at = s.step(at, set)
	}
	n := &s.nodes[at]
	end := &n.whole
	switch {
	case p.more && p.least == 0:
		end = &n.open
	case p.more:
		end = &n.longer
	}
	if *end == 0 || s.outlives(i, *end-1) {
		*end = i + 1
	}
}

// step returns the node behind one place after at, and makes it if need be.
func (s *numberSet) step(at int32, set places) int32 {
	edges := s.nodes[at].edges
	for _, e := range edges {
		if e.set == set {
			return e.to
		}
	}
	to := int32(len(s.nodes))
	size := func(e edge) int { return bits.OnesCount16(uint16(e.set)) }
	i, _ := slices.BinarySearchFunc(edges, edge{set: set}, func(a, b edge) int { return cmp.Compare(size(a), size(b)) })
	s.nodes[at].edges = slices.Insert(edges, i, edge{set, to})
	s.nodes = append(s.nodes, node{})
	return to
}

// outlives reports whether entry a ends later than b: of two entries for one
// number the one that lasts is kept.
func (s *numberSet) outlives(a, b int32) bool {
	if s.until == nil || s.until[b] == 0 {
		return false
	}
	return s.until[a] == 0 || s.until[a] > s.until[b]
}

// find returns the entry that digits match at a Unix second: the number itself
// before patterns, and of these the one that says most about the digits from the
// left.
func (s *numberSet) find(digits string, at int64) (int, bool) {
	if digits == "" {
		return 0, false
	}
	if i, ok := s.exact[digits]; ok && s.lives(i, at) {
		return int(i), true
	}
	if len(s.nodes) == 0 {
		return 0, false
	}
	if i := s.walk(0, digits, at); i != 0 {
		return int(i) - 1, true
	}
	return 0, false
}

// walk returns, plus one, the entry that the digits behind a node match. A node
// has one way to it, so that none is looked at twice.
func (s *numberSet) walk(at int32, digits string, now int64) int32 {
	n := &s.nodes[at]
	if digits != "" {
		place := placeOf(digits[0])
		for _, e := range n.edges {
			if e.set&place == 0 {
				continue
			}
			if i := s.walk(e.to, digits[1:], now); i != 0 {
				return i
			}
		}
	}
	switch {
	case n.whole|n.open|n.longer == 0:
		return 0
	case digits == "":
		return s.living(now, n.whole, n.open)
	}
	return s.living(now, n.longer, n.open)
}

// living returns the first of two ends, plus one, that stands for an entry in force.
func (s *numberSet) living(now int64, first, second int32) int32 {
	switch {
	case first != 0 && s.lives(first-1, now):
		return first
	case second != 0 && s.lives(second-1, now):
		return second
	}
	return 0
}

func (s *numberSet) lives(i int32, at int64) bool {
	return s.until == nil || s.until[i] == 0 || at < s.until[i]
}
