package screening

import "reflect"

// Values that several keys have.
var (
	comparisonText = matching(`^(>=|<=|==|>|<) *[0-9]{1,9}$`)
	ageText        = matching(`^(>=|<=|>|<) *[0-9][0-9a-z.]*$`)
	durationText   = matching(`^[0-9][0-9a-z.]*$`)
	expiresText    = matching(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].+)?$`)
	dayText        = matching(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$`)
	dateText       = matching(`^([0-9]{4}-)?[0-9]{2}-[0-9]{2}(\.\.([0-9]{4}-)?[0-9]{2}-[0-9]{2})?$`)
	timeText       = matching(`^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$`)
	weekdayText    = matching(`^(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))?$`)
)

var fileTexts = map[string]keyText{
	"mode":      {"observe 只记录不动作，enforce 按规则动作。", "observe records and changes nothing, enforce acts.", oneWord("observe", "enforce")},
	"time_zone": {"时间、日期和到期日的时区，默认 Asia/Shanghai。", "Zone of times, dates and expiry; default Asia/Shanghai.", nil},
	"label":     {"话机上显示的标签，可用 {label} {marks} {name} {place} {category}。", "What the phone shows; may hold {label} {marks} {name} {place} {category}.", nil},
	"ascii":     {"只能显示英文的话机用的标签，如 SPAM x{marks}。", "The label for phones that show ASCII only, as in SPAM x{marks}.", nil},
	"calendar":  {"节假日和调休上班的日子。", "Days off and make-up workdays.", object(reflect.TypeFor[calendarFile](), calendarTexts)},
	"allow":     {"白名单：总是放行，不花查询费；优先于黑名单和规则。", "Always let through, at the cost of no query; beats the block list and the rules.", ref("list")},
	"block":     {"黑名单：默认用 603 拒接；优先于规则，但让位于白名单。", "Refused, by default with 603; beats the rules, and is beaten by the allow list.", ref("block")},
	"lists":     {"供规则用的名单，用名字引用。", "Lists for rules to ask for by name.", mapOf(ref("list"))},
	"default":   {"没有规则符合时怎么办，默认 allow。", "What happens when no rule matches; default allow.", anyOf(oneWord("allow", "tag", "reject"), ref("action"))},
	"rules":     {"从上到下，第一条符合的规则生效。", "From top to bottom, the first rule that matches decides.", ref("rule")},
}

var calendarTexts = map[string]keyText{
	"files":    {"放节假日的文件，里面只有 holidays 和 workdays。", "Files with holidays and workdays in them.", nil},
	"holidays": {"放假的日子。", "The days off.", dayText},
	"workdays": {"周六、周日上班的日子（调休）。", "Saturdays and Sundays that are worked.", dayText},
}

var listTexts = map[string]keyText{
	"entries": {"名单上的号码。", "The numbers on the list.", ref("entry")},
	"files":   {"名单文件：.csv、.vcf（通讯录）或 .txt（每行一个号码）。", "Files: .csv, .vcf (contacts) or .txt (one number a line).", nil},
}

var blockTexts = map[string]keyText{
	"action":               {"怎样处理黑名单上的来电，默认 reject。", "What happens to their calls; default reject.", oneWord("reject", "divert")},
	"even_if_never_reject": overrideText,
}

var overrideText = keyText{"对 110、12345 等永不拒接的号码也生效。", "Goes before the numbers that always ring, such as 110 and 12345.", nil}

var entryTexts = map[string]keyText{
	"number":  {"号码，任何写法；X 是任意一位数字，0571* 是前缀，_95XXX. 是 Asterisk 模式。", "A number in any spelling; X is any digit, 0571* a prefix, _95XXX. an Asterisk pattern.", nil},
	"note":    {"备注，会写进记录。", "A note, which goes into the record.", nil},
	"expires": {"最后有效的一天，或到期的时间。", "Its last day, or the time it ends.", expiresText},
}

var ruleTexts = map[string]keyText{
	"id":                   {"规则的名字，不要改动：记录按它统计。", "The name of the rule, which stays: the record counts by it.", matching(slug.String())},
	"when":                 {"条件，必须全部符合；不写则对所有来电生效。", "Conditions that must all hold; without any the rule takes every call.", ref("condition")},
	"shadow":               {"试运行：只记录会怎样处理，不动作，接着看下面的规则。", "On trial: what it would do is recorded and not done; the rules below go on.", nil},
	"expires":              {"最后有效的一天，或到期的时间。", "Its last day, or the time it ends.", expiresText},
	"even_if_never_reject": overrideText,
}

var actionTexts = map[string]keyText{
	"action":        {"allow 放行，tag 放行并显示标签，reject 拒接，divert 转到别处。", "allow lets through, tag lets through with a label, reject refuses, divert sends elsewhere.", oneWord(actions...)},
	"label":         {"tag：这条规则的标签，默认用上面的 label。", "tag: the label of this rule; default: the policy's own.", nil},
	"ascii":         {"tag：只能显示英文的话机用的标签。", "tag: the label for phones that show ASCII only.", nil},
	"alert_info":    {"铃声（Alert-Info），如 <http://127.0.0.1>;info=spam。", "The ring tone (Alert-Info), as in <http://127.0.0.1>;info=spam.", nil},
	"headers":       {"另加的 SIP 头，名字以 X- 开头，最多 8 个。", "Headers to add, named X-…, at most 8.", mapOf(anyText)},
	"kind":          {"reject：拒接的方式，代替 status 和 reason。", "reject: a ready-made refusal, instead of status and reason.", oneWord(kindNames()...)},
	"status":        {"reject：SIP 状态码，默认 603。", "reject: the SIP status; default 603.", refusals()},
	"reason":        {"reject：状态码后面的短语，只用英文。", "reject: the phrase behind the status, in English.", nil},
	"reason_header": {"reject：Reason 头，如 Q.850;cause=21；none 则不加。", "reject: the Reason header, as in Q.850;cause=21; none for none.", nil},
	"contact":       {"reject：误拦时的申诉地址，用于 603+ 和 rejected。", "reject: where a wrongly refused caller may turn to, for 603+ and rejected.", nil},
	"to":            {"divert：转到的 SIP 地址，如 sip:8000@192.0.2.10。", "divert: the SIP URI, as in sip:8000@192.0.2.10.", nil},
	"why":           {"写进记录的原因。", "The reason for the record.", nil},
}

var conditionTexts = map[string]keyText{
	"number": {"主叫号码；X 是任意一位数字，0571* 是前缀，_95XXX. 是 Asterisk 模式。", "The caller; X is any digit, 0571* a prefix, _95XXX. an Asterisk pattern.", nil},
	"list":   {"主叫号码在名单上。", "The caller is on a list.", nil},
	"class": {
		"号码的类别：mobile 手机，mvno 虚拟运营商，iot 物联网，satellite 卫星，landline 固话，local 没写区号的市话，400，800，95，96，short 短号如 10086，emergency 110 等，sms 短信平台 106，international 境外，extension 分机，anonymous 没有号码，alphanumeric 不是数字，invalid 读不懂。",
		"The class of the number: mobile, mvno (of a virtual operator), iot, satellite, landline, local (without its area code), 400, 800, 95, 96, short (as 10086), emergency (as 110), sms (106…), international, extension, anonymous (no number), alphanumeric, or invalid.",
		oneWord(classNames...),
	},
	"length":       {"号码的位数，如 \">8\"。", "How many digits the number has, as in \">8\".", comparisonText},
	"country":      {"国家或地区的代码，如 86、852。", "The calling code, as in 86 or 852.", nil},
	"withheld":     {"隐藏了号码。", "The number is withheld.", nil},
	"display_name": {"对方送来的名字里含有，不分大小写。", "Stands in the display name that was sent, in any letters.", nil},

	"trunk":             {"从哪条线路进来。", "The trunk that the call came by.", nil},
	"called":            {"被叫号码。", "The number that was called.", nil},
	"called_list":       {"被叫号码在名单上。", "The called number is on a list.", nil},
	"diverted":          {"是转接来的。", "Somebody sent the call on.", nil},
	"diverted_by":       {"由谁转接来。", "Who sent the call on.", nil},
	"identity_mismatch": {"From 与 P-Asserted-Identity 的号码不同。", "From and P-Asserted-Identity name different numbers.", nil},
	"verstat":           {"STIR 验证的结果。", "The outcome of STIR verification.", oneWord(verstats...)},
	"user_agent":        {"User-Agent 里含有，不分大小写。", "Stands in the User-Agent, in any letters.", nil},

	"time":    {"时段，如 18:00-08:30，可跨零点。", "Time of day, as in 18:00-08:30, also over midnight.", timeText},
	"weekday": {"来电时是星期几，如 mon-fri。", "The weekday at the time of the call, as in mon-fri.", weekdayText},
	"date":    {"来电时的日期，如 2027-02-05..2027-02-12；12-24..01-02 每年一样。", "The date at the time of the call, as in 2027-02-05..2027-02-12; 12-24..01-02 is every year.", dateText},
	"holiday": {"日历上的放假日。", "A day off by the calendar.", nil},
	"workday": {"上班日：周一至周五，按日历放假和调休。", "A workday: Monday to Friday, but for days off and make-up workdays.", nil},

	"calls":     {"同一号码在一段时间里打来的次数，连这次在内。", "How often the number called within a time, this call included.", required(object(reflect.TypeFor[callsFile](), callsTexts), "count", "within")},
	"we_called": {"最近多久里我们打过这个号码，如 30d。", "We called this number in the last time, as in 30d.", durationText},

	"category": {
		"标记的类别：fraud 诈骗，sales 推销，harassment 骚扰，agent 中介，delivery 快递送餐，recruiter 招聘，taxi 出租车，other 其他。",
		"The category it is marked with: fraud, sales, harassment, agent, delivery, recruiter, taxi or other.", oneWord(categories...),
	},
	"marks":         {"标记的次数，如 \">=50\"。", "How many people marked it, as in \">=50\".", comparisonText},
	"label":         {"标记的原文，如 推销。", "The label as it is worded, 推销.", nil},
	"place":         {"归属地里含有，如 杭州。", "Stands in the place, as 杭州.", nil},
	"province":      {"归属地的省份，如 江苏。", "The province of the place, as 江苏.", nil},
	"city":          {"归属地的城市，如 苏州。", "The city of the place, as 苏州.", nil},
	"carrier":       {"归属地的运营商，如 联通。", "The carrier in the place, as 联通.", nil},
	"name":          {"商户名里含有。", "Stands in the merchant's name.", nil},
	"description":   {"号码说明里含有。", "Stands in the description.", nil},
	"catnames":      {"号码的行业分类之一。", "One of the kinds of business.", nil},
	"itag_ids":      {"金融标签之一。", "One of the financial tags.", nil},
	"age":           {"查询结果有多旧，如 \">7d\"。", "How old the answer is, as in \">7d\".", ageText},
	"lookup_failed": {"没有查到：true、false，或原因。", "The lookup brought no answer: true, false, or why.", anyOf(schema{"type": "boolean"}, oneWord(append(failures, "true", "false")...))},

	"any": {"符合其中一组即可。", "One of these conditions holds.", ref("condition")},
	"all": {"每一组都符合。", "All of these conditions hold.", ref("condition")},
	"not": {"一组也不符合。", "None of these conditions holds.", ref("condition")},
}

var callsTexts = map[string]keyText{
	"count":  {"次数，如 \">=3\"，最多数到 32。", "How many, as in \">=3\"; 32 are counted.", comparisonText},
	"within": {"多长时间里，最多 7d。", "In how long a time, at most 7d.", durationText},
	"to":     {"any 不论打给谁，same 打给同一个号码。", "any: whomever they were for; same: for the same number.", oneWord("any", "same")},
}
