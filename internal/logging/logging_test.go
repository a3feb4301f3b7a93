package logging

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/go-logfmt/logfmt"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
)

// newLoggers makes loggers from flags, as main does.
func newLoggers(t *testing.T, w *bytes.Buffer, args ...string) (log.Logger, *slog.Logger) {
	t.Helper()
	app, cfg := kingpin.New("test", ""), &promslog.Config{}
	promslogflag.AddFlags(app, cfg)
	if _, err := app.Parse(args); err != nil {
		t.Fatal(err)
	}
	return New(w, cfg)
}

func TestBothSidesWriteTheSameLine(t *testing.T) {
	tests := []struct {
		format string
		parse  func(t *testing.T, line string) map[string]any
		want   map[string]any
	}{
		{"logfmt", parseLogfmt, map[string]any{
			"level": "info", "msg": "polled", "platform": "wiki", "users": "1234", "partial": "false", "duration": "1.5s", "err": "get \"x\": refused",
		}},
		{"json", parseJSON, map[string]any{
			"level": "info", "msg": "polled", "platform": "wiki", "users": 1234.0, "partial": false, "duration": "1.5s", "err": "get \"x\": refused",
		}},
	}
	for _, test := range tests {
		t.Run(test.format, func(t *testing.T) {
			var out bytes.Buffer
			kit, bridge := newLoggers(t, &out, "--log.format="+test.format)
			err := errText("get \"x\": refused")
			_ = level.Info(log.With(kit, "platform", "wiki")).Log("msg", "polled", "users", 1234, "partial", false, "duration", 1500*time.Millisecond, "err", err)
			bridge.With("platform", "wiki").Info("polled", "users", 1234, "partial", false, "duration", 1500*time.Millisecond, "err", err)

			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != 2 {
				t.Fatalf("got %d lines, want one from each side:\n%s", len(lines), out.String())
			}
			for i, side := range []string{"go-kit", "slog"} {
				got := test.parse(t, lines[i])
				if ts, err := time.Parse(time.RFC3339Nano, got["ts"].(string)); err != nil || ts.Location() != time.UTC {
					t.Errorf("%s: ts is %v, want a time in UTC", side, got["ts"])
				}
				if caller := got["caller"].(string); !strings.HasPrefix(caller, "logging_test.go:") {
					t.Errorf("%s: caller is %s, want this file", side, caller)
				}
				delete(got, "ts")
				delete(got, "caller")
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", side, diff)
				}
			}
		})
	}
}

func TestLevel(t *testing.T) {
	var out bytes.Buffer
	kit, bridge := newLoggers(t, &out, "--log.level=warn")
	_ = level.Info(kit).Log("msg", "quiet")
	bridge.Info("quiet")
	_ = level.Warn(kit).Log("msg", "loud")
	bridge.Warn("loud")
	if got := out.String(); strings.Contains(got, "quiet") || strings.Count(got, "msg=loud") != 2 {
		t.Errorf("at level warn:\n%s", got)
	}
}

type errText string

func (e errText) Error() string { return string(e) }

func parseLogfmt(t *testing.T, line string) map[string]any {
	t.Helper()
	got := map[string]any{}
	d := logfmt.NewDecoder(strings.NewReader(line))
	for d.ScanRecord() {
		for d.ScanKeyval() {
			put(t, got, string(d.Key()), string(d.Value()))
		}
	}
	if err := d.Err(); err != nil {
		t.Fatalf("%s: %s", err, line)
	}
	return got
}

// parseJSON reads token by token: decoding into a map would hide a key that is there twice.
func parseJSON(t *testing.T, line string) map[string]any {
	t.Helper()
	got := map[string]any{}
	d := json.NewDecoder(strings.NewReader(line))
	token := func() any {
		tok, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %s", err, line)
		}
		return tok
	}
	token() // {
	for d.More() {
		put(t, got, token().(string), token())
	}
	return got
}

func put(t *testing.T, m map[string]any, key string, value any) {
	t.Helper()
	if _, ok := m[key]; ok {
		t.Errorf("key %s is there twice", key)
	}
	m[key] = value
}
