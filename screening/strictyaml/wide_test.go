package strictyaml

import (
	"fmt"
	"testing"
)

// What a Chinese keyboard writes for the signs of YAML.
func TestWideSigns(t *testing.T) {
	const times = "write a number and its unit, as in 800ms, 30s, 10m, 24h or 90d"
	for _, tt := range []struct{ text, want string }{
		{"name：x\nnumbers: []\n", "f:1:5: a full-width ：: write : and a space"},
		{"name: x\nboss: {owner: a， ring: 3s}\n", "f:2:16: a full-width ，: write ,"},
		{"name: x\nboss: {owner: 诈骗， ring: 3s}\n", "f:2:17: a full-width ，: write ,"},
		{"name: x\nnumbers:\n　- a\n", "f:3:1: a full-width space: write a space"},
		{"name：x\nnumbers: [1, 2\n", "f:1:5: a full-width ：: write : and a space\nf:2: a [ is not closed: put commas between the values and ] at the end"},
		{"# 注意：x\nname: 你好，x\nopen：true\n", "f:2:9: a full-width ，: write ,\nf:3:5: a full-width ：: write : and a space"},
		{"name: '很多人：x'\nboss: {owner: \"a，b\"\n", "f:2: a { is not closed: put commas between the values and } at the end"},

		{"name：x", "f:1:5: a full-width ：: write : and a space"},
		{"boss: {owner：a}", `f:1:8: unknown key "owner：a": write : and a space for the full-width ：`},
		{"open: true。", `f:1:7: open is "true。", not true or false: write true or false`},
		{"open: true，", `f:1:7: open is "true，", not true or false: write true or false`},
		{"phones: “3”", `f:1:9: phones is "“3”", not a whole number: write a straight " for the full-width “`},
		{"numbers: ［1］\nkeep: 3 天", `f:2:7: keep is "3 天", not a time: ` + times},
		{"name: 你好，世界：“x”\nnumbers: [\"a，b\"]", "<nil>"},
	} {
		if got := fmt.Sprint(Decode("f", []byte(tt.text), new(office)).Err()); got != tt.want {
			t.Errorf("Decode(%q):\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
