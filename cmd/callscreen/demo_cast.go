package main

import "callscreen/juhe/juhesim"

// member is one of the cast: a call, and what must come of it.
type member struct {
	caller
	want expectation
}

// expectation is what must become of a call, as far as it is the same on every run.
type expectation struct {
	said    string // what Juhe said of the caller, or why it said nothing
	verdict string
	rule    string
	source  string // of what was known: query, cache or none
	failed  string // why the lookup brought no answer
	status  int    // the answer to INVITE that the carrier got
	shown   string // what the phone showed; empty when it never rang
}

// hangsOnJuhe is the caller about whom Juhe takes the question and never answers.
const hangsOnJuhe = "13900000009"

// alsoKnown is what the simulated Juhe says of callers that its document does
// not have.
var alsoKnown = map[string]juhesim.Reply{
	"95588":       {Name: "中国工商银行", Description: "客服电话", Kinds: []string{"银行", "热线电话"}},
	"17000000001": {Type: "疑似诈骗", Num: 212, FID: 5},
	"17000000002": {Type: "疑似诈骗", Num: 3, FID: 5},
	hangsOnJuhe:   {Hang: true},
}

const (
	notAsked     = "not asked"
	nothingKnown = "nothing known"
)

// cast is who calls, in this order: the document's five numbers first, the one
// that must wait for Juhe last.
var cast = []member{
	{caller{user: "95204657"}, expectation{"推销×3475", "tag", "call-centre-sales", "query", "", 200, "外呼 推销×3475 95204657"}},
	{caller{user: "10086"}, expectation{"中国移动", "allow", "default", "query", "", 200, "10086"}},
	{caller{user: "13041439112", name: "小李"}, expectation{"快递送餐×45 江苏苏州联通", "tag", "expected", "query", "", 200, "快递送餐 小李"}},
	{caller{user: "057156264805"}, expectation{"推销×1478 浙江杭州", "tag", "unwanted", "query", "", 200, "推销×1478 057156264805"}},
	{caller{user: "051283154814", name: "房产顾问", asserted: true}, expectation{"中介×25 江苏苏州", "tag", "unwanted", "query", "", 200, "中介×25 房产顾问"}},
	{caller{user: "+8617000000001", name: "公安局"}, expectation{"疑似诈骗×212", "reject", "fraud", "query", "", 603, ""}},
	{caller{user: "17000000002"}, expectation{"疑似诈骗×3", "tag", "fraud-maybe", "query", "", 200, "疑似诈骗×3 17000000002"}},
	{caller{user: "95588"}, expectation{"中国工商银行", "allow", "default", "query", "", 200, "95588"}},
	{caller{user: "anonymous", name: "Anonymous", withheld: true}, expectation{notAsked, "allow", "withheld", "none", "", 200, "Anonymous"}},
	{caller{user: "13900000000", name: "Zhang San"}, expectation{nothingKnown, "allow", "default", "query", "", 200, "Zhang San"}},
	{caller{user: "+86-571-56264805", asserted: true}, expectation{"推销×1478 浙江杭州", "tag", "unwanted", "cache", "", 200, "推销×1478 057156264805"}},
	{caller{user: "008613041439112", name: "小李"}, expectation{"快递送餐×45 江苏苏州联通", "tag", "expected", "cache", "", 200, "快递送餐 小李"}},
	{caller{user: hangsOnJuhe, name: "Li Si"}, expectation{"no answer (timeout)", "allow", "lookup-failed", "none", "timeout", 200, "Li Si"}},
}
