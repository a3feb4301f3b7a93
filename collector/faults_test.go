package collector

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// faultNames are what goes wrong with platforms. The contract wants each from every platform: one over HTTP has
// those of httpFaults by itself; the test of its type adds the others, or says why the platform can't have them.
var faultNames = []string{
	"401", "403", "404", "409", "429", "500", "502", "503",
	"Retry-After in seconds", "Retry-After as a date", "Retry-After that makes no sense",
	"hung up", "reset in the middle", "cut in the middle", "wrong length", "slow bytes", "silence",
	"gzip bomb", "50 MB string", "deep nesting", "invalid UTF-8", "NaN", "numbers out of range",
	"empty answer", "HTML", "sign-in page",

	"page loop",           // what asks for the next page gets the first one again
	"page repeated",       // one page comes twice, and the list goes on after it
	"page size changed",   // pages get smaller half-way
	"right lost half-way", // between two pages, or in the middle of rows
	"right lost",          // between two polls
	"error that looks like success",
	"wrong password that still answers",
	"duplicate ids", "year 0", "year 9999", "sentinel numbers",
}

// A fault is something that goes wrong with a platform, or on the way to it.
type fault struct {
	cause    cause.Cause // of the error of each call that meets it; "" = it does no harm, and the facts are the same
	passes   bool        // who asks again is answered, and collectors do
	lasts    bool        // it ends with the time-out
	overseen bool        // where nobody reads what it changes, the facts are the same
	never    string      // why the platform can't have it, instead of all else

	// Each answers one request, and returns whether the fault could happen to it.
	http     func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool
	postgres func(q postgresQuery) (met, alive bool) // the connection ends unless it is alive
}

// A front stands before a platform, counts the requests, and has a fault happen to those whose turn it is.
type front struct {
	platform http.Handler // nil = it is not reached over HTTP

	mu       sync.Mutex
	requests int // since the beginning
	fault    fault
	from, to int // the requests to which it happens, counted from its injection
	asked    int // requests since then
	met      int // of these, those that it happened to
}

// before returns the front of a platform that is reached over HTTP, which a server serves in the platform's place.
func before(platform http.Handler) *front { return &front{platform: platform} }

// inject has the fault happen to requests from to to, counted from now on.
func (f *front) inject(fault fault, from, to int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.from, f.to, f.asked, f.met = fault, from, to, 0, 0
}

// mend ends the fault, and returns how many requests came since it was injected, and how many met it.
func (f *front) mend() (asked, met int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from, f.to = 0, 0
	return f.asked, f.met
}

// next counts one more request, and returns the fault that is to happen to it.
func (f *front) next() (fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	f.asked++
	return f.fault, f.from <= f.asked && f.asked <= f.to
}

// note counts n more requests that met the fault.
func (f *front) note(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met += n
}

// count returns the number of requests since the beginning.
func (f *front) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // only when all was read the server notices that the client is gone
	r.Body = io.NopCloser(bytes.NewReader(body))
	_ = r.ParseForm()
	r.Body = io.NopCloser(bytes.NewReader(body))
	fault, turn := f.next()
	if !turn {
		f.platform.ServeHTTP(w, r)
		return
	}
	f.note(1) // before the client can know
	if !fault.http(w, r, f.platform) {
		f.note(-1)
	}
}

// httpFaults are those that need no knowledge of the platform.
var httpFaults = map[string]fault{
	"401": status(http.StatusUnauthorized, cause.Auth),
	"403": status(http.StatusForbidden, cause.Permission),
	"404": status(http.StatusNotFound, cause.BadResponse),
	"409": status(http.StatusConflict, cause.BadResponse),
	"429": status(http.StatusTooManyRequests, cause.RateLimited),
	"500": status(http.StatusInternalServerError, cause.Unavailable),
	"502": status(http.StatusBadGateway, cause.Unavailable),
	"503": status(http.StatusServiceUnavailable, cause.Unavailable),

	"Retry-After in seconds": status(http.StatusTooManyRequests, cause.RateLimited, "Retry-After", "1"),
	"Retry-After as a date": status(http.StatusServiceUnavailable, cause.Unavailable,
		"Date", "Sun, 01 Nov 2026 12:00:00 GMT", "Retry-After", "Sun, 01 Nov 2026 12:00:01 GMT"),
	"Retry-After that makes no sense": status(http.StatusTooManyRequests, cause.RateLimited, "Retry-After", "-99999999999999999999 "+planted),

	"hung up": {cause: cause.Unavailable, passes: true, http: func(http.ResponseWriter, *http.Request, http.Handler) bool {
		panic(http.ErrAbortHandler)
	}},
	"reset in the middle": torn(cause.Unavailable, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		c := raw(w, len(body), body[:len(body)/2])
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}),
	"cut in the middle": torn(cause.BadResponse, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		_ = raw(w, len(body), body[:len(body)/2]).Close()
	}),
	"wrong length": torn(cause.BadResponse, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		_ = raw(w, len(body)/2, body).Close()
	}),
	"slow bytes": lasting(torn(cause.Timeout, func(w http.ResponseWriter, r *http.Request, body []byte) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for _, b := range append(body, bytes.Repeat([]byte(" "), 10_000)...) {
			_, _ = w.Write([]byte{b})
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})),
	"silence": lasting(fault{cause: cause.Timeout, http: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		<-r.Context().Done()
		return true
	}}),

	"gzip bomb": torn(cause.BadResponse, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		i := lastText(body)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(slices.Concat(pack(body[:i]), bytes.Repeat(gzipped(), 1000), pack(body[i:]))) // a gigabyte
	}),
	"50 MB string": torn(cause.BadResponse, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		i := lastText(body)
		_, err := w.Write(body[:i])
		for n := 0; n < 50 && err == nil; n++ {
			_, err = w.Write(megabyte)
		}
		_, _ = w.Write(body[i:])
	}),
	"deep nesting": changed(cause.BadResponse, func(body []byte) []byte {
		deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + ","
		if body[0] == '{' {
			deep = `"deep":` + deep
		}
		return slices.Concat(body[:1], []byte(deep), body[1:])
	}),
	"invalid UTF-8": changed(cause.BadResponse, func(body []byte) []byte {
		return slices.Insert(body, lastText(body), '\xff')
	}),
	"NaN":                  changed(cause.BadResponse, func(body []byte) []byte { return renumbered(body, "NaN") }),
	"numbers out of range": unread(changed(cause.BadResponse, func(body []byte) []byte { return renumbered(body, "1e999") })),

	"empty answer": changed(cause.BadResponse, func([]byte) []byte { return nil }),
	"HTML":         changed(cause.BadResponse, func([]byte) []byte { return []byte("<!DOCTYPE html><title>" + planted) }),
	"sign-in page": status(http.StatusFound, cause.BadResponse, "Location", "https://login.example.org/?user="+planted),
}

// status answers with a status, a body that says too much, and headers.
func status(code int, c cause.Cause, headers ...string) fault {
	passes := code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	return fault{cause: c, passes: passes, http: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, planted+" may not")
		return true
	}}
}

// torn sends what the platform answers in another way, where it is told by a body.
func torn(c cause.Cause, send func(w http.ResponseWriter, r *http.Request, body []byte)) fault {
	return fault{cause: c, http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
		recorded := httptest.NewRecorder()
		platform.ServeHTTP(recorded, r)
		if recorded.Body.Len() == 0 {
			maps.Copy(w.Header(), recorded.Header())
			w.WriteHeader(recorded.Code)
			return false
		}
		send(w, r, recorded.Body.Bytes())
		return true
	}}
}

// lastText is where the last string of a JSON value ends, or a text.
func lastText(body []byte) int {
	if i := bytes.LastIndexByte(body, '"'); i >= 0 {
		return i
	}
	return len(body)
}

// changed hands on the platform's answer with another body.
func changed(c cause.Cause, change func(body []byte) []byte) fault {
	return fault{cause: c, http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
		return rewrite(w, r, platform, change)
	}}
}

// rewrite answers a request with what change makes of the platform's answer, and returns whether that is different.
func rewrite(w http.ResponseWriter, r *http.Request, platform http.Handler, change func(body []byte) []byte) bool {
	recorded := httptest.NewRecorder()
	platform.ServeHTTP(recorded, r)
	maps.Copy(w.Header(), recorded.Header())
	body := recorded.Body.Bytes()
	other := body
	if len(body) > 0 { // else it is told by status and headers
		other = change(bytes.Clone(body))
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(other)
	return !bytes.Equal(body, other)
}

// replaced hands on the platform's answers with another text in the place of one that they have.
func replaced(c cause.Cause, text, by string) fault {
	return changed(c, func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(text), []byte(by)) })
}

// lasting is for a fault that ends with the time-out.
func lasting(f fault) fault {
	f.lasts = true
	return f
}

// unread is for a fault that may change what nobody reads.
func unread(f fault) fault {
	f.overseen = true
	return f
}

// answer is the body of the platform's answer to a request.
func answer(r *http.Request, platform http.Handler) []byte {
	recorded := httptest.NewRecorder()
	platform.ServeHTTP(recorded, r)
	return recorded.Body.Bytes()
}

// raw answers with a body and another length than it has, and returns the connection.
func raw(w http.ResponseWriter, length int, body []byte) net.Conn {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body)
	return c
}

// renumbered replaces all numbers of a JSON value.
func renumbered(body []byte, by string) []byte {
	var out []byte
	end := 0
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return append(out, body[end:]...)
		}
		if token.Kind() == '0' {
			start := int(dec.InputOffset()) - len(token.String())
			out = append(append(out, body[end:start]...), by...)
			end = int(dec.InputOffset())
		}
	}
}

var megabyte = bytes.Repeat([]byte("x"), 1<<20)

// gzipped is a megabyte, packed into a kilobyte.
var gzipped = sync.OnceValue(func() []byte { return pack(megabyte) })

func pack(b []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(b)
	_ = z.Close()
	return packed.Bytes()
}

// forever is the last request that a fault happens to, where it stays.
const forever = math.MaxInt
