package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// reporting is a platform that delivers readings alone, such as "active_users 30d".
func reporting(name string, readings ...string) *config.Platform {
	p := &config.Platform{Name: name}
	for _, r := range readings {
		of, window, _ := strings.Cut(r, " ")
		w, _ := measure.ParseWindow(window)
		p.Description.Readings = append(p.Description.Readings, collector.ReadingSource{Ref: measure.Ref{Measure: of, Window: w}})
	}
	return p
}

func TestAKPIIsMeasuredOverTheWindowThatThereIs(t *testing.T) {
	people := reporting("people", "people", "people_active 1d", "people_active 7d", "people_active 28d")
	type place struct{ Platform, Or, Measure, Window, Title string }
	for name, test := range map[string]struct {
		kpi       string
		platforms []*config.Platform
		people    *config.Platform
		want      place
	}{
		"its own": {"active", []*config.Platform{reporting("a", "accounts", "active_users 30d", "active_users 28d")}, nil,
			place{"a", "", "active_users", "28d", "Colleagues who used the intranet within four weeks"}},
		"the nearest": {"active", []*config.Platform{reporting("a", "accounts", "active_users 7d", "active_users 30d", "active_users 90d")}, nil,
			place{"a", "", "active_users", "30d", "Colleagues who used the intranet within 30 days"}},
		"a week where there is nothing else": {"active", []*config.Platform{reporting("a", "accounts", "active_users 7d", "active_users 1d")}, nil,
			place{"a", "", "active_users", "7d", "Colleagues who used the intranet within 7 days"}},
		"no limits stand on a day": {"active", []*config.Platform{reporting("a", "accounts", "active_users 1d")}, nil, place{}},
		"a later platform with its own": {"active", []*config.Platform{
			reporting("a", "accounts", "active_users 30d"), reporting("b", "accounts", "active_users 28d"), reporting("c", "accounts", "active_users 28d"),
		}, nil, place{"b", "c", "active_users", "28d", "Colleagues who used the intranet within four weeks"}},
		"both measures over the same": {"taking_part", []*config.Platform{
			reporting("a", "contributors 30d", "active_users 7d"), reporting("b", "contributors 7d", "active_users 7d", "contributors 30d"),
		}, nil, place{"b", "", "contributors", "7d", "Of those who come, colleagues who do more than read"}},
		"not without what it is a share of": {"active", []*config.Platform{reporting("a", "active_users 30d")}, nil, place{}},
		"people": {"active", []*config.Platform{reporting("a", "accounts", "active_users 28d")}, people,
			place{"people", "", "people_active", "28d", "Colleagues who used the intranet within four weeks"}},
		"people over another window say less": {"active", []*config.Platform{reporting("a", "accounts", "active_users 7d")}, people,
			place{"a", "", "active_users", "7d", "Colleagues who used the intranet within 7 days"}},
		"people of whom it is not known": {"signed_in", []*config.Platform{reporting("a", "accounts", "logged_in_users 28d")}, people,
			place{"a", "", "logged_in_users", "28d", "Colleagues who signed in within four weeks"}},
		"a number of one moment": {"pages_stale", []*config.Platform{reporting("a", "pages", "pages_stale")}, nil,
			place{"a", "", "pages_stale", "", "Pages that nobody touched for a year"}},
	} {
		t.Run(name, func(t *testing.T) {
			goals, err := starterSet(nil)
			if err != nil {
				t.Fatal(err)
			}
			var got place
			for _, g := range goals {
				for _, k := range g.KPIs {
					if k.Name == test.kpi && k.place(&config.Config{Platforms: test.platforms, People: test.people}) {
						got = place{k.Platform, strings.Join(k.Or, " "), k.Measure, k.Window, k.Title}
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Titles speak of four weeks, so that is what the starter set measures.
func TestTheStarterSetMeasuresFourWeeks(t *testing.T) {
	goals, err := starterSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goals {
		for _, k := range g.KPIs {
			if k.Window != "" && k.window() != measure.Window(28*24*time.Hour) {
				t.Errorf("%s is over %s", k.Name, k.Window)
			}
		}
	}
}

func TestWhyAKPIIsLeftOut(t *testing.T) {
	k := &suggestion{Measure: "contributors", Per: "active_users", Window: "28d"}
	writing := reporting("a", "active_users 7d")
	writing.Description.Events = []collector.EventSource{{Kind: measure.PageEdit}}
	if k.place(&config.Config{Platforms: []*config.Platform{writing}}) {
		t.Error("a share is of numbers that are told and counted")
	}
	if got := k.why(writing); got != "The platform tells one of the two numbers, and the other is counted here: they may not be about the same people." {
		t.Error(got)
	}
	writing.Description.Events = append(writing.Description.Events, collector.EventSource{Kind: measure.PageView})
	if !k.place(&config.Config{Platforms: []*config.Platform{writing}}) {
		t.Error("a share is not of numbers that are both counted")
	}
	k = &suggestion{Measure: "contributors", Per: "active_users", Window: "28d"}
	p := reporting("a", "contributors 30d")
	p.Description.Undelivered = map[string]string{"active_users": "Nobody sees who reads."}
	if got := k.why(p); got != "Nobody sees who reads." {
		t.Error(got)
	}
	if got := k.why(reporting("a", "contributors 30d", "active_users 7d")); got != "It counts over other windows." {
		t.Error(got)
	}
}
