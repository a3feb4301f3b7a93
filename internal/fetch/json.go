package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

const (
	maxPages = 10_000  // of one list
	maxValue = 1 << 20 // bytes of one string or number
	maxText  = 1 << 18 // bytes of an answer that is no JSON, and of one that refuses
)

// An Answer is what a platform said to one request.
type Answer struct {
	Status int
	Header http.Header
	client *Client
	body   io.Reader
}

// A Read takes the one JSON value that an answer consists of.
type Read func(*jsontext.Decoder) error

// JSON hands an answer to read, and makes sure that it holds one JSON value and nothing else.
func JSON(read Read) func(*Answer) error {
	return func(a *Answer) error {
		body, text, err := a.open(maxAnswer)
		if err != nil {
			return err
		}
		dec := jsontext.NewDecoder(text)
		body.dec = dec
		err = read(dec)
		if err == nil {
			if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = errShape
			}
		}
		return a.client.explainRead(err, body.err)
	}
}

// Text returns the whole of a short answer that is no JSON.
func (a *Answer) Text() (string, error) {
	body, text, err := a.open(maxText)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(text)
	switch {
	case err != nil:
		return "", a.client.explainRead(err, body.err)
	case !utf8.Valid(content):
		return "", cause.Errorf(cause.BadResponse, "answered text that is not UTF-8")
	}
	return strings.TrimPrefix(string(content), "\ufeff"), nil
}

// open returns the body of an answer, which ends with an error after so many bytes, and a reader of it.
func (a *Answer) open(most int64) (*limited, *bufio.Reader, error) {
	raw := a.body
	if a.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(raw)
		if err != nil {
			return nil, nil, a.client.explainRead(err, err)
		}
		raw = unpacked
	}
	body := &limited{r: raw, most: most, left: most}
	text := bufio.NewReader(body)
	if start, _ := text.Peek(512); bytes.HasPrefix(bytes.TrimLeft(start, "\ufeff \t\r\n"), []byte("<")) {
		return nil, nil, cause.Errorf(cause.BadResponse, "%w", ErrHTML)
	}
	return body, text, nil
}

// refusal says why an answer is none.
func (a *Answer) refusal() error {
	said := explainStatus(a.Status)
	if explain := a.client.options.Refusal; explain != nil {
		if body, text, err := a.open(maxText); err == nil {
			dec := jsontext.NewDecoder(text)
			body.dec = dec
			if err, known := explain(a.Status, dec), (*cause.Error)(nil); errors.As(err, &known) {
				said = err
			}
		}
	}
	return &refused{said, a.Status}
}

// limited ends with an error after so many bytes, or where the decoder would have to hold too many of them, and
// remembers the first error. With an error it hands out nothing: the decoder would overlook the error.
type limited struct {
	r    io.Reader
	most int64
	left int64
	dec  *jsontext.Decoder // that reads from here; nil = not yet
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.left -= int64(n)
	switch {
	case l.left < 0:
		err = fmt.Errorf("%w %d KiB", errTooLarge, l.most>>10)
	case l.dec != nil && l.most-l.left-l.dec.InputOffset() > maxValue:
		err = errTooLong
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	}
	if l.err == nil {
		l.err = err
	}
	return 0, err
}

// Object reads a JSON object: field is called at the value of each member and must take all of it.
func Object(dec *jsontext.Decoder, field func(name string) error) error {
	if err := begin(dec, '{'); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := field(name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// Array reads a JSON array: element is called at each element and must take all of it.
func Array(dec *jsontext.Decoder, element func() error) error {
	if err := begin(dec, '['); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func begin(dec *jsontext.Decoder, kind jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err == nil && token.Kind() != kind {
		return errShape
	}
	return err
}

// Pages watches the walk over a list that comes in pages, and refuses one that goes in circles or never
// ends. It remembers one page only (Brent's algorithm), however long the list is.
type Pages struct {
	count, mark int
	seen        string
}

// Next is told what the platform gave to ask for the next page with.
func (p *Pages) Next(token string) error {
	if p.count++; p.count > maxPages {
		return cause.Errorf(cause.BadResponse, "the list has no end: gave up after %d pages", maxPages)
	}
	if token == p.seen {
		return errLoop
	}
	if p.count > p.mark {
		p.mark, p.seen = 2*p.count, token
	}
	return nil
}

var errLoop = &cause.Error{Cause: cause.BadResponse, Err: errors.New("the list goes in circles: a page was given before")}
