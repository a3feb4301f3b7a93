package fetch

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// A link is used as the platform gave it, and is never shown.
func TestLink(t *testing.T) {
	var asked []string
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"n":7}`)
	}))
	defer server.Close()
	c := open(t, server.URL+"/v1", nil, nil)
	n := 0
	link := server.URL + "/hunter2%2Fx/?$skiptoken=hunter2+%24&a"
	if err := c.Do(t.Context(), Request{Path: "x", Link: link}, JSON(number(&n))); err != nil || n != 7 || asked[0] != strings.TrimPrefix(link, server.URL) {
		t.Error(n, err, asked)
	}
	host := server.Listener.Addr().String()
	status = http.StatusGone
	err := c.Do(t.Context(), Request{Link: link}, JSON(number(&n)))
	if err == nil || err.Error() != "GET "+host+": answered 410" || Refused(err) != http.StatusGone {
		t.Error(err)
	}
	if err := c.Do(t.Context(), Request{Path: "hunter2/x", Shown: "somebody/x"}, JSON(number(&n))); err == nil || err.Error() != "GET "+host+"/v1/somebody/x: answered 410" {
		t.Error(err)
	}
	for _, other := range []string{
		strings.Replace(link, "http:", "https:", 1), strings.Replace(link, "127.0.0.1", "localhost", 1), strings.Replace(link, "//", "//hunter2@", 1), "/hunter2", "%",
	} {
		err := c.Do(t.Context(), Request{Link: other}, JSON(number(&n)))
		if cause.Of(err) != cause.BadResponse || err.Error() != "GET "+host+": gave a link to another host, which is not followed" {
			t.Error(other, err)
		}
	}
	if len(asked) != 3 {
		t.Error(asked)
	}
}

// Who wants redirects gets them, and the answer that nothing has changed, and follows none.
func TestHandedRedirects(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("If-None-Match") == `"1"`:
			w.WriteHeader(http.StatusNotModified)
		case r.URL.Path == "/":
			w.Header().Set("ETag", `"1"`)
			http.Redirect(w, r, "/there", http.StatusFound)
		default:
			t.Error("it was followed")
		}
	}))
	defer server.Close()
	c := open(t, server.URL, nil, func(_ *Config, o *Options) { o.Redirects = true })
	tag := ""
	for _, want := range []int{http.StatusFound, http.StatusNotModified} {
		err := c.Do(t.Context(), Request{Header: http.Header{"If-None-Match": {tag}}}, func(a *Answer) error {
			if a.Status != want || want == http.StatusFound && a.Header.Get("Location") != "/there" {
				t.Error(a.Status, a.Header)
			}
			tag = a.Header.Get("ETag")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ name, body, text, err string }{
		{"plain", "a,b\r\n", "a,b\r\n", ""},
		{"with a mark", "\ufeffa,b", "a,b", ""},
		{"empty", "", "", ""},
		{"HTML", "\ufeff <!DOCTYPE html>hunter2", "", "answered HTML instead of data"},
		{"no UTF-8", "hunter2\xff", "", "answered text that is not UTF-8"},
		{"too long", strings.Repeat("hunter2\n", maxText/8+1), "", "the answer is larger than 256 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) }))
			defer server.Close()
			text := ""
			err := open(t, server.URL, nil, nil).Do(t.Context(), Request{}, func(a *Answer) (err error) {
				text, err = a.Text()
				return err
			})
			if test.err == "" && (err != nil || text != test.text) {
				t.Errorf("%q, %v", text, err)
			}
			if test.err != "" && (cause.Of(err) != cause.BadResponse || !strings.HasSuffix(err.Error(), "/: "+test.err)) {
				t.Error(err)
			}
		})
	}
}

// What a refusal says counts where it is understood, and its status where not.
func TestRefusal(t *testing.T) {
	status, body, encoding := 0, "", ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	explain := func(_ *Config, o *Options) {
		o.Refusal = func(status int, dec *jsontext.Decoder) error {
			var answer struct {
				Code string `json:"code"`
			}
			if err := json.UnmarshalDecode(dec, &answer); err != nil || answer.Code == "" {
				return err
			}
			return cause.Errorf(cause.Permission, "no licence (%d)", status)
		}
	}
	for _, test := range []struct {
		status     int
		body, want string
		cause      cause.Cause
	}{
		{403, `{"code":"x","hunter2":1}`, "no licence (403)", cause.Permission},
		{400, `{"code":"x"}`, "no licence (400)", cause.Permission},
		{400, `{}`, "answered 400", cause.BadResponse},
		{401, `{"code":`, "answered 401", cause.Auth},
		{401, "", "answered 401", cause.Auth},
		{404, "<html>hunter2", "answered 404; is the address right?", cause.BadResponse},
		{403, "gzip", "answered 403", cause.Permission}, // and nothing that is compressed
		{403, `{"code":"` + string(bytes.Repeat([]byte("x"), 2<<20)) + `"}`, "answered 403", cause.Permission},
	} {
		status, body, encoding = test.status, test.body, ""
		if body == "gzip" {
			encoding = "gzip"
		}
		err := get(t.Context(), open(t, server.URL, nil, explain), "", nil, number(new(int)))
		if cause.Of(err) != test.cause || !strings.HasSuffix(err.Error(), "/: "+test.want) || Refused(err) != test.status {
			t.Errorf("%d: %v, %d", test.status, err, Refused(err))
		}
	}
	if Refused(nil) != 0 || Refused(io.EOF) != 0 {
		t.Error("nobody refused")
	}
}

// A platform that wants to be left alone is, for as long as it says, but not for ever.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, after := 0, "600"
		c := open(t, "http://platform.example", nil, nil)
		c.http = &http.Client{Transport: transport(func(*http.Request) *http.Response {
			asked++
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {after}}, Body: http.NoBody}
		})}
		ask := func() string {
			err := get(t.Context(), c, "", nil, number(new(int)))
			if cause.Of(err) != cause.RateLimited {
				t.Error(err)
			}
			return strings.TrimPrefix(err.Error(), "GET platform.example/: ")
		}
		if said := ask(); said != "answered 429, and asks to be left alone for 10m0s" || asked != 1 {
			t.Error(said, asked)
		}
		time.Sleep(9 * time.Minute)
		if said := ask(); said != "asked to be left alone for 1m0s more" || asked != 1 {
			t.Error(said, asked)
		}
		time.Sleep(time.Minute)
		after = "1000000"
		if ask(); asked != 2 {
			t.Error(asked)
		}
		time.Sleep(longestRest)
		if ask(); asked != 3 {
			t.Error("left alone for longer than an hour")
		}
	})
}

type transport func(*http.Request) *http.Response

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r), nil }
