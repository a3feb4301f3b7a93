//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// A monitoring is Prometheus and Alertmanager as deploy/ ships them, and where their notifications arrive.
type monitoring struct {
	prometheus, alertmanager string // addresses
	mails                    *mailbox
	hooks                    *hooks
}

// newMonitoring scrapes the exporter with the shipped rules and notifies with the shipped configuration, in
// which only times and addresses are others.
func newMonitoring(t *testing.T, e *exporter) *monitoring {
	m := &monitoring{prometheus: address(t), alertmanager: address(t), mails: newMailbox(t), hooks: newHooks(t)}
	dir := t.TempDir()

	shipped, err := filepath.Abs("../deploy")
	if err != nil {
		t.Fatal(err)
	}
	config := write(t, m.alertmanagerConfig(t, filepath.Join(shipped, "alertmanager")), dir, "alertmanager.yml")
	start(t, "alertmanager", exec.Command("prometheus-alertmanager", "--config.file="+config, "--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+m.alertmanager, "--cluster.listen-address=")).listening(t, m.alertmanager)

	config = write(t, fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - {job_name: intranet, static_configs: [{targets: [%q]}]}
alerting:
  alertmanagers: [{static_configs: [{targets: [%q]}]}]
`, filepath.Join(shipped, "prometheus", "*.rules.yml"), strings.TrimPrefix(e.url, "http://"), m.alertmanager), dir, "prometheus.yml")
	start(t, "prometheus", exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"),
		"--web.listen-address="+m.prometheus, "--rules.alert.resend-delay=1s")).listening(t, m.prometheus)
	return m
}

// alertmanagerConfig is the shipped file with the test's times and addresses.
func (m *monitoring) alertmanagerConfig(t *testing.T, dir string) string {
	shipped, err := os.ReadFile(filepath.Join(dir, "alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(shipped, &config); err != nil {
		t.Fatal(err)
	}
	rewrite(config, func(key string, value any) any {
		switch key {
		case "group_wait", "group_interval":
			return "1s"
		case "active_time_intervals", "mute_time_intervals":
			return []string{}
		case "smtp_smarthost", "smarthost":
			return m.mails.address
		case "smtp_auth_username", "smtp_auth_password", "smtp_auth_password_file", "auth_username", "auth_password", "auth_password_file", "http_config":
			return nil
		case "url":
			return m.hooks.url
		case "templates":
			var files []string
			for _, file := range value.([]any) {
				files = append(files, filepath.Join(dir, filepath.Base(file.(string))))
			}
			return files
		}
		return value
	})
	config["global"].(map[string]any)["smtp_require_tls"] = false
	out, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// rewrite gives every value of a mapping another one; nil removes the key.
func rewrite(node any, value func(key string, value any) any) {
	switch node := node.(type) {
	case map[string]any:
		for key, old := range node {
			if node[key] = value(key, old); node[key] == nil {
				delete(node, key)
			}
			rewrite(node[key], value)
		}
	case []any:
		for _, item := range node {
			rewrite(item, value)
		}
	}
}

// query returns the values of an instant query by series.
func (m *monitoring) query(promql string) (map[string]string, error) {
	body, err := get("http://" + m.prometheus + "/api/v1/query?query=" + url.QueryEscape(promql))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, r := range answer.Data.Result {
		values[fmt.Sprint(r.Metric)] = fmt.Sprint(r.Value[1])
	}
	return values, nil
}

// A notification is an alert as the webhook tells it.
type notification struct {
	Status string
	Alerts []struct {
		Status              string
		Labels, Annotations map[string]string
	}
	raw string
}

// hooks receives webhooks.
type hooks struct {
	url string

	mu  sync.Mutex
	got []notification
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{}
	h.url = serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		n := notification{raw: string(body)}
		if err = errors.Join(err, json.Unmarshal(body, &n)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, n)
	}))
	return h
}

func (h *hooks) all() []notification {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got
}

// A letter is a mail as it arrived.
type letter struct {
	to      []string
	subject string
	body    string // all parts, decoded
}

// A mailbox is a mail server that keeps what it is given.
type mailbox struct {
	address string

	mu  sync.Mutex
	got []letter
}

func newMailbox(t *testing.T) *mailbox {
	b := &mailbox{}
	b.address = need.Listen(t, b.serve)
	return b
}

// serve speaks as much SMTP as Alertmanager needs.
func (b *mailbox) serve(conn net.Conn) {
	c := textproto.NewConn(conn)
	var to []string
	_ = c.PrintfLine("220 mailbox")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "RCPT":
			to = append(to, strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>"))
			_ = c.PrintfLine("250 ok")
		case "DATA":
			_ = c.PrintfLine("354 go on")
			got, err := readLetter(c.DotReader())
			if err != nil {
				_ = c.PrintfLine("554 %s", err)
				return
			}
			got.to, to = to, nil
			b.mu.Lock()
			b.got = append(b.got, got)
			b.mu.Unlock()
			_ = c.PrintfLine("250 ok")
		case "QUIT":
			_ = c.PrintfLine("221 bye")
			return
		default:
			_ = c.PrintfLine("250 ok")
		}
	}
}

func readLetter(r io.Reader) (l letter, err error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return l, err
	}
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return l, err
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return l, err
		}
		l.body += string(text) + "\n"
	}
}

func (b *mailbox) all() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}

// serveHTTP serves until the test ends and returns the address.
func serveHTTP(t *testing.T, handler http.Handler) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
