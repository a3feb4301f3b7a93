package words

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

func TestEveryMeasureCanBeSaid(t *testing.T) {
	want := map[string]string{
		"accounts":                "there are fewer than 1,234.5 accounts",
		"activated_accounts":      "fewer than 1,234.5 accounts have ever signed in",
		"active_users":            "fewer than 1,234.5 people were active in 7 days",
		"contributors":            "fewer than 1,234.5 people contributed in 7 days",
		"authors":                 "fewer than 1,234.5 people created or edited a page in 7 days",
		"logged_in_users":         "fewer than 1,234.5 people signed in at least once in 7 days",
		"logins":                  "people signed in fewer than 1,234.5 times in 7 days",
		"page_views":              "pages were viewed fewer than 1,234.5 times in 7 days",
		"pages_visited":           "fewer than 1,234.5 pages were viewed in 7 days",
		"site_page_views":         "pages of the site were viewed fewer than 1,234.5 times in 7 days",
		"site_visitors":           "fewer than 1,234.5 people viewed the site in 7 days",
		"pages":                   "there are fewer than 1,234.5 pages",
		"pages_stale":             "fewer than 1,234.5 pages are stale",
		"pages_created":           "fewer than 1,234.5 pages were created in 7 days",
		"page_edits":              "pages were edited fewer than 1,234.5 times in 7 days",
		"comments":                "fewer than 1,234.5 comments were written in 7 days",
		"reactions":               "fewer than 1,234.5 reactions were given in 7 days",
		"searches":                "people searched fewer than 1,234.5 times in 7 days",
		"searches_without_result": "fewer than 1,234.5 searches found nothing in 7 days",
		"profiles_complete":       "fewer than 1,234.5 accounts have a complete profile",
		"profile_completion":      "fewer than 7 % of the profile fields are filled in on average",
		"people":                  "there are fewer than 1,234.5 people",
		"people_active":           "fewer than 1,234.5 people were active on any platform in 7 days",
		"people_logged_in":        "fewer than 1,234.5 people signed in to any platform in 7 days",
		"custom":                  "“Satisfaction” is below 1,234.5 points",
	}
	for _, m := range measure.All {
		if m.NoKPI {
			continue
		}
		k := &config.KPI{Title: "Satisfaction", Measure: measure.Ref{Measure: m.Name}, Unit: m.Unit}
		below := 1234.5
		switch {
		case m.Windowed:
			k.Measure.Window = measure.Windows[1]
		case m.Name == measure.Custom:
			k.Unit = "points"
		case m.Unit == measure.Ratio:
			below = 0.07 // times 100 it is 7.000000000000001
		}
		if got := plain(Limit(k, &config.Threshold{Below: &below})); got != want[m.Name] {
			t.Errorf("%s is said %q, want %q", m.Name, got, want[m.Name])
		}
	}
}

func TestALimitOfOne(t *testing.T) {
	want := map[string]string{
		"accounts":                "there is more than 1 account",
		"activated_accounts":      "more than 1 account has ever signed in",
		"active_users":            "more than 1 person was active",
		"contributors":            "more than 1 person contributed",
		"authors":                 "more than 1 person created or edited a page",
		"logged_in_users":         "more than 1 person signed in at least once",
		"logins":                  "people signed in more than 1 time",
		"page_views":              "pages were viewed more than 1 time",
		"pages_visited":           "more than 1 page was viewed",
		"site_page_views":         "pages of the site were viewed more than 1 time",
		"site_visitors":           "more than 1 person viewed the site",
		"pages":                   "there is more than 1 page",
		"pages_stale":             "more than 1 page is stale",
		"pages_created":           "more than 1 page was created",
		"page_edits":              "pages were edited more than 1 time",
		"comments":                "more than 1 comment was written",
		"reactions":               "more than 1 reaction was given",
		"searches":                "people searched more than 1 time",
		"searches_without_result": "more than 1 search found nothing",
		"profiles_complete":       "more than 1 account has a complete profile",
		"people":                  "there is more than 1 person",
		"people_active":           "more than 1 person was active on any platform",
		"people_logged_in":        "more than 1 person signed in to any platform",
		"custom":                  "“Desks” is above 1 desk",
	}
	one := 1.0
	for _, m := range measure.All {
		if m.NoKPI || m.Unit == measure.Ratio {
			continue
		}
		k := &config.KPI{Title: "Desks", Measure: measure.Ref{Measure: m.Name}, Unit: cmp.Or(m.Unit, "desks")}
		if got := plain(Limit(k, &config.Threshold{Above: &one})); got != want[m.Name] {
			t.Errorf("%s is said %q, want %q", m.Name, got, want[m.Name])
		}
	}
}

func TestLimit(t *testing.T) {
	day := measure.Window(24 * time.Hour)
	n := func(v float64) *float64 { return &v }
	ref := func(name string, window measure.Window) measure.Ref {
		return measure.Ref{Measure: name, Window: window * day}
	}
	per := func(name string, window measure.Window) *measure.Ref { r := ref(name, window); return &r }
	for _, tc := range []struct {
		measure      measure.Ref
		per          *measure.Ref
		unit         measure.Unit
		below, above *float64
		want         string
	}{
		{ref("authors", 28), per("accounts", 0), measure.Ratio, n(0.1), nil, "fewer than 10 % of the accounts created or edited a page in 28 days"},
		{ref("active_users", 1), per("logged_in_users", 1), measure.Ratio, n(0.005), nil, "fewer than 0.5 % of the people who signed in at least once were active in 1 day"},
		{ref("logged_in_users", 30), per("activated_accounts", 0), measure.Ratio, n(0.5), nil, "fewer than 50 % of the accounts that have ever signed in signed in at least once in 30 days"},
		{ref("people_active", 28), per("people", 0), measure.Ratio, n(0.7), nil, "fewer than 70 % of the people were active on any platform in 28 days"},
		{ref("pages_visited", 1), per("pages", 0), measure.Ratio, n(0.1), nil, "fewer than 10 % of the pages were viewed in 1 day"},
		{measure.Ref{Measure: "site_visitors", Label: "news", Window: 7 * day}, per("accounts", 0), measure.Ratio, n(0.5), nil, "fewer than 50 % of the accounts viewed the site in 7 days"},
		{ref("pages_stale", 0), per("pages", 0), measure.Ratio, nil, n(0.4), "more than 40 % of the pages are stale"},
		{ref("searches_without_result", 7), per("searches", 7), measure.Ratio, nil, n(0.15), "more than 15 % of the searches found nothing in 7 days"},
		{ref("searches", 7), per("searches_without_result", 7), measure.Ratio, n(0.9), nil, "searches are below 90 % of the searches that found nothing in 7 days"},
		{ref("logins", 7), per("accounts", 0), "logins per account", n(2), n(40), "people signed in fewer than 2 or more than 40 times per account in 7 days"},
		{ref("pages_created", 7), per("authors", 7), "pages per user", n(0.5), nil, "fewer than 0.5 pages per author were created in 7 days"},
		{ref("accounts", 0), per("pages", 0), "accounts per page", nil, n(3), "there are more than 3 accounts per page"},
		{ref("pages_created", 7), per("authors", 7), "pages per user", n(1), nil, "fewer than 1 page per author was created in 7 days"},
		{ref("page_views", 7), per("accounts", 0), "views per account", n(1), n(40), "pages were viewed fewer than 1 or more than 40 times per account in 7 days"},
		{ref("comments", 7), &measure.Ref{Measure: measure.Custom, Label: "desks"}, "comments per desk", n(2), nil, "fewer than 2 comments per desk were written in 7 days"},
		{measure.Ref{Measure: measure.Custom, Label: "nps"}, nil, "", n(-10), n(90), "“A title” is below −10 or above 90"},
		{measure.Ref{Measure: measure.Custom, Label: "calls"}, per("accounts", 0), "calls per account", nil, n(0.25), "“A title” is above 0.25 calls per account"},
		{measure.Ref{Measure: measure.Custom, Label: "reach"}, nil, measure.Ratio, n(0.625), nil, "“A title” is below 62.5 %"},
	} {
		k := &config.KPI{Title: "A title", Measure: tc.measure, Per: tc.per, Unit: tc.unit}
		if got := plain(Limit(k, &config.Threshold{Below: tc.below, Above: tc.above})); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

func TestChange(t *testing.T) {
	const day = 24 * time.Hour
	k := &config.KPI{Title: "A title", Measure: measure.Ref{Measure: "pages"}, Unit: "pages"}
	for want, threshold := range map[string]config.Threshold{
		"the value falls by more than 20 % against 28 days earlier":                                                  {Drop: new(0.2), Against: 28 * day},
		"the value rises by more than 150 % against 7 days earlier":                                                  {Rise: new(1.5), Against: 7 * day},
		"the value falls by more than 12.5 % or rises by more than 0.5 % against 7 days earlier":                     {Drop: new(0.125), Rise: new(0.005), Against: 7 * day},
		"there are fewer than 10 pages, or the value falls by more than 20 % against 28 days earlier":                {Below: new(10.0), Drop: new(0.2), Against: 28 * day},
		"there are fewer than 10 or more than 20 pages, or the value rises by more than 50 % against 7 days earlier": {Below: new(10.0), Above: new(20.0), Rise: new(0.5), Against: 7 * day},
	} {
		if got := plain(Limit(k, &threshold)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
