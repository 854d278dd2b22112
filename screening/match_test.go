package screening

import (
	"errors"
	"testing"
)

func TestMatch(t *testing.T) {
	rep := Reputation{Category: CategorySales, Label: "推销", Marks: 50, Place: "江苏苏州联通"}
	tests := []struct {
		when string
		want bool
	}{
		{"{category: sales}", true},
		{"{category: [fraud, sales]}", true},
		{"{category: fraud}", false},
		{"{label: 推销}", true},
		{"{label: 推}", false},
		{"{label: [骚扰电话, 推销]}", true},
		{"{marks: '>=50'}", true},
		{"{marks: '>=51'}", false},
		{"{marks: '>50'}", false},
		{"{marks: '> 49'}", true},
		{"{marks: '<=50'}", true},
		{"{marks: '<=49'}", false},
		{"{marks: '<50'}", false},
		{"{marks: <51}", true},
		{"{marks: '==50'}", true},
		{"{marks: '==5'}", false},
		{"{marks: ['<5', '==50']}", true},
		{"{number: '95204657'}", true},
		{"{number: 95204657}", true},
		{"{number: +86 9520 4657}", true},
		{"{number: 95588}", false},
		{"{number: [95588, 9520*]}", true},
		{"{number: 95204657*}", true},
		{"{number: 952046570*}", false},
		{"{number: _95XXXXX.}", true},
		{"{length: '==8'}", true},
		{"{length: '>8'}", false},
		{"{class: '95'}", true},
		{"{class: 95}", true},
		{"{class: [mobile, '96']}", false},
		{"{withheld: false}", true},
		{"{withheld: true}", false},
		{"{trunk: carrier}", true},
		{"{trunk: [a, b]}", false},
		{"{called: '0571 8899 0000'}", true},
		{"{called: 0571*}", true},
		{"{called: _05718899000Z}", false},
		{"{place: 苏州}", true},
		{"{place: [杭州, 联通]}", true},
		{"{place: 杭州}", false},
		{"{lookup_failed: false}", true},
		{"{lookup_failed: true}", false},
		{"{category: sales, marks: '>=50', class: '95'}", true},
		{"{category: sales, marks: '>=50', class: mobile}", false},
		{"{any: [{class: mobile}, {marks: '>=50'}]}", true},
		{"{any: [{class: mobile}, {marks: '>50'}]}", false},
		{"{all: [{class: '95'}, {marks: '>=50'}]}", true},
		{"{all: [{class: '95'}, {marks: '>50'}]}", false},
		{"{all: [{class: mobile}, {marks: '>=50'}]}", false},
		{"{not: {class: mobile}}", true},
		{"{not: {class: '95'}}", false},
		{"{not: {class: '95', marks: '>50'}}", true},
		{"{not: [{class: mobile}, {marks: '>=50'}]}", false},
		{"{not: [{class: mobile}, {marks: '>50'}]}", true},
		{"{not: {not: {class: '95'}}}", true},
		{"{any: [{all: [{class: '95'}, {not: {trunk: backup}}]}, {class: mobile}], length: '==8'}", true},
		{"{}", true},
	}
	for _, tt := range tests {
		p := mustParse(t, oneRule(tt.when, "action: reject"))
		if got := p.Decide(factsOf("95204657", rep)).Action == Reject; got != tt.want {
			t.Errorf("%s matches: %v; want %v", tt.when, got, tt.want)
		}
	}
}

func TestMatchOtherFacts(t *testing.T) {
	privacy := factsOf("13041439112", Reputation{})
	privacy.Call.Withheld = true
	failed := factsOf("13041439112", Reputation{})
	failed.Failed = errors.New("no answer")
	raw := factsOf("13041439112", Reputation{})
	raw.Called, raw.Call.To = Number{}, "<sip:100-200-300-400-500@192.0.2.1;user=phone>"
	tests := []struct {
		name, when string
		facts      Facts
		want       bool
	}{
		{"privacy", "{withheld: true}", privacy, true},
		{"privacy, number still seen", "{number: '13041439112'}", privacy, true},
		{"anonymous", "{withheld: true}", factsOf("anonymous", Reputation{}), true},
		{"anonymous", "{class: anonymous}", factsOf("anonymous", Reputation{}), true},
		{"anonymous has no number", "{number: _X!}", factsOf("anonymous", Reputation{}), false},
		{"anonymous has no length", "{length: '==0'}", factsOf("anonymous", Reputation{}), true},
		{"no number at all", "{class: invalid}", factsOf("*#", Reputation{}), true},
		{"no number at all", "{class: alphanumeric}", factsOf("*#", Reputation{}), false},
		{"failed lookup", "{lookup_failed: true}", failed, true},
		{"failed lookup knows no category", "{not: {category: sales}}", failed, true},
		{"abroad", "{number: +852*, length: '==11'}", factsOf("0085221234567", Reputation{}), true},
		{"abroad, exact", "{number: 00852 2123 4567}", factsOf("+85221234567", Reputation{}), true},
		{"abroad, not without +", "{number: 852*}", factsOf("+85221234567", Reputation{}), false},
		{"raw called number", "{called: '100200300400500'}", raw, true},
		{"raw called prefix", "{called: 1002*}", raw, true},
		{"raw called number, other", "{called: '100200300400501'}", raw, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, oneRule(tt.when, "action: reject"))
			if got := p.Decide(tt.facts).Action == Reject; got != tt.want {
				t.Errorf("%s matches: %v; want %v", tt.when, got, tt.want)
			}
		})
	}
}
