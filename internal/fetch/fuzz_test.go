package fetch

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// FuzzAnswer reads bodies element by element, plain and packed. One is taken if and only if it is one JSON value
// and nothing else, and no error shows anything of it.
func FuzzAnswer(f *testing.F) {
	const planted = "hunter2"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"hunter2":["hunter2"]}`)
	_ = z.Close()
	for _, body := range []string{
		`{"hunter2":[{"hunter2":"hunter2"},[1e999,-0,null]]}`, `["hunter2\ud800","hunter2\u0000"]`, "[\"hunter2\xff\"]", `{"hunter2":1,"hunter2":2}`,
		`{"a":[]}hunter2`, "\ufeff <hunter2>", "", "\x1f\x8b\x08hunter2", packed.String(), packed.String()[:20], strings.Repeat(`[{"":`, 6000),
	} {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	c, _, err := New("http://127.0.0.1", DefaultConfig(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, isPacked bool) {
		answer := &Answer{Header: http.Header{}, client: c, body: bytes.NewReader(body)}
		if isPacked {
			answer.Header.Set("Content-Encoding", "gzip")
		}
		elements := 0
		err := JSON(func(dec *jsontext.Decoder) error {
			switch dec.PeekKind() {
			case '{':
				return Object(dec, func(string) error { elements++; return dec.SkipValue() })
			case '[':
				return Array(dec, func() error { elements++; return dec.SkipValue() })
			}
			return dec.SkipValue()
		})(answer)
		if isPacked {
			unpacked, broken := gzip.NewReader(bytes.NewReader(body))
			if broken == nil {
				body, broken = io.ReadAll(io.LimitReader(unpacked, maxValue))
			}
			if len(body) == maxValue { // which is for TestBombs
				return
			}
			if broken != nil {
				body = nil
			}
		}
		if whole := jsontext.Value(body).IsValid(); whole != (err == nil) {
			t.Errorf("valid %t, error %v", whole, err)
		}
		if elements > len(body) && err == nil {
			t.Errorf("%d elements in %d bytes", elements, len(body))
		}
		if err != nil && (cause.Of(err) != cause.BadResponse || strings.Contains(err.Error(), planted)) {
			t.Errorf("cause %s: %v", cause.Of(err), err)
		}
	})
}

// FuzzRetryAfter reads the header by which a platform says when to come back: never in the past, seconds as they
// are written, and a date as far off as it is from the platform's own.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, value := range []string{
		"", "0", "120", "-1", "1.5", "soon", "2147483648", "99999999999999999999", "Sun, 01 Nov 2026 12:02:00 GMT",
		"Sun, 01 Nov 9999 12:02:00 GMT", "Sunday, 01-Nov-26 12:02:00 GMT", "Sun Nov  1 12:02:00 0000",
	} {
		f.Add(value, now.Format(http.TimeFormat), uint32(120))
		f.Add(value, "Sat, 01 Jan 0000 00:00:00 GMT", uint32(1))
	}
	f.Fuzz(func(t *testing.T, value, date string, seconds uint32) {
		if d := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now); d < 0 {
			t.Errorf("%q, %q: %s", value, date, d)
		}
		want := time.Duration(seconds>>1) * time.Second
		if d := retryAfter(http.Header{"Retry-After": {fmt.Sprint(seconds >> 1)}}, now); d != want {
			t.Errorf("%d seconds: %s", seconds>>1, d)
		}
		until := now.Add(want).Format(http.TimeFormat)
		if d := retryAfter(http.Header{"Retry-After": {until}, "Date": {now.Format(http.TimeFormat)}}, now.Add(-want)); d != want {
			t.Errorf("%s: %s", until, d)
		}
	})
}
