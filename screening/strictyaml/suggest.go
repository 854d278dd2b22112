package strictyaml

import "strings"

// suggest says which key was meant, or which there are.
func suggest(key string, known []field) string {
	if near := Nearest(key, names(known)); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	if len(known) == 0 {
		return "no key is read here"
	}
	return "the keys here are " + strings.Join(names(known), ", ")
}

func names(known []field) []string {
	all := make([]string, len(known))
	for i, f := range known {
		all[i] = f.name
	}
	return all
}

// Nearest returns the one of known that word is most likely a slip of, or "".
func Nearest(word string, known []string) string {
	const longest = 40
	if len(word) > longest {
		return ""
	}
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if n := distance([]rune(strings.ToLower(word)), []rune(strings.ToLower(k))); n < least {
			best, least = k, n
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
