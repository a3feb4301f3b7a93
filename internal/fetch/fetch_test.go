package fetch

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// open makes a client for the address that notes its pauses instead of waiting.
func open(t *testing.T, address string, pauses *[]time.Duration, change func(*Config, *Options)) *Client {
	t.Helper()
	c, o := DefaultConfig(), Options{UserAgent: "intranet_exporter/test"}
	c.RequestsPerSecond = 1e6
	o.Wait = func(_ context.Context, d time.Duration) error {
		if pauses != nil {
			*pauses = append(*pauses, d)
		}
		return nil
	}
	if change != nil {
		change(&c, &o)
	}
	client, key, err := New(address, c, o)
	if err != nil {
		t.Fatal(key, err)
	}
	return client
}

// get asks for path.
func get(ctx context.Context, c *Client, path string, query url.Values, read Read) error {
	return c.Do(ctx, Request{Path: path, Query: query}, JSON(read))
}

// number reads an answer such as {"n":1}.
func number(n *int) Read {
	return func(dec *jsontext.Decoder) error {
		return Object(dec, func(string) error { return json.UnmarshalDecode(dec, n) })
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"n":7}`)
		_ = z.Close()
	}))
	defer server.Close()
	var codes []string
	c := open(t, server.URL+"/w", nil, func(_ *Config, o *Options) { o.OnRequest = func(code string) { codes = append(codes, code) } })
	n := 0
	if err := get(t.Context(), c, "api.php", url.Values{"q": {"a b"}}, number(&n)); err != nil || n != 7 {
		t.Error(n, err)
	}
	if got.Method != "GET" || got.URL.String() != "/w/api.php?q=a+b" || got.UserAgent() != "intranet_exporter/test" || got.Header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
	if err := c.Do(t.Context(), Request{Form: url.Values{"q": {"a b"}}}, JSON(number(&n))); err != nil || n != 7 {
		t.Error(n, err)
	}
	if got.Method != "POST" || got.URL.String() != "/w" || got.PostForm.Get("q") != "a b" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.PostForm)
	}
	if !slices.Equal(codes, []string{"200", "200"}) {
		t.Error(codes)
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		status   int
		cause    cause.Cause
		want     string
		attempts int
	}{
		{301, cause.BadResponse, "answered 301", 1},
		{400, cause.BadResponse, "answered 400", 1},
		{401, cause.Auth, "answered 401", 1},
		{403, cause.Permission, "answered 403", 1},
		{404, cause.BadResponse, "answered 404; is the address right?", 1},
		{408, cause.Timeout, "answered 408", 1},
		{429, cause.RateLimited, "answered 429", 4},
		{500, cause.Unavailable, "answered 500", 4},
		{502, cause.Unavailable, "answered 502", 4},
		{503, cause.Unavailable, "answered 503", 4},
		{504, cause.Timeout, "answered 504", 1},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, "hunter2")
		}))
		err := get(t.Context(), open(t, server.URL+"/w", nil, nil), "x", url.Values{"q": {"hunter2"}}, number(new(int)))
		want := fmt.Sprintf("GET %s/w/x: %s", server.Listener.Addr(), test.want)
		if cause.Of(err) != test.cause || err.Error() != want || asked != test.attempts {
			t.Errorf("%d: cause %q, %d attempts, error\n%v, want\n%s", test.status, cause.Of(err), asked, err, want)
		}
		server.Close()
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"7", "", 7 * time.Second},
		{"-7", "", 0},
		{"7.5", "", 0},
		{"soon", "", 0},
		{"99999999999999999999", "", 0},
		{"Mon, 23 Nov 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Mon, 23 Nov 2026 11:00:00 GMT", "", 0},
		{"Mon, 23 Nov 2026 15:00:30 GMT", "Mon, 23 Nov 2026 15:00:00 GMT", 30 * time.Second}, // its clock is ahead
		{"Mon, 23 Nov 2026 12:00:30 GMT", "yesterday", 30 * time.Second},
	} {
		h := http.Header{"Retry-After": {test.value}, "Date": {test.date}}
		if got := retryAfter(h, now); got != test.want {
			t.Errorf("%q, %q: %s, want %s", test.value, test.date, got, test.want)
		}
	}
}

func TestRetries(t *testing.T) {
	after := ""
	failures := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if failures--; failures >= 0 {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(503)
			return
		}
		_, _ = io.WriteString(w, `{"n":7}`)
	}))
	defer server.Close()
	for _, test := range []struct {
		name     string
		failures int
		after    string
		deadline time.Duration
		pauses   []time.Duration // at least; at most twice that of the back-off more
		fails    cause.Cause
	}{
		{"never", 0, "", 0, nil, ""},
		{"back-off doubles", 3, "", 0, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}, ""},
		{"not for ever", 4, "", 0, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}, cause.Unavailable},
		{"as it asks", 2, "30", 0, []time.Duration{30*time.Second + 500*time.Millisecond, 31 * time.Second}, ""},
		{"too long", 1, "61", 0, nil, cause.RateLimited},
		{"longer than the poll", 1, "30", 20 * time.Second, nil, cause.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			failures, after = test.failures, test.after
			ctx := t.Context()
			if test.deadline > 0 {
				var cancel func()
				ctx, cancel = context.WithTimeout(ctx, test.deadline)
				defer cancel()
			}
			var pauses []time.Duration
			n := 0
			err := get(ctx, open(t, server.URL, &pauses, nil), "", nil, number(&n))
			if cause.Of(err) != test.fails || err == nil && n != 7 {
				t.Error(n, err)
			}
			if len(pauses) != len(test.pauses) {
				t.Fatal(pauses)
			}
			for i, least := range test.pauses {
				if most := least + backoffLimit(i+1); pauses[i] < least || pauses[i] > most {
					t.Errorf("pause %d is %s, want %s to %s", i, pauses[i], least, most)
				}
			}
		})
	}
}

func backoffLimit(attempt int) time.Duration { return time.Second << (attempt - 1) / 2 }

func TestAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "5")
		_, _ = fmt.Fprintf(w, `{"n":%d}`, asked)
	}))
	defer server.Close()
	var pauses []time.Duration
	busy := cause.Errorf(cause.Unavailable, "busy")
	err := get(t.Context(), open(t, server.URL, &pauses, nil), "", nil, func(dec *jsontext.Decoder) error {
		n := 0
		if err := number(&n)(dec); err != nil || n == 3 {
			return err
		}
		return Again(busy)
	})
	if err != nil || asked != 3 || len(pauses) != 2 || pauses[0] < 5*time.Second {
		t.Error(err, asked, pauses)
	}
	err = get(t.Context(), open(t, server.URL, nil, nil), "", nil, func(*jsontext.Decoder) error { return Again(busy) })
	if !errors.Is(err, busy) || asked != 7 {
		t.Error(err, asked)
	}
}

func TestBody(t *testing.T) {
	for _, test := range []struct{ name, body, encoding, want string }{
		{"empty", "", "", "the answer ends in the middle"},
		{"spaces", "  \n", "", "the answer ends in the middle"},
		{"half", `{"n":`, "", "the answer ends in the middle"},
		{"half a string", `{"n":"x`, "", "the answer ends in the middle"},
		{"HTML", "\ufeff\n <html>hunter2", "", "answered HTML instead of data"},
		{"text", "hunter2", "", "answered what is not valid JSON"},
		{"notice before", "Warning: hunter2\n{}", "", "answered what is not valid JSON"},
		{"UTF-8", "{\"\xff\":1}", "", "answered what is not valid JSON"},
		{"a name twice", `{"n":1,"n":2}`, "", "answered what is not valid JSON"},
		{"array", `[1]`, "", "answered JSON of another shape than expected"},
		{"other type", `{"n":"hunter2"}`, "", "answered JSON of another shape than expected"},
		{"overflow", `{"n":1e99}`, "", "answered JSON of another shape than expected"},
		{"two values", `{"n":1}{"n":2}`, "", "answered JSON of another shape than expected"},
		{"rubbish behind", `{"n":1}hunter2`, "", "answered what is not valid JSON"},
		{"not gzip", `{"n":1234567890}`, "gzip", "the answer can't be decompressed"},
		{"half gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xaa", "gzip", "the answer ends in the middle"},
		{"no gzip at all", "", "gzip", "the answer ends in the middle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", test.encoding)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			err := get(t.Context(), open(t, server.URL+"/x", nil, nil), "", nil, number(new(int)))
			if want := "GET " + server.Listener.Addr().String() + "/x: " + test.want; cause.Of(err) != cause.BadResponse || err.Error() != want {
				t.Errorf("cause %q, error\n%v, want\n%s", cause.Of(err), err, want)
			}
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangUp.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"n":1`)
	}))
	defer cut.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"n":`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer slow.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	_ = listener.Close()
	dir := t.TempDir()
	ca, block := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "block.pem")
	for file, content := range map[string]string{ca: "hunter2", block: "-----BEGIN HUNTER2-----\n-----END HUNTER2-----\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, test := range []struct {
		name, address string
		change        func(*Config, *Options)
		cause         cause.Cause
		want          string
	}{
		{"refused", closed, nil, cause.Unavailable, "connection refused"},
		{"hung up", hangUp.URL, nil, cause.Unavailable, "the connection broke"},
		{"cut", cut.URL, nil, cause.BadResponse, "the answer ends in the middle"},
		{"unknown authority", secure.URL, nil, cause.Unavailable, "the certificate is signed by an authority that is not known here; http_client.tls_config.ca_file may name it"},
		{"no TLS", strings.Replace(plain.URL, "http", "https", 1), nil, cause.Unavailable, "no TLS connection can be made"},
		{"slow", slow.URL, func(c *Config, _ *Options) { c.RequestTimeout = model.Duration(50 * time.Millisecond) }, cause.Timeout, "no whole answer within 50ms"},
		{"no such file", plain.URL, func(c *Config, o *Options) {
			o.Dir = dir
			c.HTTPClient.Authorization = &config.Authorization{CredentialsFile: "token"}
		}, cause.Other, "open " + dir + "/token: no such file or directory"},
		{"no certificate", secure.URL, func(c *Config, o *Options) {
			o.Dir = dir
			c.HTTPClient.TLSConfig.CAFile = "ca.pem"
		}, cause.Other, "http_client: unable to use specified CA cert file " + ca},
		{"no key", secure.URL, func(c *Config, o *Options) {
			o.Dir = dir
			c.HTTPClient.TLSConfig.CertFile, c.HTTPClient.TLSConfig.KeyFile = "block.pem", "block.pem"
		}, cause.Other, "http_client: unable to use specified client cert (file " + block + ") & key (file " + block + ")"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := get(t.Context(), open(t, test.address, nil, test.change), "", url.Values{"q": {"hunter2"}}, number(new(int)))
			_, host, _ := strings.Cut(test.address, "//")
			if want := "GET " + host + ": " + test.want; cause.Of(err) != test.cause || strings.Replace(err.Error(), host+"/", host, 1) != want {
				t.Errorf("cause %q, error\n%v, want\n%s", cause.Of(err), err, want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"n":7}`) }))
	defer server.Close()
	c := open(t, server.URL, nil, func(c *Config, _ *Options) {
		c.HTTPClient.TLSConfig.InsecureSkipVerify = true
		c.HTTPClient.TLSConfig.MinVersion = config.TLSVersion(tls.VersionTLS13)
	})
	n := 0
	if err := get(t.Context(), c, "", nil, number(&n)); err != nil || n != 7 {
		t.Error(n, err)
	}
}

func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked, with %v", r.Header)
	}))
	defer other.Close()
	server := httptest.NewServer(nil)
	defer server.Close()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/here":
			_, _ = io.WriteString(w, `{"n":7}`)
		case "/other":
			http.Redirect(w, r, other.URL+"/?q=hunter2", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/scheme":
			http.Redirect(w, r, strings.Replace(server.URL, "http", "https", 1), http.StatusFound)
		}
	})
	const refused = ": redirects to another address, which is not followed; is the address right, or does a sign-in page stand before it?"
	header := func(c *Config, _ *Options) {
		c.HTTPClient.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"X-Key": {Secrets: []config.Secret{"hunter2"}}}}
	}
	for path, want := range map[string]string{"/same": "", "/other": refused, "/loop": refused, "/scheme": refused} {
		err := get(t.Context(), open(t, server.URL, nil, header), path, nil, number(new(int)))
		switch {
		case want == "" && err != nil:
			t.Error(path, err)
		case want != "" && (cause.Of(err) != cause.BadResponse || err.Error() != "GET "+server.Listener.Addr().String()+path+want):
			t.Error(path, err)
		}
	}
	if err := open(t, server.URL, nil, nil).Do(t.Context(), Request{Path: "/same", Form: url.Values{}}, JSON(number(new(int)))); err == nil || !strings.HasSuffix(err.Error(), refused) {
		t.Error("a form got lost in a redirect:", err)
	}
	err := get(t.Context(), open(t, server.URL, nil, func(c *Config, _ *Options) { c.HTTPClient.FollowRedirects = false }), "/same", nil, number(new(int)))
	if err == nil || !strings.HasSuffix(err.Error(), "/same: answered 302") {
		t.Error(err)
	}
}

func TestOAuth2(t *testing.T) {
	var refuse atomic.Int32 // the status that the token endpoint answers with
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
		switch {
		case r.URL.Path != "/token":
			_, _ = fmt.Fprintf(w, `{"n":%d}`, len(r.Header.Get("Authorization")))
		case refuse.Load() == 1: // never answers
			<-r.Context().Done()
		case refuse.Load() != 0:
			w.WriteHeader(int(refuse.Load()))
			_, _ = io.WriteString(w, `{"error":"hunter2"}`)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"sesame","token_type":"bearer","expires_in":1}`)
		}
	}))
	defer server.Close()
	c := open(t, server.URL, nil, func(c *Config, _ *Options) {
		c.RequestTimeout = model.Duration(100 * time.Millisecond)
		c.HTTPClient.OAuth2 = &config.OAuth2{ClientID: "id", ClientSecret: "hunter2", TokenURL: server.URL + "/token"}
	})
	n := 0
	if err := get(t.Context(), c, "", nil, number(&n)); err != nil || n != len("Bearer sesame") {
		t.Error(n, err)
	}
	for code, want := range map[int32]cause.Cause{400: cause.Auth, 401: cause.Auth, 503: cause.Unavailable, 1: cause.Timeout} {
		refuse.Store(code)
		err := get(t.Context(), c, "", nil, number(&n))
		if cause.Of(err) != want || strings.Contains(err.Error(), "hunter2") {
			t.Error(code, err)
		}
	}
}

func TestSession(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		_, _ = fmt.Fprintf(w, `{"n":%d}`, len(r.Cookies()))
	}))
	defer server.Close()
	for _, session := range []bool{true, false} {
		c := open(t, server.URL, nil, func(_ *Config, o *Options) { o.Session = session })
		var got [3]int
		for i := range got {
			if i == 2 {
				if err := c.Forget(); err != nil {
					t.Fatal(err)
				}
			}
			if err := get(t.Context(), c, "", nil, number(&got[i])); err != nil {
				t.Fatal(err)
			}
		}
		want := [3]int{0, 0, 0}
		if session {
			want[1] = 1
		}
		if got != want {
			t.Errorf("session %v: %v cookies", session, got)
		}
	}
}

func TestBudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"n":7}`) }))
	defer server.Close()
	c := open(t, server.URL, nil, func(c *Config, _ *Options) { c.RequestsPerSecond = 0.001 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := get(ctx, c, "", nil, number(new(int))); err != nil {
		t.Error(err)
	}
	err := get(ctx, c, "", nil, number(new(int)))
	if cause.Of(err) != cause.Timeout || !strings.HasSuffix(err.Error(), "the time of the poll is up before requests_per_second allows this request") {
		t.Error(err)
	}
}

func TestPages(t *testing.T) {
	for _, test := range []struct {
		name string
		next func(i int) string
		ends int // number of pages until it is refused
		want string
	}{
		{"same again", func(int) string { return "a" }, 2, "the list goes in circles: a page was given before"},
		{"a circle of three", func(i int) string { return fmt.Sprint(i % 3) }, 6, "the list goes in circles: a page was given before"},
		{"a circle behind a tail", func(i int) string { return fmt.Sprint(min(i, 100)) }, 128, "the list goes in circles: a page was given before"},
		{"no end", func(i int) string { return fmt.Sprint(i) }, maxPages + 1, "the list has no end: gave up after 10000 pages"},
	} {
		var p Pages
		i := 0
		var err error
		for err == nil {
			err = p.Next(test.next(i))
			i++
		}
		if err.Error() != test.want || cause.Of(err) != cause.BadResponse || i != test.ends {
			t.Errorf("%s: %v after %d pages, want %d", test.name, err, i, test.ends)
		}
	}
}

// TestStream shows that a list is read element by element: the memory for it does not grow.
func TestStream(t *testing.T) {
	const rows = 200_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"rows":[`)
		for i := range rows {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"id":%d,"text":"%0100d"}`, i, i)
		}
		_, _ = io.WriteString(w, `]}`)
	}))
	defer server.Close()
	n := 0
	err := get(t.Context(), open(t, server.URL, nil, nil), "", nil, func(dec *jsontext.Decoder) error {
		return Object(dec, func(string) error {
			return Array(dec, func() error {
				n++
				if n%10_000 == 0 {
					if buffered := len(dec.UnreadBuffer()); buffered > 1<<20 {
						t.Fatalf("%d bytes are buffered", buffered)
					}
				}
				return dec.SkipValue()
			})
		})
	})
	if err != nil || n != rows {
		t.Error(n, err)
	}
}

// TestBombs shows that little is read, and less is held, of answers that would not end for long.
func TestBombs(t *testing.T) {
	const tooLong = "answered a single value of more than 1 MiB"
	for _, test := range []struct {
		name, start, more string
		most              int64 // bytes that the server gets rid of
		want              string
	}{
		{"a string", `{"n":"`, "x", 2 << 20, tooLong},
		{"a name", `{"`, "x", 2 << 20, tooLong},
		{"a number", `{"n":`, "1", 2 << 20, tooLong},
		{"blanks", `{`, " ", 2 << 20, tooLong},
		{"elements", `{"n":[0`, ",0", 2 * maxAnswer, "the answer is larger than 32768 KiB"},
	} {
		for _, encoding := range []string{"", "gzip"} {
			t.Run(test.name+" "+encoding, func(t *testing.T) {
				var sent atomic.Int64
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					out := io.Writer(w)
					if encoding == "gzip" {
						w.Header().Set("Content-Encoding", encoding)
						packer := gzip.NewWriter(w)
						defer func() { _ = packer.Close() }()
						out = packer
					}
					_, err := io.WriteString(out, test.start)
					for more := []byte(strings.Repeat(test.more, 1<<15)); err == nil && sent.Load() < 8*maxAnswer; sent.Add(int64(len(more))) {
						_, err = out.Write(more)
					}
				}))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := get(t.Context(), open(t, server.URL, nil, nil), "", nil, func(dec *jsontext.Decoder) error { return dec.SkipValue() })
				runtime.ReadMemStats(&after)
				server.Close() // and wait for it
				if cause.Of(err) != cause.BadResponse || !strings.HasSuffix(err.Error(), ": "+test.want) {
					t.Error(err)
				}
				if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
					t.Errorf("allocated %d bytes", allocated)
				}
				if encoding == "" && sent.Load() > test.most+8<<20 { // which the connection's buffers hold
					t.Errorf("read %d bytes", sent.Load())
				}
			})
		}
	}
}

// TestImpatient holds that a request on a connection that was idle has as much time as any other.
func TestImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := &impatient{here, time.Second}
		go func() { _, _ = io.Copy(io.Discard, there) }()
		began, ended := time.Now(), make(chan time.Duration)
		go func() {
			_, err := c.Read(make([]byte, 1)) // as the transport does all the time
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			ended <- time.Since(began)
		}()
		time.Sleep(900 * time.Millisecond)
		if _, err := c.Write([]byte("GET")); err != nil {
			t.Error(err)
		}
		if d := <-ended; d != 1900*time.Millisecond {
			t.Errorf("the answer was waited for until %s", d)
		}
		_ = there.Close()
	})
}

func TestCancelled(t *testing.T) {
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if err := get(ctx, open(t, server.URL, nil, nil), "", nil, number(new(int))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
