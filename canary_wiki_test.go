package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// A fakeWiki answers as MediaWiki does below /well/, and goes wrong below /<mood>/, telling all it knows in each answer.
type fakeWiki struct {
	*httptest.Server
	stalled chan struct{} // closed when a listing hangs half-way

	mu    sync.Mutex
	asked map[string]bool // moods
}

// telltale is what every wrong answer says.
var telltale = strings.Join(append(people, serverSecrets...), " | ")

// told is telltale as the value of a header.
var told = strings.NewReplacer("\n", " ").Replace(telltale)

func newFakeWiki(t *testing.T) *fakeWiki {
	w := &fakeWiki{stalled: make(chan struct{}), asked: map[string]bool{}}
	w.Server = httptest.NewServer(w)
	t.Cleanup(func() {
		w.CloseClientConnections()
		w.Close()
	})
	return w
}

func (w *fakeWiki) saw(mood string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[mood]
}

func (w *fakeWiki) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	mood := strings.Split(r.URL.Path, "/")[1]
	w.mu.Lock()
	w.asked[mood] = true
	w.mu.Unlock()
	_ = r.ParseForm()
	part := r.Form.Get("list") + r.Form.Get("generator") + r.Form.Get("meta")
	rw.Header().Set("X-Person", told)
	rw.Header().Add("Set-Cookie", "session="+url.QueryEscape(people[0])+"; Domain=127.0.0.1")
	if mood == "stalls" && part == "users" {
		close(w.stalled)
		<-r.Context().Done()
		return
	}
	if spoil := moods[mood]; spoil != nil && spoil(rw, r, part) {
		return
	}
	w.answer(rw, r)
}

// answer is that of a wiki in good order.
func (w *fakeWiki) answer(rw http.ResponseWriter, r *http.Request) {
	from, _ := time.Parse(time.RFC3339, r.Form.Get("garvstart"))
	to, _ := time.Parse(time.RFC3339, r.Form.Get("garvend"))
	at := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	list := func(name string, rows ...any) any {
		return map[string]any{"batchcomplete": true, "warnings": map[string]any{name: map[string]any{"warnings": telltale}}, "query": map[string]any{name: rows}}
	}
	type row = map[string]any
	var said any
	switch {
	case r.Form.Get("action") == "login":
		said = row{"login": row{"result": "Success", "lguserid": 42, "lgusername": people[0]}}
	case r.Form.Get("meta") == "tokens":
		said = row{"batchcomplete": true, "query": row{"tokens": row{"logintoken": serverSecrets[0] + `+\`}}}
	case r.Form.Get("meta") == "userinfo":
		said = row{"batchcomplete": true, "query": row{"userinfo": row{"id": 42, "name": people[0], "email": people[2], "rights": []string{"read"}}}}
	case r.Form.Get("meta") == "allmessages":
		said = list("allmessages", row{"name": "double-redirect-fixer", "content": "Weiterleitung"})
	case r.Form.Get("list") == "allpages":
		title := people[5]
		if r.Form.Get("apnamespace") == "2" {
			title = "User:" + people[0]
		}
		said = list("allpages", row{"pageid": 7, "ns": 0, "title": title})
	case r.Form.Get("list") == "allusers":
		said = list("allusers",
			row{"userid": 42, "name": "Kpibot", "groups": []string{"bot"}},
			row{"userid": json.Number(people[4]), "name": people[0], "groups": []string{"user"}},
			row{"userid": 9, "name": people[1], "groups": []string{"user"}})
	case r.Form.Get("list") == "users":
		var rows []any
		for _, id := range strings.Split(r.Form.Get("ususerids"), "|") {
			rows = append(rows, row{"userid": json.Number(id), "name": people[0], "emailable": true})
		}
		said = list("users", rows...)
	case r.Form.Get("generator") == "allrevisions":
		said = list("pages", row{"pageid": 7, "ns": 0, "title": people[5], "revisions": []any{
			row{"revid": 70, "parentid": 0, "user": people[0], "userid": json.Number(people[4]), "timestamp": at.Format(time.RFC3339), "comment": people[6]},
		}})
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(said)
}

// A spoiler answers instead of the wiki, if it wants to. part is what is asked for.
type spoiler func(rw http.ResponseWriter, r *http.Request, part string) bool

// quoted is telltale as JSON.
func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

func status(code int) spoiler {
	return func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
		rw.Header().Set("WWW-Authenticate", "Basic realm="+quoted(told))
		rw.Header().Set("Retry-After", told)
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, telltale)
		return true
	}
}

// body answers text with status 200, where part is asked for; "" is everywhere.
func body(when, text string) spoiler {
	return func(rw http.ResponseWriter, _ *http.Request, part string) bool {
		if when != "" && part != when {
			return false
		}
		_, _ = io.WriteString(rw, text)
		return true
	}
}

// raw answers what is not HTTP as the library would write it.
func raw(text string) spoiler {
	return func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
		conn, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			return false
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
		return true
	}
}

func redirect(to string) spoiler {
	return func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
		rw.Header().Set("Location", to)
		rw.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(rw, telltale)
		return true
	}
}

// moods are the ways to go wrong.
var moods = map[string]spoiler{
	"s400": status(400), "s401": status(401), "s403": status(403), "s404": status(404), "s407": status(407), "s409": status(409), "s429": status(429),
	"s500": status(500), "s502": status(502), "s503": status(503), "s504": status(504),

	"elsewhere": redirect("http://" + url.UserPassword(people[2], serverSecrets[1]).String() + "@127.0.0.1:1/?q=" + url.QueryEscape(people[6])),
	"nowhere":   redirect("://" + told + "%zz"),
	"circle":    redirect("api.php?q=" + url.QueryEscape(telltale)),

	"reason":    raw("HTTP/1.1 500 " + told + "\r\nContent-Length: 0\r\n\r\n"),
	"statusbad": raw("HTTP/1.1 " + told + "\r\n\r\n"),
	"nothttp":   raw(telltale),
	"headerbad": raw("HTTP/1.1 200 OK\r\n" + told + "\r\n\r\n"),
	"lengthbad": raw("HTTP/1.1 200 OK\r\nContent-Length: " + told + "\r\n\r\n"),
	"chunkbad":  raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + telltale + "\r\n"),
	"codingbad": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + told + "\r\n\r\n"),
	"cut":       raw("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"query\":{\"userinfo\":{\"name\":" + quoted(telltale)),
	"trailer":   raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Person\r\n\r\n2\r\n{}\r\n0\r\nX-Person: " + told + "\r\nbad " + told + "\r\n\r\n"),
	"gzipbad":   raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + telltale),
	"early":     raw("HTTP/1.1 103 " + told + "\r\nLink: <" + told + ">\r\n\r\nHTTP/1.1 500 no\r\n\r\n"),

	"html":      body("", "<html><body>"+telltale+"</body></html>"),
	"nojson":    body("", telltale),
	"syntax":    body("", `{"query":{"userinfo":`+people[0]),
	"twice":     body("", `{"query":1,`+quoted(telltale)+`:1,`+quoted(telltale)+`:2}`),
	"utf8":      body("", "{\"query\":{\"userinfo\":{\"name\":\""+people[0]+"\xff\"}}}"),
	"shape":     body("", `{"batchcomplete":true,"query":{"userinfo":`+quoted(telltale)+`}}`),
	"number":    body("userinfo", `{"batchcomplete":true,"query":{"userinfo":{"id":`+quoted(telltale)+`,"rights":["read"]}}}`),
	"large":     body("userinfo", `{"batchcomplete":true,"query":{"userinfo":{"id":`+people[4]+people[4]+`,"rights":["read"]}}}`),
	"after":     body("userinfo", `{"batchcomplete":true,"query":{"userinfo":{"id":42,"rights":["read"]}}}`+telltale),
	"apierror":  body("", `{"error":{"code":`+quoted(people[0])+`,"info":`+quoted(telltale)+`},"servedby":`+quoted(telltale)+`}`),
	"apiabort":  body("", `{"error":{"code":`+quoted("internal_api_error_"+serverSecrets[0])+`,"info":`+quoted(telltale)+`}}`),
	"apidenied": body("", `{"error":{"code":"readapidenied","info":`+quoted(telltale)+`}}`),
	"rights":    body("userinfo", `{"batchcomplete":true,"query":{"userinfo":{"id":42,"name":`+quoted(people[0])+`,"rights":[`+quoted(telltale)+`]}}}`),
	"users":     body("allusers", `{"batchcomplete":true,"query":{"allusers":[{"userid":`+people[4]+`,"name":`+quoted(people[0])+`}]}}`),
	"userids":   body("allusers", `{"batchcomplete":true,"query":{"allusers":[{"userid":`+quoted(people[0])+`}]}}`),
	"usersdup":  body("allusers", `{"batchcomplete":true,"query":{"allusers":[`+strings.Repeat(`{"userid":`+people[4]+`,"name":`+quoted(people[0])+`,"groups":[]},`, 2)+`{}]}}`),
	"date":      body("allrevisions", `{"batchcomplete":true,"query":{"pages":[{"pageid":7,"title":`+quoted(people[5])+`,"revisions":[{"revid":1,"parentid":0,"timestamp":`+quoted(people[6])+`}]}]}}`),
	"title":     body("allpages", `{"batchcomplete":true,"query":{"allpages":[{"pageid":0,"title":`+quoted(people[5])+`}]}}`),
	"paging":    body("allpages", `{"continue":{"apcontinue":`+quoted(people[5])+`,`+quoted(people[6])+`:"x"},"query":{"allpages":[{"pageid":7,"title":`+quoted(people[5])+`}]}}`),

	"unsolicited": func(rw http.ResponseWriter, r *http.Request, part string) bool {
		const sent = `{"batchcomplete":true,"query":{"userinfo":{"id":42,"rights":["read"]}}}`
		if part != "userinfo" {
			return false
		}
		return raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", len(sent), sent, telltale))(rw, r, part)
	},
	"login": func(rw http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Form.Get("action") != "login" {
			return false
		}
		_, _ = io.WriteString(rw, `{"login":{"result":"Failed","reason":`+quoted(telltale)+`}}`)
		return true
	},
	"loginodd": func(rw http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Form.Get("action") != "login" {
			return false
		}
		_, _ = io.WriteString(rw, `{"login":{"result":`+quoted(telltale)+`,"reason":`+quoted(telltale)+`}}`)
		return true
	},
	"zipped": func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, `{"query":`+telltale)
		_ = z.Close()
		rw.Header().Set("Content-Encoding", "gzip")
		_, _ = rw.Write(b.Bytes()[:b.Len()-4])
		return true
	},
}

// newCertificate makes a certificate that names people.
func newCertificate(t *testing.T) (pair tls.Certificate, certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: people[0], Locality: []string{people[1]}},
		DNSNames: []string{people[3][strings.Index(people[3], "@")+1:]}, EmailAddresses: []string{people[2]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
}

// newSecretive starts a server whose certificate names people, and returns it and its certificate.
func newSecretive(t *testing.T, handler http.Handler) (*httptest.Server, []byte) {
	pair, certificate, _ := newCertificate(t)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, certificate
}

// newProxy starts a proxy that refuses to connect, in words.
func newProxy(t *testing.T) string {
	return need.Listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 407 "+told+"\r\nProxy-Authenticate: Basic realm="+quoted(told)+"\r\n\r\n")
	})
}
