package juhesim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Reply is what the simulated service says of a number. The zero Reply is the
// documented form of "nothing known": the number and nothing else.
type Reply struct {
	Type        string   // flag.type: "推销"
	Num         int      // flag.num: how many marked it
	FID         int      // flag.fid: 1 to 7; the flag is left out when all three are zero
	Name        string   // "中国移动"
	Description string   // teldesc: "统一客服电话"
	Place       string   // telloc: "江苏苏州联通"
	Kinds       []string // catnames: "运营商"
	OrderID     string   // default: one made of the number

	Code   int    // error_code; not 0: an error without a result
	Raw    string // sent as it is instead of all the above
	Status int    // HTTP status; default 200

	Delay time.Duration // before answering
	Hang  bool          // do not answer, until the client leaves
}

// documented are the examples of the service's document.
var documented = map[string]Reply{
	"95204657":     {Type: "推销", Num: 3475, FID: 2, OrderID: "JH5111190814131039599950T0"},
	"10086":        {Name: "中国移动", Description: "统一客服电话", Kinds: []string{"运营商", "热线电话"}, OrderID: "JH5111190814131527456478oP"},
	"13041439112":  {Place: "江苏苏州联通", Type: "快递送餐", Num: 45, FID: 4, OrderID: "JH511119081413181397063661"},
	"057156264805": {Place: "浙江杭州", Type: "推销", Num: 1478, FID: 2, OrderID: "JH5111190814134724563706J5"},
	"051283154814": {Place: "江苏苏州", Type: "中介", Num: 25, FID: 3, OrderID: "JH5111190814135337821799J2"},
}

// reasons are the document's words for its error codes.
var reasons = map[int]string{
	10001: "错误的请求KEY", 10002: "该KEY无请求权限", 10003: "KEY过期", 10004: "错误的OPENID",
	10005: "应用未审核超时，请提交认证", 10007: "未知的请求源", 10008: "被禁止的IP", 10009: "被禁止的KEY",
	10011: "当前IP请求超过限制", 10012: "请求超过次数限制", 10013: "测试KEY超过请求限制", 10014: "系统内部异常",
	10020: "接口维护", 10021: "接口停用", 251101: "网络错误", 251102: "参数异常", 251103: "查询失败",
}

// The shape of a reply; the order of members is the document's.
type (
	success struct {
		Reason    string `json:"reason"`
		Result    result `json:"result"`
		ErrorCode int    `json:"error_code"`
	}
	failure struct {
		ResultCode string `json:"resultcode,omitempty"`
		Reason     string `json:"reason"`
		Result     any    `json:"result"`
		ErrorCode  int    `json:"error_code"`
	}
	result struct {
		Data    data   `json:"data"`
		OrderID string `json:"orderid"`
	}
	data struct {
		Place       string   `json:"telloc,omitempty"`
		Name        string   `json:"name,omitempty"`
		Description string   `json:"teldesc,omitempty"`
		Kinds       []string `json:"catnames,omitempty"`
		Flag        *flag    `json:"flag,omitempty"`
		Number      string   `json:"telnum"`
		Tags        []string `json:"itag_ids"`
	}
	flag struct {
		Type string `json:"type"`
		Num  int    `json:"num"`
		FID  int    `json:"fid"`
	}
)

// Body returns the reply's body for mobile, laid out as in the document.
func (r Reply) Body(mobile string) string {
	if r.Raw != "" {
		return r.Raw
	}
	var value any = r.success(mobile)
	if r.Code != 0 {
		value = r.failure()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil { // texts, numbers and lists always encode
		return err.Error()
	}
	return b.String()
}

func (r Reply) success(mobile string) success {
	d := data{
		Place: r.Place, Name: r.Name, Description: r.Description, Kinds: r.Kinds,
		Number: mobile, Tags: []string{},
	}
	if r.Type != "" || r.Num != 0 || r.FID != 0 {
		d.Flag = &flag{r.Type, r.Num, r.FID}
	}
	order := r.OrderID
	if order == "" {
		order = "JH511SIM" + mobile
	}
	return success{Reason: "成功", Result: result{d, order}}
}

// failure has the older resultcode beside a system error's code, as the service does.
func (r Reply) failure() failure {
	f := failure{Reason: reasons[r.Code], ErrorCode: r.Code}
	if r.Code > 10000 && r.Code < 10100 {
		f.ResultCode = strconv.Itoa(r.Code - 9900)
	}
	return f
}

func (r Reply) write(w http.ResponseWriter, mobile string) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	io.WriteString(w, r.Body(mobile)) // a client that left misses it
}
