// Package fetch is the one HTTP client of all collectors. They know paths, parameters and JSON; time-outs,
// retries, limits, the request budget, and what may be said about a failure are decided here.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"golang.org/x/time/rate"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

const (
	attempts    = 4                // of one request, the first included
	longestWait = time.Minute      // a platform that asks for more is left alone meanwhile, and the poll fails
	longestRest = time.Hour        // that a platform is left alone for, whatever it asks for
	maxAnswer   = 32 << 20         // bytes of one answer after decompression
	drain       = 64 << 10         // bytes read from an unwanted body so that its connection can be used again
	defaultRate = 5                // requests per second
	defaultTime = 30 * time.Second // of one request
)

// A Config holds the keys that every platform reached over HTTP has.
type Config struct {
	HTTPClient        config.HTTPClientConfig `yaml:"http_client"`
	RequestTimeout    model.Duration          `yaml:"request_timeout"`
	RequestsPerSecond float64                 `yaml:"requests_per_second"`
}

// DefaultConfig is what the config of a platform starts from: the zero HTTPClientConfig follows no
// redirects and speaks no HTTP/2.
func DefaultConfig() Config {
	return Config{
		HTTPClient:        config.DefaultHTTPClientConfig,
		RequestTimeout:    model.Duration(defaultTime),
		RequestsPerSecond: defaultRate,
	}
}

// Options are what a client needs besides its config.
type Options struct {
	UserAgent string
	Dir       string                                     // that relative file names start from
	OnRequest func(code string)                          // called once for each request sent; code is the HTTP status, or "error"
	Wait      func(context.Context, time.Duration) error // pauses between two attempts; nil = Wait
	Session   bool                                       // keep cookies
	Redirects bool                                       // hand on answers with status 302 and 304, and follow none
	// Refusal says what the body of an answer with another status than of success means. An error without a cause
	// says that it means nothing more than its status does; nil = it never does.
	Refusal func(status int, dec *jsontext.Decoder) error
}

// A Client talks to one platform, one request at a time.
type Client struct {
	base    *url.URL
	config  Config
	options Options
	limiter *rate.Limiter
	http    *http.Client // made by the first request, because that reads certificate files
	rest    time.Time    // until when the platform asked to be left alone
}

// New checks c and makes a client for the platform at address. An error comes with the key that it is about.
func New(address string, c Config, o Options) (client *Client, key string, err error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil ||
		base.RawQuery != "" || base.Fragment != "" {
		return nil, "url", errors.New("is no plain web address; write one such as https://wiki.example.org/w/api.php, without password and query")
	}
	if base.Path == "" {
		base.Path = "/"
	}
	if c.RequestTimeout <= 0 {
		return nil, "request_timeout", errors.New("must be longer than zero, such as 30s")
	}
	if !(c.RequestsPerSecond > 0) {
		return nil, "requests_per_second", errors.New("must be more than zero, such as 5")
	}
	if err := c.HTTPClient.Validate(); err != nil {
		return nil, "http_client", err
	}
	c.HTTPClient.SetDirectory(o.Dir)
	burst := max(1, int(c.RequestsPerSecond))
	if o.Wait == nil {
		o.Wait = Wait
	}
	return &Client{base: base, config: c, options: o, limiter: rate.NewLimiter(rate.Limit(c.RequestsPerSecond), burst)}, "", nil
}

// A Request is one question to a platform.
type Request struct {
	Path   string      // below the platform's address
	Shown  string      // in errors, in place of a path that may name somebody; "" = the path
	Query  url.Values  // without Link
	Form   url.Values  // sent by POST; nil = GET
	Header http.Header // besides what every request has
	// Link is an address that the platform gave, for the next page of a list or for a download, to be used as it is
	// in place of Path and Query. One on another host is refused, and none is ever shown: it may be a key.
	Link string
}

// Again marks an error by which a platform said, in an answer that looks like success, that it should be
// asked later. The client does so as after a 503; the caller must not have used anything of the answer.
func Again(err error) error { return &again{err} }

type again struct{ error }

func (a *again) Unwrap() error { return a.error }

// Do sends a request and hands the answer to read, which may be called again with another one after it returned
// Again, and only then.
//
// Do retries by itself, not through a library for it: some platforms say only in the body of a 200 that
// they are busy, and the body is read as a stream.
func (c *Client) Do(ctx context.Context, r Request, read func(*Answer) error) (err error) {
	method := http.MethodGet
	if r.Form != nil {
		method = http.MethodPost
	}
	target, shown, err := c.target(r)
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s %s: %w", method, shown, err)
		}
	}()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		if rest := time.Until(c.rest); rest > 0 {
			return cause.Errorf(cause.RateLimited, "asked to be left alone for %s more", rest.Round(time.Second))
		}
		if err := c.limiter.Wait(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return cause.Errorf(cause.Timeout, "the time of the poll is up before requests_per_second allows this request")
		}
		header, err := c.once(ctx, method, target, r, read)
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		var temporary *again
		if !errors.As(err, &temporary) || attempt == attempts {
			return err
		}
		after := retryAfter(header, time.Now())
		pause := after + backoff(attempt)
		if after > longestWait { // whatever it is short of, it does not want to be asked
			c.rest = time.Now().Add(min(after, longestRest))
			return cause.Errorf(cause.RateLimited, "%w, and asks to be left alone for %s", err, after)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return err
		}
		if err := c.options.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// target returns the address of a request, and what may be shown of it.
func (c *Client) target(r Request) (target, shown string, err error) {
	if r.Link == "" {
		u := c.base.JoinPath(r.Path)
		if shown = u.Host + u.Path; r.Shown != "" {
			shown = u.Host + c.base.JoinPath(r.Shown).Path
		}
		u.RawQuery = r.Query.Encode()
		return u.String(), shown, nil
	}
	u, err := url.Parse(r.Link)
	if err != nil || u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.User != nil {
		return "", c.base.Host, cause.Errorf(cause.BadResponse, "gave a link to another host, which is not followed")
	}
	return u.String(), c.base.Host, nil
}

// once sends one request. The header is that of the answer, nil if there was none.
func (c *Client) once(ctx context.Context, method, target string, r Request, read func(*Answer) error) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.config.RequestTimeout))
	defer cancel()
	if err := c.open(); err != nil {
		return nil, err
	}
	form := io.Reader(nil)
	if r.Form != nil {
		form = strings.NewReader(r.Form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, target, form)
	if err != nil {
		return nil, cause.Errorf(cause.Other, "the request can't be made") // the error would quote the address
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip") // prometheus/common switches the transport's own off
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(req.Header, r.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, drain)
		_ = resp.Body.Close()
	}()
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header, client: c, body: resp.Body}
	handed := c.options.Redirects && (answer.Status == http.StatusFound || answer.Status == http.StatusNotModified)
	if answer.Status/100 != 2 && !handed {
		return resp.Header, answer.refusal()
	}
	return resp.Header, read(answer)
}

// open makes the HTTP client.
func (c *Client) open() error {
	if c.http != nil {
		return nil
	}
	// OAuth2 fetches its token without the request's context, so the connection itself needs a limit. It is a longer
	// one: a request whose connection ends before the request does is sent once more by net/http itself.
	timeout := 2 * time.Duration(c.config.RequestTimeout)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{conn, timeout}, nil
	}
	rt, err := config.NewRoundTripperFromConfig(c.config.HTTPClient, "collector", config.WithUserAgent(c.options.UserAgent), config.WithDialContextFunc(dial))
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return cause.Errorf(cause.Other, "http_client: %w", file)
	case err != nil:
		text, _, _ := strings.Cut(err.Error(), ": ") // what follows quotes what stands in place of a certificate
		return cause.Errorf(cause.Other, "http_client: %s", text)
	}
	c.http = &http.Client{
		Transport: &counted{rt, c.options.OnRequest},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			from := via[0]
			switch {
			case c.options.Redirects, !c.config.HTTPClient.FollowRedirects:
				return http.ErrUseLastResponse
			case len(via) > 5, req.Method != from.Method, req.URL.Scheme != from.URL.Scheme, req.URL.Host != from.URL.Host:
				return errRedirect // secrets in http_headers would go along, and a form would not
			}
			return nil
		},
	}
	return c.Forget()
}

// Forget starts a new session, without the cookies of the old one.
func (c *Client) Forget() error {
	if c.http == nil || !c.options.Session {
		return nil
	}
	jar, err := cookiejar.New(nil)
	c.http.Jar = jar
	return err
}

// counted tells of each request that was sent.
type counted struct {
	http.RoundTripper
	onRequest func(code string)
}

func (t *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if t.onRequest != nil {
		code := "error"
		if err == nil {
			code = strconv.Itoa(resp.StatusCode)
		}
		t.onRequest(code)
	}
	return resp, err
}

// impatient is a connection on which no single read lasts longer than the time-out, counted anew from each write:
// the transport reads while a connection is idle too.
type impatient struct {
	net.Conn
	timeout time.Duration
}

func (c *impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *impatient) Write(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// retryAfter reads the header that says how long to wait, in seconds or as a date by the platform's own
// clock. What makes no sense counts as not said.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

// backoff doubles with each attempt; the jitter keeps two exporters apart.
func backoff(attempt int) time.Duration {
	d := time.Second << (attempt - 1)
	return d/2 + rand.N(d/2)
}

// Wait returns after d, or when ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
