package screening

import "testing"

func TestPlaceParts(t *testing.T) {
	tests := []struct {
		place string
		want  placeOfCaller
	}{
		{"江苏苏州联通", placeOfCaller{"江苏", "苏州", "联通"}},
		{"江苏省苏州市 中国联通", placeOfCaller{"江苏", "苏州", "联通"}},
		{"浙江杭州", placeOfCaller{"浙江", "杭州", ""}},
		{"北京联通", placeOfCaller{"北京", "北京", "联通"}},
		{"北京市朝阳区电信", placeOfCaller{"北京", "北京", "电信"}},
		{"吉林市移动", placeOfCaller{"吉林", "吉林", "移动"}},
		{"吉林吉林移动", placeOfCaller{"吉林", "吉林", "移动"}},
		{"吉林长春", placeOfCaller{"吉林", "长春", ""}},
		{"黑龙江省哈尔滨", placeOfCaller{"黑龙江", "哈尔滨", ""}},
		{"广西壮族自治区南宁市铁通", placeOfCaller{"广西", "南宁", "铁通"}},
		{"香港特别行政区", placeOfCaller{"香港", "", ""}},
		{"苏州联通", placeOfCaller{"", "苏州", "联通"}},
		{"移动", placeOfCaller{"", "", "移动"}},
		{"广东省", placeOfCaller{"广东", "", ""}},
		{" ", placeOfCaller{}},
		{"", placeOfCaller{}},
		{"市", placeOfCaller{"", "市", ""}},
		{"\xe6\xb1", placeOfCaller{"", "\xe6\xb1", ""}},
	}
	for _, tt := range tests {
		if got := placeParts(tt.place); got != tt.want {
			t.Errorf("placeParts(%q) = %q; want %q", tt.place, got, tt.want)
		}
	}
}
