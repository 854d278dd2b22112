package sheet

import (
	"fmt"
	"strings"
	"testing"
)

// TestRead: each line becomes its fields with their places, errors stand at the end.
func TestRead(t *testing.T) {
	columns := []Column{{"number", "号码"}, {"note", "备注"}}
	for _, tt := range []struct{ name, text, want string }{
		{"in order", "1,a\n2,b\n", "1 a @1:1,1:3|2 b @2:1,2:3"},
		{"named", "备注,号码\na,1\n", "1 a @2:3,2:1"},
		{"named in part", "号码\n1,a\n", "1  @2:1,2:1"},
		{"names that come later are none", "1,a\nnumber,note\n", "1 a @1:1,1:3|number note @2:1,2:8"},
		{"without the first column a line names nothing", "note\n", "note  @1:1,1:1"},
		{"semicolons", "1; a ;x\n", "1 a @1:1,1:4"},
		{"tabs", "\ta\n1\tb\n", " a @1:1,1:2|1 b @2:1,2:3"},
		{"comments and empty lines", "# x,y\n\n1,a\n", "1 a @3:1,3:3"},
		{"places are characters", "客户,a,\n", "客户 a @1:1,1:4"},
		{"a quote", "1,\"a, \"\"b\"\"\"\n", "1 a, \"b\" @1:1,1:3"},
		{"a quote that stands alone", "1,a\n2,b\"c\n", "1 a @1:1,1:3|2:0 a quote that stands alone"},
		{"nothing", "", ""},
	} {
		var got []string
		Read([]byte(tt.text), columns, func(line, column int, text, _ string) {
			got = append(got, fmt.Sprintf("%d:%d %s", line, column, text))
		}, func(r Row) {
			line, column := r.Place(0)
			line2, column2 := r.Place(1)
			got = append(got, fmt.Sprintf("%s %s @%d:%d,%d:%d", r.Field(0), r.Field(1), line, column, line2, column2))
		})
		if all := strings.Join(got, "|"); all != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, all, tt.want)
		}
	}
}

func TestLostDigits(t *testing.T) {
	for text, want := range map[string]bool{"1.39E+10": true, "1,3e+10": true, "1E+10": true, "13900000001": false, "E+10": false, "1.39E10": false} {
		if got := LostDigits(text); got != want {
			t.Errorf("LostDigits(%q) = %v", text, got)
		}
	}
}
