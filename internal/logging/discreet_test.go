package logging

import (
	"bytes"
	"strings"
	"testing"
)

// What net/http and the exporter toolkit say, and what is left of it.
func TestDiscreet(t *testing.T) {
	for said, want := range map[string]string{
		"http: TLS handshake error from 10.1.2.3:4567: EOF":                                            "http: TLS handshake error: EOF",
		"http: TLS handshake error from [fd00::1]:4567: remote error: tls: bad certificate":            "http: TLS handshake error: remote error: tls: bad certificate",
		"http: TLS handshake error from 10.1.2.3:4567: client sent an HTTP request to an HTTPS server": "http: TLS handshake error: client sent an HTTP request to an HTTPS server",
		`http: TLS handshake error from 10.1.2.3:4567: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "Jan Kanarie")`: "http: TLS handshake error: tls: failed to verify certificate",
		"http: TLS handshake error from 10.1.2.3:4567: could not find allowed SANs in client cert, found: [jan@example.org]":                                                                                                                                           "http: TLS handshake error: could not find allowed SANs in client cert",
		"http: TLS handshake error from 10.1.2.3:4567: read tcp 10.0.0.1:10042->10.1.2.3:4567: read: connection reset by peer":                                                                                                                                         "http: TLS handshake error",
		"http: panic serving 10.1.2.3:4567: jan is unhappy\nwith it\ngoroutine 7 [running]:\nmain.main()":                                                                                                                                                              "http: panic serving a request\ngoroutine 7 [running]:\nmain.main()",
		"http2: server connection error from 10.1.2.3:4567: connection error: PROTOCOL_ERROR":                                                                                                                                                                          "http2: server connection error: connection error: PROTOCOL_ERROR",
		"http2: server: error reading preface from client 10.1.2.3:4567: read tcp 10.0.0.1:10042->10.1.2.3:4567: read: connection reset by peer":                                                                                                                       "http2: server: error reading preface: read tcp: read: connection reset by peer",
		"yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `geheim-` into web.Config\n  line 4: cannot unmarshal !!str `a`b` into int":                                                                                                                         "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str into web.Config\n  line 4: cannot unmarshal !!str into int",
		"yaml: unmarshal errors:\n  line 2: field geheim not found in type web.Config":                                                                                                                                                                                 "yaml: unmarshal errors:\n  line 2: field not found in type web.Config",
		"yaml: unmarshal errors:\n  line 2: key \"jan\" already set in map":                                                                                                                                                                                            "yaml: unmarshal errors:\n  line 2: key already set in map",
		"yaml: unmarshal errors:\n  line 2: mapping key \"jan\" already defined at line 1":                                                                                                                                                                             "yaml: unmarshal errors:\n  line 2: mapping key already defined at line 1",
		"yaml: unknown anchor 'geheim' referenced":            "yaml: unknown anchor referenced",
		`HTTP header "jan@example.org" can not be configured`: "HTTP header can not be configured",
		"unknown TLS version: geheim":                         "unknown TLS version",
		"invalid ClientAuth: geheim":                          "invalid ClientAuth",
		`invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"], but got: "geheim"`: `invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"]`,
		"crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with 'g'":          "crypto/bcrypt: bcrypt hashes must start with '$'",
		"failed to load X509KeyPair: open /etc/exporter/key.pem: no such file or directory":            "failed to load X509KeyPair: open /etc/exporter/key.pem: no such file or directory",
		"listen tcp 127.0.0.1:10042: bind: address already in use":                                     "listen tcp 127.0.0.1:10042: bind: address already in use",
		"Listening on": "Listening on",
	} {
		if got := Discreet(said); got != want {
			t.Errorf("%q becomes\n%q, want\n%q", said, got, want)
		}
	}
}

func TestLibrariesAreMadeDiscreet(t *testing.T) {
	for _, format := range []string{"logfmt", "json"} {
		var out bytes.Buffer
		_, bridge := newLoggers(t, &out, "--log.format="+format)
		bridge.Error("http: TLS handshake error from 10.1.2.3:4567: EOF", "err", "unknown cipher: geheim")
		bridge.With("err", errText("unknown curve: geheim")).Warn("again")
		if strings.Contains(out.String(), "geheim") || strings.Contains(out.String(), "4567") || !strings.Contains(out.String(), "unknown cipher") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
