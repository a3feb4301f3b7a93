package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

const (
	maxPages = 10_000  // of one list
	maxValue = 1 << 20 // bytes of one string or number
)

// decode hands the body to read, and makes sure that it holds one JSON value and nothing else.
func (c *Client) decode(resp *http.Response, read Read) error {
	raw := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(raw)
		if err != nil {
			return c.explainRead(err, err)
		}
		raw = unpacked
	}
	body := &limited{r: raw, left: maxAnswer}
	text := bufio.NewReader(body)
	if start, _ := text.Peek(512); bytes.HasPrefix(bytes.TrimLeft(start, "\ufeff \t\r\n"), []byte("<")) {
		return cause.Errorf(cause.BadResponse, "%w", ErrHTML)
	}
	dec := jsontext.NewDecoder(text)
	body.dec = dec
	err := read(dec)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errShape
		}
	}
	return c.explainRead(err, body.err)
}

// limited ends with an error after so many bytes, or where the decoder would have to hold too many of them, and
// remembers the first error. With an error it hands out nothing: the decoder would overlook the error.
type limited struct {
	r    io.Reader
	left int64
	dec  *jsontext.Decoder // that reads from here; nil = not yet
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.left -= int64(n)
	switch {
	case l.left < 0:
		err = errTooLarge
	case l.dec != nil && maxAnswer-l.left-l.dec.InputOffset() > maxValue:
		err = errTooLong
	case err == nil || err == io.EOF:
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
