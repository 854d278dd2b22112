package wire

import "testing"

func TestSplice(t *testing.T) {
	type edits = []Edit
	at := func(start, end int32, with string) Edit { return Edit{Span{start, end}, []byte(with)} }
	for _, tt := range []struct {
		name  string
		edits edits
		want  string
	}{
		{"nothing", nil, "0123456789"},
		{"insert at the beginning", edits{at(0, 0, "a")}, "a0123456789"},
		{"insert at the end", edits{at(10, 10, "a")}, "0123456789a"},
		{"insert within", edits{at(5, 5, "abc")}, "01234abc56789"},
		{"remove", edits{at(2, 5, "")}, "0156789"},
		{"remove all", edits{at(0, 10, "")}, ""},
		{"replace by less", edits{at(2, 5, "a")}, "01a56789"},
		{"replace by more", edits{at(2, 3, "abc")}, "01abc3456789"},
		{"in any order", edits{at(8, 9, "c"), at(0, 1, "a"), at(4, 5, "b")}, "a123b567c9"},
		{"two inserts at one place keep their order", edits{at(5, 5, "a"), at(2, 2, "x"), at(5, 5, "b")}, "01x234ab56789"},
		{"one behind the other", edits{at(2, 4, "a"), at(4, 6, "b")}, "01ab6789"},
		{"insert before what is removed", edits{at(2, 2, "a"), at(2, 5, "")}, "01a56789"},
		{"the same, noted the other way round", edits{at(2, 5, ""), at(2, 2, "a")}, "01a56789"},
		{"insert behind what is removed", edits{at(2, 5, ""), at(5, 5, "a")}, "01a56789"},
		{"nothing comes into what is removed", edits{at(2, 8, ""), at(4, 5, "a"), at(4, 4, "b"), at(4, 4, "c")}, "0189"},
		{"nor into what is replaced", edits{at(4, 5, "a"), at(2, 8, "x")}, "01x89"},
		{"a removal that overlaps counts", edits{at(2, 5, "x"), at(4, 7, "a"), at(6, 8, "b")}, "01x89"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte("0123456789")
			if got := string(Splice([]byte("> "), raw, tt.edits)); got != "> "+tt.want {
				t.Errorf("Splice = %q, want %q", got, "> "+tt.want)
			}
			if string(raw) != "0123456789" {
				t.Errorf("Splice changed what it read: %q", raw)
			}
		})
	}
}
