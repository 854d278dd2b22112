package juhe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"callscreen/screening"
)

// TestDecodeOdd reads the bodies of testdata/juhe whose first line says what
// becomes of them.
func TestDecodeOdd(t *testing.T) {
	files, _ := filepath.Glob("../testdata/juhe/*.txt")
	if len(files) < 80 {
		t.Fatalf("%d files in testdata/juhe", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, body := readVector(t, file)
			r, err := decode(body)
			if got := outcome(r, err); got != want {
				t.Errorf("decode(%.80q) = %s, %v; want %s", body, got, err, want)
			}
			if err != nil && !reflect.DeepEqual(r, screening.Reputation{}) {
				t.Errorf("decode(%.80q) = %+v beside its error", body, r)
			}
		})
	}
}

func readVector(t *testing.T, file string) (want string, body []byte) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, body, found := bytes.Cut(content, []byte("\n"))
	want, ok := strings.CutPrefix(string(line), "want ")
	if !ok || !found {
		t.Fatalf("%s: first line is not its expectation", file)
	}
	return want, body
}

// outcome words a result as the first lines of the vectors do.
func outcome(r screening.Reputation, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e) && e.Code != 0:
		return fmt.Sprintf("%s %d", e.Class, e.Code)
	case errors.As(err, &e):
		return string(e.Class)
	case err != nil:
		return err.Error()
	case !r.Known() && r.Keep == 0:
		return "nothing 0s"
	case !r.Known():
		return "nothing " + strings.TrimSuffix(r.Keep.String(), "0s")
	}
	return fmt.Sprintf("%s %s %d", r.Category, r.Label, r.Marks)
}

func TestDecodeDocumented(t *testing.T) {
	tests := map[string]screening.Reputation{
		"95204657":     {Category: "sales", Label: "推销", Marks: 3475},
		"10086":        {Name: "中国移动", Description: "统一客服电话", Kinds: []string{"运营商", "热线电话"}},
		"13041439112":  {Category: "delivery", Label: "快递送餐", Marks: 45, Place: "江苏苏州联通"},
		"057156264805": {Category: "sales", Label: "推销", Marks: 1478, Place: "浙江杭州"},
		"051283154814": {Category: "agent", Label: "中介", Marks: 25, Place: "江苏苏州"},
	}
	for number, want := range tests {
		want.Directory = "juhe"
		got, err := decode(readBodyFile(t, number))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("decode(%s.json) = %+v, %v; want %+v", number, got, err, want)
		}
	}
}

func readBodyFile(t testing.TB, number string) []byte {
	t.Helper()
	body, err := os.ReadFile("../testdata/juhe/" + number + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDecodeKinds(t *testing.T) {
	tests := map[int]screening.Category{
		1: screening.CategoryHarassment, 2: screening.CategorySales, 3: screening.CategoryAgent, 4: screening.CategoryDelivery,
		5: screening.CategoryFraud, 6: screening.CategoryRecruiter, 7: screening.CategoryTaxi,
	}
	for fid, want := range tests {
		body := `{"error_code":0,"result":{"data":{"flag":{"num":3,"fid":%d}}}}`
		got, err := decode(fmt.Appendf(nil, body, fid))
		if err != nil || got.Category != want || labels[got.Label] != want {
			t.Errorf("fid %d = %s %s, %v; want %s", fid, got.Category, got.Label, err, want)
		}
	}
}

func TestDecodeCodes(t *testing.T) {
	tests := map[int]struct {
		sentinel error
		reason   string
	}{
		10001: {ErrKey, "key"}, 10002: {ErrKey, "key"}, 10003: {ErrKey, "key"}, 10004: {ErrKey, "key"},
		10005: {ErrKey, "key"}, 10007: {ErrKey, "key"}, 10008: {ErrKey, "key"}, 10009: {ErrKey, "key"},
		10011: {ErrThrottled, "throttled"}, 10012: {ErrQuota, "quota"}, 10013: {ErrQuota, "quota"},
		10014: {ErrUpstream, "upstream"}, 10020: {ErrUpstream, "upstream"}, 10021: {ErrKey, "key"},
		251101: {ErrUpstream, "upstream"}, 251102: {ErrRequest, "request"}, 99999: {ErrKey, "key"},
	}
	for code, want := range tests {
		bodies := []string{fmt.Sprintf(`{"reason":"x","result":null,"error_code":%d}`, code)}
		if code < 10100 {
			bodies = append(bodies, fmt.Sprintf(`{"resultcode":"%d","reason":"x"}`, code-9900))
		}
		for _, body := range bodies {
			_, err := decode([]byte(body))
			var e *Error
			if !errors.As(err, &e) || e.Code != code || e.Reason() != want.reason || !errors.Is(err, want.sentinel) {
				t.Errorf("decode(%s) = %v, want %v", body, err, want)
			}
			for _, other := range []error{ErrKey, ErrQuota, ErrThrottled, ErrUpstream, ErrRequest} {
				if other != want.sentinel && errors.Is(err, other) {
					t.Errorf("decode(%s) is also %v", body, other)
				}
			}
		}
	}
}

func TestDecodeKeepsLittle(t *testing.T) {
	long := strings.Repeat("电", 20000)
	body := `{"error_code":0,"result":{"telnum":"1","name":"` + long + `","catnames":[` + strings.Repeat(`"a",`, 99) + `{},"b"]}}`
	got, err := decode([]byte(body))
	if err != nil || got.Name != long[:maxText/3*3] || len(got.Kinds) != maxList {
		t.Errorf("name of %d bytes, %d kinds, %v; want %d, %d", len(got.Name), len(got.Kinds), err, maxText/3*3, maxList)
	}
}

func TestDecodeQueryFailedIsAnAnswer(t *testing.T) {
	got, err := decode([]byte(`{"reason":"查询失败","error_code":251103}`))
	if err != nil || got.Known() || got.Keep != 10*time.Minute {
		t.Errorf("251103 = %+v, %v; want nothing known for 10m", got, err)
	}
}

// FuzzDecode holds that no body panics, that an error comes without a reputation,
// and that no part of a body is taken for the whole.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"*.json", "*.txt"} {
		files, _ := filepath.Glob("../testdata/juhe/" + pattern)
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if _, body, ok := bytes.Cut(content, []byte("\n")); ok && pattern == "*.txt" {
				content = body
			}
			f.Add(content, len(content)/2)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, cut int) {
		r, err := decode(body)
		if err != nil {
			if r.Known() || r.Keep != 0 {
				t.Errorf("%+v beside %v", r, err)
			}
			return
		}
		if r.Marks < 0 || len(r.Name) > maxText || len(r.Kinds) > maxList {
			t.Errorf("out of bounds: %+v", r)
		}
		whole := bytes.TrimRight(body, " \t\r\n")
		if cut >= 0 && cut < len(whole) {
			if r, err := decode(whole[:cut]); err == nil {
				t.Errorf("decode(%q), the start of %q, = %+v", whole[:cut], whole, r)
			}
		}
	})
}
