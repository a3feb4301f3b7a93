package fetch

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

var (
	// ErrHTML is in the chain where a page came instead of data.
	ErrHTML = errors.New("answered HTML instead of data")

	errRedirect = errors.New("redirects to another address, which is not followed; is the address right, or does a sign-in page stand before it?")
	errTooLarge = errors.New("the answer is larger than")
	errTooLong  = fmt.Errorf("answered a single value of more than %d MiB", maxValue>>20)
	errShape    = errors.New("answered JSON of another shape than expected")
)

// explain says why a request got no answer or a broken one, with its cause. The libraries' own texts are
// not handed on: they quote addresses, bodies and header lines.
func (c *Client) explain(err error) error {
	var (
		file      *fs.PathError
		token     *oauth2.RetrieveError
		netErr    net.Error
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		corrupt   flate.CorruptInputError
	)
	switch {
	case errors.As(err, &file):
		return cause.Errorf(cause.Other, "%w", file)
	case errors.Is(err, errRedirect):
		return cause.Errorf(cause.BadResponse, "%w", errRedirect)
	case errors.Is(err, errTooLarge), errors.Is(err, errTooLong):
		return cause.Errorf(cause.BadResponse, "%w", err)
	case errors.As(err, &token):
		if token.Response != nil && token.Response.StatusCode >= http.StatusInternalServerError {
			return Again(cause.Errorf(cause.Unavailable, "the OAuth2 token endpoint is out of order"))
		}
		return cause.Errorf(cause.Auth, "the OAuth2 token endpoint refuses these credentials")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return cause.Errorf(cause.Timeout, "no whole answer within %s", time.Duration(c.config.RequestTimeout))
	case errors.As(err, &dns):
		return Again(cause.Errorf(cause.Unavailable, "the host name can't be resolved"))
	case errors.As(err, &authority):
		return cause.Errorf(cause.Unavailable, "the certificate is signed by an authority that is not known here; http_client.tls_config.ca_file may name it")
	case errors.As(err, &host):
		return cause.Errorf(cause.Unavailable, "the certificate is made out to another host")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return cause.Errorf(cause.Unavailable, "the certificate has expired or is not valid yet")
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return cause.Errorf(cause.Unavailable, "no TLS connection can be made")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return cause.Errorf(cause.BadResponse, "the answer can't be decompressed")
	case errors.Is(err, syscall.ECONNREFUSED):
		return Again(cause.Errorf(cause.Unavailable, "connection refused"))
	}
	return Again(cause.Errorf(cause.Unavailable, "the connection broke"))
}

// A refused is why an answer is none, with its status.
type refused struct {
	error
	status int
}

func (r *refused) Unwrap() error { return r.error }

// Refused returns the HTTP status by which a platform refused to answer, 0 if err says something else.
func Refused(err error) int {
	var r *refused
	if !errors.As(err, &r) {
		return 0
	}
	return r.status
}

func explainStatus(code int) error {
	switch {
	case code == http.StatusUnauthorized:
		return cause.Errorf(cause.Auth, "answered %d", code)
	case code == http.StatusForbidden:
		return cause.Errorf(cause.Permission, "answered %d", code)
	case code == http.StatusNotFound:
		return cause.Errorf(cause.BadResponse, "answered %d; is the address right?", code)
	case code == http.StatusRequestTimeout, code == http.StatusGatewayTimeout:
		return cause.Errorf(cause.Timeout, "answered %d", code)
	case code == http.StatusTooManyRequests:
		return Again(cause.Errorf(cause.RateLimited, "answered %d", code))
	case code >= http.StatusInternalServerError:
		return Again(cause.Errorf(cause.Unavailable, "answered %d", code))
	}
	return cause.Errorf(cause.BadResponse, "answered %d", code)
}

// explainRead says why the body of an answer could not be used: of the three errors, own is the reader's,
// and broken the first one of the body beneath it.
func (c *Client) explainRead(own, broken error) error {
	var (
		said   *cause.Error
		syntax *jsontext.SyntacticError
		shape  *json.SemanticError
	)
	switch {
	case own == nil, errors.As(own, &said):
		return own
	case errors.Is(broken, io.ErrUnexpectedEOF), errors.Is(broken, io.EOF):
		return cause.Errorf(cause.BadResponse, "the answer ends in the middle")
	case broken != nil:
		err := c.explain(broken)
		var temporary *again
		if errors.As(err, &temporary) {
			return temporary.error // what was read has been used
		}
		return err
	case errors.Is(own, io.ErrUnexpectedEOF), errors.Is(own, io.EOF):
		return cause.Errorf(cause.BadResponse, "the answer ends in the middle")
	case errors.As(own, &syntax):
		return cause.Errorf(cause.BadResponse, "answered what is not valid JSON")
	case errors.As(own, &shape), errors.Is(own, errShape):
		return cause.Errorf(cause.BadResponse, "%w", errShape)
	}
	return own
}
