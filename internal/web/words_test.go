package web

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

func TestMoment(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	v := View{Now: time.Date(2026, 10, 26, 0, 30, 0, 0, zone), Config: &config.Config{TimeZone: zone}} // clocks went back the day before
	for text, at := range map[string]time.Time{
		"today, 00:00":     time.Date(2026, 10, 25, 23, 0, 0, 0, time.UTC),
		"yesterday, 23:59": time.Date(2026, 10, 25, 22, 59, 0, 0, time.UTC),
		"yesterday, 00:00": time.Date(2026, 10, 25, 0, 0, 0, 0, zone),
		"Saturday, 23:59":  time.Date(2026, 10, 24, 23, 59, 0, 0, zone),
		"Tuesday, 12:00":   time.Date(2026, 10, 20, 12, 0, 0, 0, zone),
		"19 October 2026":  time.Date(2026, 10, 19, 23, 59, 0, 0, zone),
		"tomorrow, 23:59":  time.Date(2026, 10, 27, 23, 59, 0, 0, zone),
		"28 October 2026":  time.Date(2026, 10, 28, 0, 0, 0, 0, zone),
		"1 January 2027":   time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		if got := v.moment(at).Text; got != text {
			t.Errorf("%s is written %q, want %q", at, got, text)
		}
	}
	if got, want := v.moment(v.Now).Machine, "2026-10-26T00:30:00+01:00"; got != want {
		t.Errorf("machines read %s, want %s", got, want)
	}
	if v.known(time.Time{}) != nil || v.age(time.Time{}) != nil {
		t.Error("what never was has a time")
	}
}

func TestAge(t *testing.T) {
	v := View{Now: now, Config: &config.Config{TimeZone: time.UTC}}
	for age, want := range map[time.Duration]string{
		-time.Hour: "less than a minute old", 59 * time.Second: "less than a minute old", time.Minute: "1 minute old", 59 * time.Minute: "59 minutes old",
		time.Hour: "1 hour old", 2*day - 1: "47 hours old", 2 * day: "2 days old", 1200 * day: "1,200 days old",
	} {
		if got := v.age(now.Add(-age)).Text; got != want {
			t.Errorf("%s is written %q, want %q", age, got, want)
		}
	}
}

func TestAttainment(t *testing.T) {
	limit := func(condition string, at float64) kpi.Limit {
		return kpi.Limit{Severity: "warning", Condition: condition, At: at}
	}
	target := func(v float64) *config.Target { return &config.Target{Value: v} }
	for _, test := range []struct {
		direction config.Direction
		unit      measure.Unit
		target    *config.Target
		value     float64
		limits    []kpi.Limit
		want      string
	}{
		{config.Higher, "pages", target(40), 40, nil, "Target reached"},
		{config.Higher, "pages", target(40), 39.99, nil, "99 % of the target"},
		{config.Higher, "pages", target(100), 29, nil, "29 % of the target"},
		{config.Higher, "pages", target(40), 0, nil, "0 % of the target"},
		{config.Higher, "pages", target(1240), 8, nil, "Less than 1 % of the target"},
		{config.Higher, "points", target(40), -3, nil, "43 points below the target"},
		{config.Higher, "points", target(0), -3.25, nil, "3.3 points below the target"},
		{config.Higher, measure.Ratio, target(0.75), 0.6287, nil, "12.1 points below the target"},
		{config.Higher, measure.Ratio, target(0.75), 0.74999, nil, "Just below the target"},
		{config.Higher, "pages", nil, 12, []kpi.Limit{limit("below", 25)}, ""},
		{config.Lower, measure.Ratio, target(0.2), 0.2, nil, "Target reached"},
		{config.Lower, measure.Ratio, target(0.2), 0.35, nil, "15 points above the target"},
		{config.Lower, "calls", target(20), 1020, nil, "1,000 calls above the target"},
		{config.Range, "calls", nil, 50, []kpi.Limit{limit("below", 10), limit("above", 90)}, "Within the range"},
		{config.Range, "calls", target(50), 9, []kpi.Limit{limit("below", 10), limit("above", 90)}, "1 call below the range"},
		{config.Range, "calls", target(50), 95, []kpi.Limit{limit("above", 90)}, "5 calls above the range"},
		{config.Range, "calls", target(50), 95, nil, ""},
		{config.Range, "calls", target(50), 95, []kpi.Limit{limit("rise", 90)}, ""},
	} {
		s := kpi.State{KPI: &config.KPI{Direction: test.direction, Unit: test.unit, Target: test.target}, Known: true, Value: test.value, Limits: test.limits}
		if got := strings.ReplaceAll(attainment(s), "\u00a0", " "); got != test.want {
			t.Errorf("%v %s: got %q, want %q", test.value, test.unit, got, test.want)
		}
		if s.Known = false; attainment(s) != "" {
			t.Errorf("what is not known is %q", attainment(s))
		}
	}
}

func TestMoved(t *testing.T) {
	for _, test := range []struct {
		direction      config.Direction
		status         config.Status
		unit           measure.Unit
		earlier, value float64
		want           string
	}{
		{config.Higher, config.Active, "pages", 58, 70, "↑ up 12 from 58 in 28 days, for the better"},
		{config.Lower, config.Active, "pages", 58, 70, "↑ up 12 from 58 in 28 days, for the worse"},
		{config.Higher, config.Active, "pages", 1, 0, "↓ down 1 from 1 in 28 days, for the worse"},
		{config.Lower, config.Active, "calls", 1200, 100, "↓ down 1,100 from 1,200 in 28 days, for the better"},
		{config.Range, config.Active, "calls", 58, 70, "↑ up 12 from 58 in 28 days"},
		{config.Higher, config.Context, "accounts", 58, 70, "↑ up 12 from 58 in 28 days"},
		{config.Higher, config.Proposed, "points", 7.25, 7.4, "↑ up 0.15 from 7.25 in 28 days, for the better"},
		{config.Higher, config.Active, "points", -2, -3, "↓ down 1 from −2 in 28 days, for the worse"},
		{config.Higher, config.Active, measure.Ratio, 0.595, 0.6287, "↑ up 3.4 points from 59.5 % in 28 days, for the better"},
		{config.Higher, config.Active, measure.Ratio, 0.62, 0.63, "↑ up 1 point from 62 % in 28 days, for the better"},
		{config.Higher, config.Active, measure.Ratio, 0.62864, 0.62861, "→ unchanged in 28 days"}, // both are 62.9 %
		{config.Higher, config.Active, "pages", 58, 58, "→ unchanged in 28 days"},
	} {
		s := kpi.State{KPI: &config.KPI{Direction: test.direction, Status: test.status, Unit: test.unit}, Known: true, Value: test.value, Earlier: &test.earlier}
		c := moved(s)
		if got := strings.ReplaceAll(c.Arrow+" "+c.Text, "\u00a0", " "); got != test.want {
			t.Errorf("from %v to %v %s: got %q, want %q", test.earlier, test.value, test.unit, got, test.want)
		}
		if s.Earlier = nil; moved(s).Arrow != "" || !strings.HasSuffix(moved(s).Text, "not known yet") {
			t.Errorf("what was is not known, and it says %+v", *moved(s))
		}
		if s.Known = false; moved(s) != nil {
			t.Errorf("what is not known has moved: %+v", *moved(s))
		}
	}
}

func TestHealth(t *testing.T) {
	v := View{Now: now, Config: &config.Config{TimeZone: time.UTC}}
	since := now.Add(-day)
	at := func(times ...time.Duration) *tally.Snapshot {
		s := &tally.Snapshot{}
		for _, d := range times {
			s.Values = append(s.Values, tally.Value{AsOf: now.Add(-d)})
		}
		return s
	}
	tests := map[string]struct {
		poll.Status
		want []string
	}{
		"fresh":          {poll.Status{Success: true, Snapshot: at(time.Hour)}, []string{"works"}},
		"partly old":     {poll.Status{Success: true, Snapshot: at(time.Hour, 3*day)}, []string{"works", "Some of its numbers became too old to be shown."}},
		"just started":   {poll.Status{LastSuccess: since, Snapshot: at(time.Hour)}, []string{"not polled yet", "The last poll before the exporter was started failed; the next one is running."}},
		"never polled":   {poll.Status{}, []string{"not polled yet", "The first poll is running; it reads what happened before, which may take hours."}},
		"never answered": {poll.Status{Failing: cause.Timeout}, []string{"fails", "The platform has not answered in time; there are no numbers yet."}},
		"fails":          {poll.Status{Failing: cause.Auth, Snapshot: at(25 * time.Hour)}, []string{"fails", "The platform has refused the exporter's password or token since yesterday, 15:10; the numbers are from then."}},
		"fails in part":  {poll.Status{Failing: cause.BadResponse, Snapshot: at(25*time.Hour, time.Hour)}, []string{"fails", "The platform has given answers that can't be right since yesterday, 15:10; some numbers still come in."}},
		"fails for long": {poll.Status{Failing: cause.Unavailable, Snapshot: at(3 * day)}, []string{"fails", "The platform has been out of reach since yesterday, 15:10; its numbers became too old to be shown."}},
	}
	for name, test := range tests {
		s := test.Status
		s.Platform = &config.Platform{MaxAge: 2 * day}
		if s.Failing != "" && s.Snapshot != nil {
			s.FailingSince = since
		}
		state, notes := v.health(s)
		if diff := cmp.Diff(test.want, append([]string{state.Word}, notes...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range cause.All {
		if failures[c] == "" {
			t.Errorf("no words for %s", c)
		}
	}
}

func TestAbsence(t *testing.T) {
	k := &config.KPI{Platform: "wiki"}
	tests := map[string]struct {
		kpi.State
		poll.Status
		want string
	}{
		"warming up": {kpi.State{WarmingUp: true, Expected: now.Add(30 * day)}, poll.Status{Success: true}, "Its first value comes from 23 December 2026 on."},
		"fails":      {kpi.State{}, poll.Status{Failing: cause.Timeout, FailingSince: now.Add(-3 * day)}, "The platform has not answered in time since Friday, 15:10."},
		"first poll": {kpi.State{}, poll.Status{}, "The first poll is running; it reads what happened before, which may take hours."},
		"old":        {kpi.State{Data: now.Add(-3 * day)}, poll.Status{Success: true}, "Its numbers became too old to be shown."},
		"nothing":    {kpi.State{Data: now.Add(-time.Hour)}, poll.Status{Success: true}, "The platform tells no number for it."},
	}
	for name, test := range tests {
		test.KPI, test.Platform = k, &config.Platform{Name: "wiki", MaxAge: 2 * day}
		v := View{Now: now, Config: &config.Config{TimeZone: time.UTC}, Statuses: []poll.Status{test.Status}}
		if got := v.absence(test.State); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestAccounts(t *testing.T) {
	all := &tally.Snapshot{Values: []tally.Value{{Ref: measure.Ref{Measure: "accounts"}, Value: 1}}}
	if got, want := accounts(all), "1 account counted."; got != want { // the platform does not tell whom it leaves out
		t.Errorf("got %q, want %q", got, want)
	}
	none := &tally.Snapshot{Values: append(all.Values, tally.Value{Ref: measure.Ref{Measure: "accounts_excluded", Label: "guest"}})}
	if got, want := accounts(none), "1 account counted, none left out."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, reason := range []string{"own", "service", "guest", "pattern", "disabled"} {
		all.Values = append(all.Values, tally.Value{Ref: measure.Ref{Measure: "accounts_excluded", Label: reason}, Value: 1000})
	}
	want := "1 account counted, 5,000 not: 1,000 of the exporter itself, 1,000 of services, 1,000 of guests, 1,000 left out by name and 1,000 disabled."
	if got := accounts(all); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := accounts(nil); got != "" {
		t.Errorf("of no listing it says %q", got)
	}
}

func TestTooFew(t *testing.T) {
	k := &config.KPI{Warning: &config.Threshold{}}
	v := View{Now: now, Config: &config.Config{TimeZone: time.UTC}}
	if got := v.row(kpi.State{KPI: k, Known: true, Small: true, Limits: []kpi.Limit{{Severity: "warning", Condition: "below", At: 7, Threshold: k.Warning}}}).Status; got != tooFew {
		t.Errorf("a value over too few is %s", got.Word)
	}
	if got := v.row(kpi.State{KPI: k, Known: true}).Status; got != unlimited {
		t.Errorf("a value without limits is %s", got.Word)
	}
}

func TestBar(t *testing.T) {
	limit := func(severity, condition string, at float64) kpi.Limit {
		return kpi.Limit{Severity: severity, Condition: condition, At: at}
	}
	for name, test := range map[string]struct {
		kpi.State
		unit   measure.Unit
		target float64 // 0 = none
		want   *bar
	}{
		"higher": {kpi.State{Known: true, Value: 8, Limits: []kpi.Limit{limit("warning", "below", 25), limit("critical", "below", 10)}}, "pages", 40,
			&bar{[]stretch{{0, 100, "ok"}, {0, 50, "warn"}, {0, 20, "crit"}}, &stretch{0, 16, ""}, new(80.0)}},
		"lower": {kpi.State{Known: true, Value: 500, Limits: []kpi.Limit{limit("warning", "above", 40)}}, "calls", 20,
			&bar{[]stretch{{0, 100, "ok"}, {80, 20, "warn"}}, &stretch{0, 100, ""}, new(40.0)}},
		"range": {kpi.State{Limits: []kpi.Limit{limit("warning", "below", 20), limit("warning", "above", 80)}}, "calls", 0,
			&bar{[]stretch{{0, 100, "ok"}, {0, 20, "warn"}, {80, 20, "warn"}}, nil, nil}},
		"below nothing": {kpi.State{Known: true, Value: -5, Limits: []kpi.Limit{limit("warning", "below", -8)}}, "points", 8,
			&bar{[]stretch{{0, 100, "ok"}, {0, 10, "warn"}}, &stretch{25, 25, ""}, new(90.0)}},
		"drop": {kpi.State{Known: true, Value: 40, Limits: []kpi.Limit{limit("warning", "drop", 80)}}, "pages", 0,
			&bar{[]stretch{{0, 100, "ok"}, {0, 80, "warn"}}, &stretch{0, 40, ""}, nil}},
		"rise": {kpi.State{Known: true, Value: 40, Limits: []kpi.Limit{limit("warning", "rise", 80)}}, "pages", 0,
			&bar{[]stretch{{0, 100, "ok"}, {80, 20, "warn"}}, &stretch{0, 40, ""}, nil}},
		"not known yet": {kpi.State{Known: true, Value: 40, Limits: []kpi.Limit{{Condition: "drop", At: 9000, WarmingUp: true}}}, "pages", 80,
			&bar{nil, &stretch{0, 40, ""}, new(80.0)}},
		"context":     {kpi.State{Known: true, Value: 40, KPI: &config.KPI{Status: config.Context}}, "pages", 80, nil},
		"share":       {kpi.State{Known: true, Value: 1}, measure.Ratio, 0.9, &bar{nil, &stretch{0, 100, ""}, new(90.0)}},
		"no aim":      {kpi.State{Known: true, Value: 3}, "pages", 0, nil},
		"out of size": {kpi.State{Known: true, Value: 3, Limits: []kpi.Limit{limit("warning", "below", math.Inf(1))}}, "pages", 0, nil},
	} {
		if test.KPI == nil {
			test.KPI = &config.KPI{}
		}
		test.KPI.Unit = test.unit
		if test.target != 0 {
			test.KPI.Target = &config.Target{Value: test.target}
		}
		if diff := cmp.Diff(test.want, newBar(test.State)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
