package deploy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

const (
	alertmanagerFile = "alertmanager/alertmanager.yml"
	retention        = "--data.retention=800h"
)

func TestAlertmanagerFile(t *testing.T) {
	amtool := need.Program(t, "amtool")
	run(t, amtool, "check-config", alertmanagerFile)
	for _, tc := range []struct{ labels, receiver string }{
		{"alertname=IntranetDataStale class=data severity=warning platform=wiki", "ops"},
		{"alertname=IntranetKPIWithoutValue class=data severity=warning kpi=pages", "ops"},
		{"alertname=SomethingElse severity=critical", "ops"},
		{"alertname=IntranetKPIThresholdCrossed class=kpi severity=warning kpi_owner=editor", "owner"},
		{"alertname=IntranetKPIThresholdCrossed class=kpi severity=critical kpi_owner=editor", "owner"},
		{"alertname=IntranetKPIThresholdCrossed class=kpi severity=critical kpi_owner=communications", "communications"},
		{"alertname=IntranetKPIThresholdCrossed class=kpi severity=warning kpi_owner=redactie", "owner in Dutch"},
		{"alertname=IntranetKPIReviewDue class=kpi severity=info kpi_owner=redactie", "review in Dutch"},
		{"alertname=IntranetKPIReviewDue class=kpi severity=info kpi_owner=editor", "review"},
		{"alertname=IntranetKPIReviewDue class=kpi severity=info kpi_owner=communications", "review"},
	} {
		run(t, amtool, append([]string{"config", "routes", "test", "--config.file=" + alertmanagerFile, "--verify.receivers=" + tc.receiver}, strings.Fields(tc.labels)...)...)
	}
}

// hostile is text that somebody may write into a config file.
const hostile = "Say \"hi\"\n{{ $labels.kpi }} {{ template \"x\" }} <b> <script> 🎉 C:\\temp & <@here>"

// hostileHTML is the same in the source of an HTML mail.
const hostileHTML = "Say &#34;hi&#34;\n{{ $labels.kpi }} {{ template &#34;x&#34; }} &lt;b&gt; &lt;script&gt; 🎉 C:\\temp &amp; &lt;@here&gt;"

func TestNotifications(t *testing.T) {
	mails := smtpSink(t)
	hooks := webhookSink(t)
	am := startAlertmanager(t, mails.addr, hooks.url)

	crossed := alert{
		Labels: map[string]string{"alertname": "IntranetKPIThresholdCrossed", "class": "kpi", "job": "intranet", "kpi": "pages_weekly",
			"objective": "sharing", "kpi_owner": "editor", "severity": "critical", "condition": "below", "platform": "wiki"},
		Annotations: map[string]string{
			"summary":       "Pages created per week is below its critical limit",
			"description":   "The value is 8 pages; it has been below the critical limit of 10 pages since 2027-01-06.",
			"title":         "Pages created per week",
			"objective":     "Knowledge sharing",
			"value":         "8 pages",
			"threshold":     "10 pages",
			"target":        "40 pages",
			"since":         "2027-01-06",
			"action":        "The sponsor puts it on the agenda.",
			"within":        "7d",
			"owner":         "editor",
			"dashboard_url": "https://kpi.example.org/?a=1&b=2#pages_weekly",
			"runbook_url":   "https://docs.example.org/alerts.md#intranetkpithresholdcrossed",
		},
	}

	t.Run("mail", func(t *testing.T) {
		am.post(t, crossed)
		m := mails.next(t)
		equal(t, "recipients", m.to, "<editor@example.org>")
		equal(t, "subject", m.subject, "Pages created per week is below its critical limit")
		equal(t, "text", m.text, `Pages created per week is below its critical limit

What to do, as agreed:
The sponsor puts it on the agenda.

The value is 8 pages; it has been below the critical limit of 10 pages since 2027-01-06.

Within:    7d
Owner:     editor
KPI:       Pages created per week
Objective: Knowledge sharing
Value:     8 pages
Limit:     10 pages
Target:    40 pages
Since:     2027-01-06
As it is now:   https://kpi.example.org/?a=1&b=2#pages_weekly
What it means:  https://docs.example.org/alerts.md#intranetkpithresholdcrossed`)
		contains(t, m.html,
			"<h2>Pages created per week is below its critical limit</h2>",
			"<strong>What to do, as agreed:</strong>\nThe sponsor puts it on the agenda.</p>",
			">The value is 8 pages; it has been below the critical limit of 10 pages since 2027-01-06.</p>",
			"<th>Within</th><td>7d</td>",
			"<th>Owner</th><td>editor</td>",
			"<th>KPI</th><td>Pages created per week</td>",
			"<th>Objective</th><td>Knowledge sharing</td>",
			"<th>Value</th><td>8 pages</td>",
			"<th>Limit</th><td>10 pages</td>",
			"<th>Target</th><td>40 pages</td>",
			"<th>Since</th><td>2027-01-06</td>",
			`<a href="https://kpi.example.org/?a=1&amp;b=2#pages_weekly">As it is now</a>`,
			`<a href="https://docs.example.org/alerts.md#intranetkpithresholdcrossed">What it means</a>`,
		)
	})

	t.Run("what ended", func(t *testing.T) {
		am.post(t, crossed.ended())
		m := mails.next(t)
		equal(t, "subject", m.subject, "Ended: Pages created per week is below its critical limit")
		equal(t, "text", m.text, `Ended: Pages created per week is below its critical limit
As it is now:   https://kpi.example.org/?a=1&b=2#pages_weekly`)
		contains(t, m.html, `<p>Ended: <a href="https://kpi.example.org/?a=1&amp;b=2#pages_weekly">Pages created per week is below its critical limit</a></p>`)
	})

	t.Run("two at once, a row without content is left out", func(t *testing.T) {
		first, second := crossed.with("kpi", "a"), crossed.with("kpi", "b")
		first.Annotations["target"], first.Annotations["within"] = "", ""
		second.Annotations["summary"] = "Comments is above its warning limit"
		am.post(t, first.with("objective", "two"), second.with("objective", "two"))
		m := mails.next(t)
		equal(t, "subject", m.subject, "Pages created per week is below its critical limit, and 1 more")
		contains(t, m.text, "\n\nComments is above its warning limit\n")
		contains(t, m.html, "<h2>Comments is above its warning limit</h2>")
		for text, part := range map[string]string{"Target:": m.text, "Within:": m.text, "<th>Target": m.html, "<th>Within": m.html} {
			if n := strings.Count(part, text); n != 1 {
				t.Errorf("%q is there %d times, want once:\n%s", text, n, part)
			}
		}
	})

	t.Run("a review", func(t *testing.T) {
		review := alert{
			Labels:      map[string]string{"alertname": "IntranetKPIReviewDue", "class": "kpi", "severity": "info", "job": "intranet", "kpi": "pages_weekly", "kpi_owner": "hr"},
			Annotations: map[string]string{"summary": "Pages is due for review", "description": "The review was planned for 2027-01-06.", "action": "Decide."},
		}
		am.post(t, review)
		m := mails.next(t)
		equal(t, "recipients", m.to, "<hr@example.org>")
		equal(t, "subject", m.subject, "Pages is due for review")
		equal(t, "text", m.text, "Pages is due for review\n\nWhat to do, as agreed:\nDecide.\n\nThe review was planned for 2027-01-06.")
	})

	t.Run("an alert on data", func(t *testing.T) {
		am.post(t, alert{
			Labels:      map[string]string{"alertname": "IntranetCollectorFailing", "class": "data", "severity": "warning", "job": "intranet", "platform": "wiki"},
			Annotations: map[string]string{"summary": "Polling wiki fails", "description": "No poll has succeeded yet.", "runbook_url": "https://docs.example.org/#x"},
		})
		m := mails.next(t)
		equal(t, "recipients", m.to, "<ops@example.org>")
		equal(t, "subject", m.subject, "Polling wiki fails")
		equal(t, "text", m.text, "Polling wiki fails\n\nNo poll has succeeded yet.\n\nWhat it means:  https://docs.example.org/#x")
	})

	t.Run("hostile text, by mail and webhook", func(t *testing.T) {
		a := crossed.with("kpi_owner", "communications")
		for name := range a.Annotations {
			a.Annotations[name] = hostile
		}
		am.post(t, a)

		m := mails.next(t)
		equal(t, "recipients", m.to, "<communications@example.org>")
		equal(t, "subject", m.subject, strings.ReplaceAll(hostile, "\n", " "))
		equal(t, "text", strings.Count(m.text, hostile), len(a.Annotations))
		equal(t, "HTML", strings.Count(m.html, hostileHTML), len(a.Annotations)-2) // and two links
		for _, raw := range []string{"<script", "<b>", "<@here"} {
			if strings.Contains(m.html, raw) {
				t.Errorf("the HTML has %q unescaped:\n%s", raw, m.html)
			}
		}

		var hook struct{ Alerts []alert }
		if err := json.Unmarshal(hooks.next(t), &hook); err != nil {
			t.Fatal(err)
		}
		equal(t, "alerts", len(hook.Alerts), 1)
		for name := range a.Annotations {
			equal(t, name, hook.Alerts[0].Annotations[name], hostile)
		}
	})

	t.Run("in Dutch", func(t *testing.T) {
		dutch := crossed.with("kpi_owner", "redactie")
		dutch.Annotations["owner"] = "redactie"
		am.post(t, dutch)
		m := mails.next(t)
		equal(t, "recipients", m.to, "<redactie@example.org>")
		equal(t, "subject", m.subject, "Pages created per week is onder de kritieke grens")
		equal(t, "text", m.text, `Pages created per week is onder de kritieke grens

Wat te doen, zoals afgesproken:
The sponsor puts it on the agenda.

De waarde is 8 pages. De kritieke grens is 10 pages; de waarde ligt eronder sinds 2027-01-06.

Binnen:       7d
Eigenaar:     redactie
KPI:          Pages created per week
Doel:         Knowledge sharing
Waarde:       8 pages
Grens:        10 pages
Streefwaarde: 40 pages
Sinds:        2027-01-06
Zoals het nu is:   https://kpi.example.org/?a=1&b=2#pages_weekly
Wat het betekent:  https://docs.example.org/alerts.md#intranetkpithresholdcrossed`)
		contains(t, m.html,
			`<html lang="nl">`,
			"<h2>Pages created per week is onder de kritieke grens</h2>",
			"<strong>Wat te doen, zoals afgesproken:</strong>\nThe sponsor puts it on the agenda.</p>",
			"<th>Streefwaarde</th><td>40 pages</td>",
			`<a href="https://kpi.example.org/?a=1&amp;b=2#pages_weekly">Zoals het nu is</a>`,
		)
		am.post(t, dutch.ended())
		equal(t, "subject", mails.next(t).subject, "Voorbij: Pages created per week is onder de kritieke grens")

		for condition, want := range map[string][2]string{
			"above": {"is boven de waarschuwingsgrens", "De waarschuwingsgrens is onbekend; de waarde ligt erboven sinds een onbekende datum."},
			"drop":  {"is gedaald tot onder de waarschuwingsgrens", "De waarschuwingsgrens voor een daling is vandaag onbekend; de waarde ligt eronder sinds een onbekende datum."},
			"rise":  {"is gestegen tot boven de waarschuwingsgrens", "De waarschuwingsgrens voor een stijging is vandaag onbekend; de waarde ligt erboven sinds een onbekende datum."},
		} {
			a := dutch.with("condition", condition).with("severity", "warning").with("kpi", condition).with("objective", condition) // no critical one mutes it
			for _, name := range []string{"value", "threshold", "since"} {
				a.Annotations[name] = "unknown"
			}
			am.post(t, a)
			m := mails.next(t)
			equal(t, "subject", m.subject, "Pages created per week "+want[0])
			contains(t, m.text, "\nDe waarde is onbekend. "+want[1]+"\n", "Waarde:       onbekend\n", "Grens:        onbekend\n", "Sinds:        onbekend\n")
		}

		am.post(t, alert{
			Labels:      map[string]string{"alertname": "IntranetKPIReviewDue", "class": "kpi", "severity": "info", "job": "intranet", "kpi": "pages_weekly", "kpi_owner": "redactie"},
			Annotations: map[string]string{"title": "Pages", "since": "2027-01-06", "action": "Decide."},
		})
		m = mails.next(t)
		equal(t, "subject", m.subject, "Pages: tijd om deze KPI te herzien")
		contains(t, m.text, "Besluit of de KPI blijft", "De herziening stond gepland voor 2027-01-06.")
	})

	t.Run("hostile text in Dutch", func(t *testing.T) {
		a := crossed.with("kpi_owner", "redactie").with("objective", "hostile")
		for name := range a.Annotations {
			a.Annotations[name] = hostile
		}
		am.post(t, a)
		m := mails.next(t)
		equal(t, "subject", m.subject, strings.ReplaceAll(hostile, "\n", " ")+" is onder de kritieke grens")
		equal(t, "HTML", strings.Count(m.html, hostileHTML), 12) // eight rows, what to do, and three in a sentence
		for _, raw := range []string{"<script", "<b>", "<@here"} {
			if strings.Contains(m.html, raw) {
				t.Errorf("the HTML has %q unescaped:\n%s", raw, m.html)
			}
		}
	})

	t.Run("a link that is code", func(t *testing.T) {
		a := crossed.with("objective", "code")
		a.Annotations["dashboard_url"] = "javascript:alert(1)"
		am.post(t, a)
		if m := mails.next(t); strings.Contains(m.html, "javascript") {
			t.Errorf("the HTML has the link:\n%s", m.html)
		}
	})
}

func TestInhibition(t *testing.T) {
	am := startAlertmanager(t, smtpSink(t).addr, webhookSink(t).url)
	crossed := func(job, kpi, severity string) alert {
		return alert{Labels: map[string]string{"alertname": "IntranetKPIThresholdCrossed", "class": "kpi", "job": job, "kpi": kpi, "severity": severity}}
	}
	am.post(t,
		crossed("intranet", "worse", "warning"), crossed("intranet", "worse", "critical"),
		crossed("intranet", "blind", "critical"),
		crossed("intranet", "other", "warning"), crossed("elsewhere", "blind", "warning"),
		alert{Labels: map[string]string{"alertname": "IntranetKPIReviewDue", "class": "kpi", "job": "intranet", "kpi": "worse", "severity": "info"}},
		alert{Labels: map[string]string{"alertname": "IntranetKPIWithoutValue", "class": "data", "job": "intranet", "kpi": "blind", "severity": "warning"}},
		crossed("down", "k", "critical"),
		alert{Labels: map[string]string{"alertname": "IntranetCollectorFailing", "class": "data", "job": "down", "severity": "warning"}},
		alert{Labels: map[string]string{"alertname": "IntranetExporterDown", "class": "data", "job": "down", "severity": "critical"}},
	)
	want := []string{
		"suppressed: down IntranetCollectorFailing  warning",
		"suppressed: down IntranetKPIThresholdCrossed k critical",
		"suppressed: intranet IntranetKPIThresholdCrossed blind critical",
		"suppressed: intranet IntranetKPIThresholdCrossed worse warning",
	}
	var got []string
	for range 100 { // the mutes of an alert are worked out shortly after it came
		got = nil
		for _, a := range am.alerts(t) {
			if a.Status.State != "active" {
				got = append(got, fmt.Sprintf("%s: %s %s %s %s", a.Status.State, a.Labels["job"], a.Labels["alertname"], a.Labels["kpi"], a.Labels["severity"]))
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("not active:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	EndsAt      *time.Time        `json:"endsAt,omitempty"`
}

// with returns a copy with another label.
func (a alert) with(name, value string) alert {
	a.Labels, a.Annotations = maps.Clone(a.Labels), maps.Clone(a.Annotations)
	a.Labels[name] = value
	return a
}

func (a alert) ended() alert {
	now := time.Now()
	a.EndsAt = &now
	return a
}

type alertmanager struct{ url string }

// startAlertmanager runs the shipped configuration, with other addresses and without waiting.
func startAlertmanager(t *testing.T, smtp, webhook string) alertmanager {
	program := need.Program(t, "prometheus-alertmanager")
	templates, err := filepath.Abs("alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	config := read(t, alertmanagerFile)
	for _, change := range [][2]string{
		{"smtp_smarthost: smtp.example.org:587", "smtp_smarthost: " + smtp + "\n  smtp_require_tls: false"},
		{"  smtp_auth_username: kpi@example.org\n  smtp_auth_password_file: /etc/alertmanager/smtp.pass\n", ""},
		{"- intranet.", "- " + templates + "/intranet."},
		{"group_wait: 1m", "group_wait: 200ms"},
		{"group_interval: 10m", "group_interval: 100ms"},
		{"active_time_intervals: [working hours]", ""},
		{"mute_time_intervals: [holidays]", ""},
		{"https://hooks.example.org/intranet", webhook},
	} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("%s has no %q", alertmanagerFile, change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "alertmanager.yml"), config)

	return alertmanager{listen(t, program, retention, "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")}
}

// listen starts a server that listens on a port of its choice, and returns its address.
func listen(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "repeat_interval is greater") {
			t.Errorf("%s does not suit the configuration: %s", retention, lines.Text())
		}
		if _, addr, found := strings.Cut(lines.Text(), `msg="Listening on" address=`); found {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return "http://" + addr
		}
		said.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("%s did not start:\n%s", filepath.Base(program), &said)
	return ""
}

func (am alertmanager) post(t *testing.T, alerts ...alert) {
	t.Helper()
	body, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(am.url+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("Alertmanager answers %s", resp.Status)
	}
}

type status struct {
	alert
	Status struct{ State string }
}

func (am alertmanager) alerts(t *testing.T) []status {
	resp, err := http.Get(am.url + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var all []status
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

type webhooks struct {
	url    string
	bodies chan []byte
}

func webhookSink(t *testing.T) webhooks {
	bodies := make(chan []byte, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			bodies <- body
		}
	}))
	t.Cleanup(server.Close)
	return webhooks{server.URL, bodies}
}

func (w webhooks) next(t *testing.T) []byte { return next(t, w.bodies) }

type message struct {
	to, subject, text, html string
}

type mailbox struct {
	addr     string
	received chan received
}

type received struct {
	to   string
	data []byte
}

// smtpSink takes every mail.
func smtpSink(t *testing.T) mailbox {
	box := mailbox{received: make(chan received, 100)}
	box.addr = need.Listen(t, box.serve)
	return box
}

func (box mailbox) serve(c net.Conn) {
	conn := textproto.NewConn(c)
	var r received
	_ = conn.PrintfLine("220 sink")
	for {
		line, err := conn.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, ":")
		switch strings.ToUpper(verb) {
		case "RCPT TO":
			r.to += rest
			_ = conn.PrintfLine("250 ok")
		case "DATA":
			_ = conn.PrintfLine("354 go on")
			if r.data, err = conn.ReadDotBytes(); err != nil {
				return
			}
			box.received <- r
			_ = conn.PrintfLine("250 ok")
		case "QUIT":
			_ = conn.PrintfLine("221 bye")
			return
		default:
			_ = conn.PrintfLine("250 ok")
		}
	}
}

// next waits for a mail and takes it apart.
func (box mailbox) next(t *testing.T) message {
	t.Helper()
	r := next(t, box.received)
	m, err := mail.ReadMessage(bytes.NewReader(r.data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parsed := message{to: r.to, subject: subject}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return parsed
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			parsed.text = text
		case "text/html":
			parsed.html = text
		}
	}
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		t.Fatal("Alertmanager sent nothing")
		panic("unreachable")
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%v\nwant:\n%v", what, got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
