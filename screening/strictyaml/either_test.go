package strictyaml

import (
	"errors"
	"fmt"
	"testing"
)

// door is a number, or a block with more about it.
type door struct {
	Number string `yaml:"number"`
	Locked bool   `yaml:"locked"`
}

func (d *door) SetDefaults() { d.Locked = true }

func (d *door) UnmarshalText(text []byte) error {
	if len(text) > 3 {
		return errors.New("no door has that number")
	}
	d.Number = string(text)
	return nil
}

func TestTextOrBlock(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"doors: 7", "[{7 true}]"},
		{"doors: [7, {number: 8, locked: false}, {number: 9}]", "[{7 true} {8 false} {9 true}]"},
		{"doors: 1234", `f:1:8: doors is "1234": no door has that number`},
		{"doors: [{nmuber: 8}]", `f:1:10: unknown key "nmuber": did you mean "number"?`},
		{"doors: [[7]]", "f:1:9: doors[0] is a list, not a single value: write one value"},
	} {
		var house struct {
			Doors []door `yaml:"doors,one"`
		}
		err := Decode("f", []byte(tt.text), &house).Err()
		got := fmt.Sprint(house.Doors)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("Decode(%q) = %s, want %s", tt.text, got, tt.want)
		}
	}
}
