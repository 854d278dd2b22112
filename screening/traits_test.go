package screening

import "testing"

// Every word has a bit of its own, and what is none of a group's words one more.
func TestTraitsHaveRoom(t *testing.T) {
	taken := traits(0)
	for _, g := range []struct {
		name  string
		group group
		size  int
	}{
		{"class", classGroup, len(classes) + 1},
		{"category", categoryGroup, len(categories) + 1},
		{"weekday", weekdayGroup, len(weekdays)},
		{"verstat", verstatGroup, len(verstats) + 1},
		{"withheld", withheldGroup, 2},
		{"diverted", divertedGroup, 2},
		{"mismatch", mismatchGroup, 2},
		{"holiday", holidayGroup, 2},
		{"workday", workdayGroup, 2},
	} {
		if g.group.size != g.size || taken&g.group.all() != 0 {
			t.Errorf("%s: bits %+v; want %d that no other group has", g.name, g.group, g.size)
		}
		taken |= g.group.all()
	}
}
