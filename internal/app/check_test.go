package app

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

func TestCheck(t *testing.T) {
	hostile := strings.NewReplacer(
		"title: Pages created per week", `title: "Pages\n\u202ecreated\tper\u2069 week"`,
		"action: Offer a writing hour.", `action: "Offer\na writing hour.\nשעת כתיבה."`,
	).Replace(agreed)
	for _, tc := range []struct {
		golden, config, format string
		width                  int
	}{
		{"check.txt", agreed, "text", columns},
		{"check-narrow.txt", agreed, "text", 60},
		{"check-hostile.txt", hostile, "text", columns},
		{"check.json", agreed, "json", columns},
		{"check-people.txt", together, "text", columns},
		{"check-people.json", together, "json", columns},
		{"check-record.txt", record, "text", columns},
		{"check-record.json", record, "json", columns},
		{"check-no-objectives.txt", "platforms:\n  - {name: wiki, type: stub, poll_interval: 1d}\n", "text", columns},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			s := newStand()
			s.Width = tc.width
			file := write(t, tc.config)
			if err := s.Check(t.Context(), file, CheckOptions{Format: tc.format}); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.golden, s.shown(file))
			if tc.format == "json" {
				return
			}
			if strings.ContainsAny(s.out.String(), "\x1b\t\u202e\u2069") {
				t.Error("signs that control a terminal reach it")
			}
			for _, line := range strings.Split(s.out.String(), "\n") {
				if !strings.Contains(line, file) && length(line) > tc.width {
					t.Errorf("%q is too wide", line)
				}
			}
		})
	}
}

func TestCheckOfABrokenFile(t *testing.T) {
	broken := strings.NewReplacer("owner: intranet-manager", "owner: jan@example.org", "window: 28d", "window: 29d").Replace(agreed)
	s := newStand()
	file := write(t, broken)
	err := s.Check(t.Context(), file, CheckOptions{})
	want := strings.ReplaceAll(`FILE:17: objectives[0].kpis[0].owner: must be a role such as intranet-manager, not an address; addresses live in Alertmanager's file
FILE:22: objectives[0].kpis[1].window: wiki delivers authors over 1d, 7d, 28d, not over 29d
FILE:25: objectives[0].kpis[1].owner: must be a role such as intranet-manager, not an address; addresses live in Alertmanager's file
problems: 3; nothing of the file is used until they are mended`, "FILE", file)
	if err == nil || err.Error() != want || s.out.String() != "" {
		t.Errorf("got %q and %v, want\n%s", s.out, err, want)
	}
	if err := s.Check(t.Context(), file, CheckOptions{Format: "json"}); err == nil {
		t.Error("no error")
	}
	golden(t, "check-broken.json", s.shown(file))

	s = newStand()
	if err := s.Check(t.Context(), file+"x", CheckOptions{Format: "json"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if want := `"text": "read config: open intranet.ymlx: no such file or directory; `; !strings.Contains(s.shown(file), want) {
		t.Error(s.out)
	}
}

// two is agreed with other platforms; all KPIs are on the wiki.
func two(platforms string) string {
	config := strings.Replace(agreed, "  - {name: wiki, type: stub}", platforms, 1)
	return strings.ReplaceAll(config, "measure:", "platform: wiki\n        measure:")
}

// together has two platforms with the same people, and one with others.
const together = `
platforms:
  - {name: wiki, type: stub, identity: '{name}@example.org'}
  - {name: portal, type: stub, identity: '{name}@example.org'}
  - {name: forum, type: stub}
objectives:
  - name: reach
    kpis:
      - name: reached
        title: Everybody takes part
        measure: people_active
        window: 7d
        per: people
        warning: {at: 0.9, action: Ask them why., sustain: 0s}
        owner: communications
        review: 2099-01-15
`

func TestCheckLive(t *testing.T) {
	for _, tc := range []struct {
		golden, config string
		want           error
	}{
		{"live.txt", two("  - {name: wiki, type: stub}"), nil},
		{"live-fails.txt", two("  - {name: wiki, type: stub, mood: tired}\n  - {name: portal, type: stub, mood: closed}"), errPoll},
		{"live-quiet.txt", two("  - {name: wiki, type: stub, mood: quiet}"), nil},
		{"live-people.txt", together, nil},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			file := write(t, tc.config)
			synctest.Test(t, func(t *testing.T) {
				s := newStand()
				if err := s.Check(t.Context(), file, CheckOptions{Live: true}); !errors.Is(err, tc.want) {
					t.Error(err)
				}
				_, live, _ := strings.Cut(s.shown(file), "\nwiki (stub): ")
				golden(t, tc.golden, "wiki (stub): "+live)
				if s.log.String()+s.err.String() != "" {
					t.Errorf("besides, it says\n%s\n%s", s.log, s.err)
				}
			})
		})
	}
	var usage UsageError
	if err := newStand().Check(t.Context(), write(t, agreed), CheckOptions{Live: true, Format: "json"}); !errors.As(err, &usage) {
		t.Error(err)
	}
}

func TestVerdict(t *testing.T) {
	warning := kpi.Limit{Severity: "warning", Condition: "below", At: 25, Threshold: &config.Threshold{}}
	for _, tc := range []struct {
		want  string
		state kpi.State
	}{
		{"within limits", kpi.State{KPI: &config.KPI{Status: config.Active}, Known: true, Limits: []kpi.Limit{warning}}},
		{"none: it is proposed", kpi.State{KPI: &config.KPI{Status: config.Proposed}, Known: true, Limits: []kpi.Limit{warning}}},
		{"no data", kpi.State{KPI: &config.KPI{Status: config.Proposed}, Limits: []kpi.Limit{warning}}},
		{"too few to judge", kpi.State{KPI: &config.KPI{Status: config.Active}, Known: true, Small: true, Limits: []kpi.Limit{warning}}},
	} {
		if got := verdict(time.Now(), tc.state, time.UTC); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// docs/commands.md is the contract of check --format=json.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{report{}, problem{}, platformReport{}, measureReport{}, kpiReport{}, limitReport{}, decisionReport{}, noteReport{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			key, optional, _ := strings.Cut(field.Tag.Get("json"), ",")
			want := "`" + key + "`"
			if optional != "" {
				want += "*"
			}
			if !strings.Contains(string(text), want) {
				t.Errorf("it does not have %s", want)
			}
		}
	}
}

func TestCheckAgainst(t *testing.T) {
	const other = "  - {name: forum, type: stub}\n  - {name: wiki, type: stub}\n  - {name: portal, type: stub}"
	old := two(other)
	for _, tc := range []struct {
		name  string
		edits []string // what, by what
		want  []string
	}{
		{"texts, limits and intervals", []string{
			"title: Satisfaction", "title: Happiness", "at: 30", "at: 31", "owner: communications", "owner: press",
			"{name: wiki, type: stub}", "{name: wiki, type: stub, poll_interval: 5m}",
		}, []string{"nothing: history and verdicts go on"}},
		{"another source", []string{"{name: wiki, type: stub}", "{name: wiki, type: stub, mood: tired}"},
			[]string{"platform wiki has another source: it is read anew; the present values stay until that is done"}},
		{"other accounts", []string{"{name: wiki, type: stub}", "{name: wiki, type: stub, exclude: {accounts: [^bot]}}"},
			[]string{"platform wiki counts others: its accounts are listed with the next poll; events that were counted stay as they are"}},
		{"other accounts, and a long memory", []string{"{name: portal, type: stub}", "{name: portal, type: stub, exclude: {guests: false}}"},
			[]string{"platform portal counts others: its accounts are listed with the next poll, and 28 days are read anew"}},
		{"another name", []string{"name: forum", "name: board"}, []string{
			"platform board is new: it is read from as far back as it remembers, at most 28 days",
			"platform forum is gone: its metrics end",
		}},
		{"another KPI", []string{"name: score", "name: satisfaction", "window: 7d", "window: 28d"}, []string{
			"KPI pages_created_weekly measures something else: its record begins anew, and limits count after their sustain",
			"KPI satisfaction is new: its record begins, and limits count after their sustain",
			"KPI score is gone: its alerts end, and its record is kept for 400 days",
		}},
		{"another status", []string{
			"title: Pages created per week", "status: proposed", "title: Share of authors", "status: retired\n        reason: Nobody acts.",
		}, []string{
			"KPI pages_created_weekly is not active any more: its alerts end, and its record goes on",
			"KPI authors_share is gone: its alerts end, and its record is kept for 400 days",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStand()
			s.Width = 1000
			before := write(t, old)
			if err := s.Check(t.Context(), write(t, strings.NewReplacer(tc.edits...).Replace(old)), CheckOptions{Against: before}); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(s.out.String(), "\nWhat the edit costs, compared with "+before+":\n")
			if want := "- " + strings.Join(tc.want, "\n- ") + "\n"; got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
	broken := write(t, "platforms: []\n")
	want := "compare with " + broken + ", which does not load: " + broken + ":1: platforms: there is none; give at least one platform, with name and type"
	if err := newStand().Check(t.Context(), write(t, agreed), CheckOptions{Against: broken}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEveryCauseHasAdvice(t *testing.T) {
	for _, c := range cause.All {
		if !strings.HasSuffix(advice[c], ".") {
			t.Errorf("%s: %q", c, advice[c])
		}
	}
}

func TestPoll(t *testing.T) {
	file := write(t, agreed)
	synctest.Test(t, func(t *testing.T) {
		s := newStand()
		if err := s.Poll(t.Context(), file, "wiki", "table"); err != nil {
			t.Error(err)
		}
		golden(t, "poll.txt", s.shown(file))
		if s.err.String() != "" {
			t.Errorf("it shows its progress to nobody: %q", s.err)
		}
	})
	both := write(t, "platforms:\n  - {name: wiki, type: stub}\n  - {name: portal, type: stub, mood: closed}\n")
	synctest.Test(t, func(t *testing.T) {
		s := newStand()
		if err := s.Poll(t.Context(), both, "", "metrics"); !errors.Is(err, errPoll) {
			t.Error(err)
		}
		for _, want := range []string{
			`intranet_collector_errors_total{cause="auth",platform="portal"} 1`,
			`intranet_collector_requests_total{code="401",platform="portal"} 1`,
			`intranet_pages{platform="wiki"} 12345`,
		} {
			if !strings.Contains(s.out.String(), want) {
				t.Errorf("no %s in\n%s", want, s.out)
			}
		}
		if !strings.Contains(s.log.String(), "cause=auth") {
			t.Errorf("why is not in the log: %s", s.log)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStand()
		if err := s.Poll(t.Context(), write(t, together), "", "table"); err != nil {
			t.Error(err)
		}
		_, people, _ := strings.Cut(s.shown(file), "\npeople ")
		golden(t, "poll-people.txt", "people "+people)
	})
	var usage UsageError
	if err := newStand().Poll(t.Context(), file, "portal", "table"); !errors.As(err, &usage) || err.Error() != `there is no platform "portal"; there is wiki` {
		t.Error(err)
	}
}

func TestPollOfOnePlatform(t *testing.T) {
	file := write(t, two("  - {name: wiki, type: stub}\n  - {name: portal, type: stub, mood: closed}"))
	for platform, want := range map[string]error{"wiki": nil, "portal": errPoll} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand()
			if err := s.Poll(t.Context(), file, platform, "metrics"); !errors.Is(err, want) {
				t.Errorf("%s: %v", platform, err)
			}
			other := map[string]string{"wiki": "portal", "portal": "wiki"}[platform]
			if strings.Contains(s.out.String(), `platform="`+other) || strings.Contains(s.out.String(), "intranet_kpi_info{") != (platform == "wiki") {
				t.Errorf("of %s it says\n%s", platform, s.out)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	file := write(t, "platforms:\n  - {name: wiki, type: stub, mood: slow}\n  - {name: portal, type: stub, mood: closed}\n")
	synctest.Test(t, func(t *testing.T) {
		s := newStand()
		s.Interactive = true
		if err := s.Poll(t.Context(), file, "", "table"); !errors.Is(err, errPoll) {
			t.Error(err)
		}
		var lines []string // the first for each request, and the last
		seen := regexp.MustCompile(`^\w+|requests \d+`)
		last := "none"
		for _, line := range strings.Split(s.err.String(), clearLine) {
			if now := strings.Join(seen.FindAllString(line, -1), " "); now != last {
				lines, last = append(lines, line), now
			}
		}
		golden(t, "progress.txt", strings.Join(lines, "\n"))
	})
}

func TestInterrupted(t *testing.T) {
	file := write(t, strings.Replace(agreed, "type: stub", "type: stub, mood: slow", 1))
	for _, command := range []func(context.Context, stand) error{
		func(ctx context.Context, s stand) error { return s.Poll(ctx, file, "", "metrics") },
		func(ctx context.Context, s stand) error { return s.Check(ctx, file, CheckOptions{Live: true}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if err := command(ctx, s); !errors.Is(err, errInterrupted) {
				t.Error(err)
			}
			if strings.Contains(s.out.String(), "intranet_") || strings.Contains(s.out.String(), "PERMISSION") {
				t.Errorf("half a poll is shown:\n%s", s.out)
			}
		})
	}
}

// Who polls beside a running server must not touch what it knows.
func TestTheStateOfARunningServerIsLeftAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	state, err := storage.Open("data")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = state.Close() }()
	if err := os.WriteFile("intranet.yml", []byte(agreed), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStand()
		if err := errors.Join(
			s.Check(t.Context(), "intranet.yml", CheckOptions{Live: true, Against: "intranet.yml"}),
			s.Check(t.Context(), "intranet.yml", CheckOptions{Format: "json"}),
			s.Poll(t.Context(), "intranet.yml", "", "table"),
		); err != nil {
			t.Error(err)
		}
	})
	for folder, want := range map[string]int{".": 2, "data": 1} { // data and the file; the lock
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != want {
			t.Errorf("%s holds %v, %v", folder, entries, err)
		}
	}
}
