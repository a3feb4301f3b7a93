package app

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was written with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	need.Golden(t, *update, filepath.Join("testdata", name), []byte(got))
}

// A stand is a console whose output can be read.
type stand struct {
	Console
	out, err, log *need.Buffer
}

func newStand() stand {
	s := stand{out: &need.Buffer{}, err: &need.Buffer{}, log: &need.Buffer{}}
	s.Console = Console{
		Types: map[string]collector.New{"stub": newStub}, In: &bytes.Buffer{}, Out: s.out, Err: s.err,
		Width: columns, Logger: log.NewLogfmtLogger(s.log),
	}
	return s
}

// shown is what a command wrote, with the folder of the file left out.
func (s stand) shown(file string) string {
	return strings.NewReplacer(filepath.Dir(file)+"/", "", "\u00a0", " ").Replace(s.out.String())
}

// write makes a config file.
func write(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "intranet.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A stub is a platform in this process: sixty people, of whom one a day creates four pages. It remembers what was
// done for ten days, and on the portal for ever.
type stub struct {
	mood    string        // "" is well
	takes   time.Duration // each request
	options collector.Options
}

func newStub(decode func(any) error, o collector.Options) (collector.Collector, error) {
	var keys struct {
		Mood string `yaml:"mood"`
	}
	if err := decode(&keys); err != nil {
		return nil, err
	}
	s := &stub{mood: keys.Mood, options: o, takes: 100 * time.Millisecond}
	if s.mood == "slow" {
		s.takes = 20*time.Second + 10*time.Millisecond // never at the moment of a tick
	}
	return s, nil
}

func (s *stub) Describe() collector.Description {
	const day = 24 * time.Hour
	memory := 10 * day
	if s.options.Name == "portal" {
		memory = 0
	}
	return collector.Description{
		Events:   []collector.EventSource{{Kind: measure.PageCreated, Source: "list of pages", Memory: memory}},
		Accounts: &collector.AccountSource{Source: "list of people", Profile: []string{"photo"}},
		Readings: []collector.ReadingSource{
			{Ref: measure.Ref{Measure: "pages"}, Source: "statistics", Unit: "pages"},
			{Ref: measure.Ref{Measure: measure.Custom, Label: "score"}, Source: "survey", Title: "Satisfaction", Unit: "points"},
		},
		Permissions: []collector.Permission{
			{Name: "read", Required: true, Lost: "everything"},
			{Name: "survey", Lost: "custom.score", Sources: []string{"survey"}},
		},
		Undelivered: map[string]string{
			"page_views": "The stub does not count views.",
			"logins":     "The stub does not tell who signs in, however long one looks at it, and whatever one tries.",
		},
		Settle: time.Minute, Overlap: time.Hour, Step: 2 * day, Definition: s.mood,
	}
}

// ask is one request.
func (s *stub) ask(ctx context.Context, code string) error {
	s.options.OnRequest(code)
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stub) Probe(ctx context.Context) (collector.Access, error) {
	if s.mood == "closed" {
		return collector.Access{}, errors.Join(s.ask(ctx, "401"), cause.Errorf(cause.Auth, "log in: the password is refused\x1b[31m"))
	}
	return collector.Access{Account: "7", Granted: map[string]bool{"read": true, "survey": s.mood == "" || s.mood == "quiet"}}, s.ask(ctx, "200")
}

func (s *stub) Accounts(ctx context.Context, emit func(collector.Account)) error {
	for i := range 60 {
		emit(collector.Account{ID: fmt.Sprint(i), Name: fmt.Sprint("name", i), Kind: collector.Person, Enabled: i != 9, Filled: []bool{i%2 == 0}})
	}
	return s.ask(ctx, "200")
}

func (s *stub) Events(ctx context.Context, from, to time.Time, emit func(collector.Event)) error {
	if s.mood == "tired" {
		return errors.Join(s.ask(ctx, "503"), cause.Errorf(cause.Unavailable, "list pages: it is out of order"))
	}
	for at := from.Truncate(6 * time.Hour); at.Before(to); at = at.Add(6 * time.Hour) {
		if !at.Before(from) {
			emit(collector.Event{Kind: measure.PageCreated, At: at, Actor: fmt.Sprint(at.YearDay() % 5)})
		}
	}
	return s.ask(ctx, "200")
}

func (s *stub) Readings(ctx context.Context, _ bool, emit func(collector.Reading)) error {
	emit(collector.Reading{Ref: measure.Ref{Measure: "pages"}, Value: 12345, AsOf: time.Now()})
	if s.mood == "quiet" { // nobody has answered the survey
		return s.ask(ctx, "200")
	}
	if s.mood != "" {
		return errors.Join(s.ask(ctx, "200"), cause.Errorf(cause.Permission, "read survey: forbidden"))
	}
	emit(collector.Reading{Ref: measure.Ref{Measure: measure.Custom, Label: "score"}, Value: 7.25, AsOf: time.Now()})
	return s.ask(ctx, "200")
}

// agreed is a config file with every sort of agreement.
const agreed = `
time_zone: Europe/Amsterdam
platforms:
  - {name: wiki, type: stub}
objectives:
  - name: sharing
    title: Sharing what we know
    description: Colleagues write down what they know, and find what others wrote, so that nobody has to ask twice.
    kpis:
      - name: pages_created_weekly
        title: Pages created per week
        measure: pages_created
        window: 7d
        target: {value: 40, by: 2099-06-30}
        warning: {at: 30, sustain: 3d, action: "Editors' round: ask three departments for one page each.", within: 14d}
        critical: {at: 10, action: The sponsor puts it on the management agenda., within: 1d}
        owner: intranet-manager
        review: 2099-01-15
      - name: authors_share
        title: Share of authors
        measure: authors
        window: 28d
        per: accounts
        warning: {at: 0.1, sustain: 7d, action: Offer a writing hour.}
        owner: intranet-manager
        review: 2099-01-15
  - name: liking
    kpis:
      - name: score
        title: Satisfaction
        measure: custom.score
        direction: range
        target: {value: 8}
        warning: {below: 7.5, above: 9.5, sustain: 0s, action: Talk to five colleagues.}
        owner: communications
        review: 2099-01-15
      - name: pages_now
        measure: pages
        owner: communications
        review: 2000-01-01
`

// record is a config file with every part of what is kept of a KPI, and every status.
const record = `
platforms:
  - {name: wiki, type: stub}
objectives:
  - name: sharing
    kpis:
      - name: pages_created_weekly
        title: Pages created per week
        why: What is not written down has to be asked for, again and again.
        measure: pages_created
        window: 7d
        baseline: {value: 22, date: 2026-03-02}
        target: {value: 40, by: 2099-06-30}
        warning: {at: 30, drop: 0.2, sustain: 3d, action: "Editors' round: ask three departments for one page each.", within: 14d}
        critical: {drop: 0.5, against: 7d, action: The sponsor puts it on the management agenda.}
        owner: intranet-manager
        review: 2099-01-15
        decisions:
          - {date: 2026-06-01, decision: keep, why: It moved.}
          - {date: 2026-09-14, decision: refine, why: The warning at 15 came when it was too late to act.}
      - name: authors_share
        status: proposed
        measure: authors
        window: 28d
        per: accounts
        direction: range
        warning: {below: 0.1, drop: 0.2, rise: 1, action: Ask.}
        owner: editors
        review: 2099-01-15
      - name: all_pages
        status: context
        measure: pages
        warning: {at: 10, action: Ask.}
        review: 2099-01-15
      - name: logins
        status: retired
        reason: The wiki does not tell who signs in.
        measure: logins
        window: 7d
        warning: {at: 10, action: Ask.}
        decisions: [{date: 2026-09-14, decision: drop, why: It had no value in six months.}]
notes:
  - {date: 2026-09-28, text: New home page}
  - {date: 2099-05-04, text: Spring holidays}
`

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		text string
		n    int
		want []string
	}{
		{"", 8, []string{""}},
		{"one two three", 8, []string{"one two", "three"}},
		{"one two three", 13, []string{"one two three"}},
		{"custom.survey_score x", 8, []string{"custom.s", "urvey_sc", "ore x"}},
		{"ab custom.survey_score", 8, []string{"ab", "custom.s", "urvey_sc", "ore"}},
		{"満足度調査の結果", 8, []string{"満足度調", "査の結果"}},
		{"a満足度調査の結果", 8, []string{"a満足度", "調査の結", "果"}},
		{"e\u0301te\u0301 e\u0301te\u0301", 8, []string{"e\u0301te\u0301 e\u0301te\u0301"}}, // accents take no room
	} {
		if diff := cmp.Diff(tc.want, wrap(tc.text, tc.n)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                        "plain",
		" two\nlines\tand  more\r\n":   "two lines and more",
		"\x1b[31mred\x07\u009b2J\xff":  "[31mred 2J\ufffd",
		"a\u202eb\u2066c\u2069\u200fd": "abcd",
		"62.9\u00a0% of\u2028people":   "62.9\u00a0% of people",
		"שלום, עולם":                   "שלום, עולם",
		"family 👨\u200d👩\u200d👧 stays": "family 👨\u200d👩\u200d👧 stays",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	s := newStand()
	s.Width = 30
	s.table([]string{"A", "B", "C"}, []string{"one", "a cell that must be wrapped", "x"}, []string{"two\nlines", "", "y"}, []string{"last", "満足", "z"})
	want := `A      B                     C
one    a cell that must be   x
       wrapped
two                          y
lines

last   満足                  z
`
	if diff := cmp.Diff(want, s.out.String()); diff != "" {
		t.Error(diff)
	}
}
