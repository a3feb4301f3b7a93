package csdl

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest holds that how a path and a query are escaped makes no difference, and that a problem is one line.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{"books", "books('1')/author", "desk/counts(period='D7')", "branches/7:/a/b:/books", "books/lib.atlas/1/maps", "openOn(day=2026-11-01)", "books/$count"} {
		for _, filter := range []string{"title eq 'it''s'", "loans/any(l:l/renewals gt 3)", "not (lent and id in ('a','b'))", "bought ge 2026-11-01T00:00:00Z"} {
			f.Add(path, "$filter", filter)
		}
		f.Add(path, "$expand", "readers($select=name;$filter=name eq 'x'),author")
		f.Add(path, "$orderby", "title desc,bought")
	}
	d := library(f)
	f.Fuzz(func(t *testing.T, path, option, value string) {
		segments := strings.Split(path, "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		plain := d.Request("GET", "/v1.0/"+strings.Join(segments, "/"), url.Values{option: {value}}.Encode())
		all := d.Request("GET", "/v1.0/"+escapeAll(path, "/"), escapeAll(option, "")+"="+escapeAll(value, ""))
		switch {
		case (plain == nil) != (all == nil), plain != nil && plain.Error() != all.Error():
			t.Errorf("%v, and with all of it escaped %v", plain, all)
		case plain != nil && strings.Contains(plain.Error(), "\n"):
			t.Errorf("%q", plain)
		}
	})
}

// escapeAll escapes all bytes but one.
func escapeAll(s, but string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i:i+1] == but {
			b.WriteByte(s[i])
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[s[i]>>4], digits[s[i]&15]})
	}
	return b.String()
}

// FuzzAnswer holds that an answer that fits still does with an annotation more.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"id":"1","loans":[{"since":"2026-11-01","renewals":1}],"author":{"works":"monday"}}`, `{"@odata.type":"#lib.atlas","scale":1,"title":"x"}`,
		`{"value":[{"title":"x"}],"@odata.count":1}`, `{"value":true}`, "12", `[{"bought":"2026-11-01T00:00:00Z"}]`,
	} {
		for _, path := range []string{"/books", "/books/1", "/books/$count", "/openOn(day=2026-11-01)"} {
			f.Add(path, []byte(body))
		}
	}
	d := library(f)
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		inner, object := strings.CutPrefix(strings.TrimSpace(string(body)), "{")
		if d.Answer("/v1.0"+path, body) != nil || !object || strings.Contains(inner, "more") {
			return
		}
		if strings.TrimSpace(inner) != "}" {
			inner = "," + inner
		}
		if err := d.Answer("/v1.0"+path, []byte(`{"@fuzz.more":1`+inner)); err != nil {
			t.Error("with an annotation more:", err)
		}
	})
}
