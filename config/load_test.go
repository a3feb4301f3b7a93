package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	promconfig "github.com/prometheus/common/config"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

func TestBadFiles(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	for name := range bad {
		if !slices.Contains(files, name) {
			t.Errorf("%s has an entry, and there is no such file", name)
		}
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			want, ok := bad[name]
			if !ok {
				t.Fatal("has no entry")
			}
			c, err := Load(name, fakeTypes, fakeOptions)
			if c != nil {
				t.Error("there is a Config beside the error")
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want Problems", err)
			}
			if diff := cmp.Diff(name+":"+strings.Join(want, "\n"+name+":"), err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the message holds the password")
			}
		})
	}
}

// Files that are too large, or made, to be kept.
func TestBadContent(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"too large":   {strings.Repeat("# comment\n", 110_000), "f.yml: is larger than 1 MiB, which no config file should be"},
		"brackets":    {"platforms: " + strings.Repeat("[", 20_000), "f.yml:1: is not YAML: exceeded max depth of 10000"},
		"indentation": {"platforms:\n" + strings.Repeat("- ", 20_000), "f.yml:2: is not YAML: exceeded max depth of 10000"},
		"fields":      {"platforms: [{name: wiki, type: mediawiki, url: https://w, profile: {fields: [" + strings.Repeat("a, ", 65) + "]}}]", "f.yml:1: platforms[0].profile.fields: has 65 fields; at most 64 can count"},
		"long key":    {strings.Repeat("k", 1000) + ": 1\nplatforms: 1", `f.yml:1: …: unknown key (known keys: poll_interval, accounts_interval, max_age, time_zone, exclude, links, people, platforms, objectives, notes)` + "\nf.yml:2: platforms: must be a list"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load("f.yml", []byte(test.content), fakeTypes, fakeOptions, time.Now())
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for file, want := range map[string]string{
		"testdata/none.yml": "read config: open testdata/none.yml: no such file or directory",
		"testdata":          "read config: read testdata: is a directory",
	} {
		if _, err := Load(file, fakeTypes, fakeOptions); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMoreProfileFieldsThanAreCounted(t *testing.T) {
	types := map[string]collector.New{"wide": func(func(any) error, collector.Options) (collector.Collector, error) {
		return &fake{description: collector.Description{Accounts: &collector.AccountSource{Profile: make([]string, 65)}}}, nil
	}}
	_, err := Parse("intranet.yml", []byte("platforms:\n  - name: portal\n    type: wide\n"), types, func(string) collector.Options { return collector.Options{} })
	want := "intranet.yml:2: platforms[0].profile.fields: the platform tells 65 profile fields, and at most 64 can count; name those that should"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, "testdata/good/minimal.yml")
	if c.TimeZone != time.UTC || c.Dashboard != "" || c.Objectives != nil || c.Warnings != nil {
		t.Errorf("got %+v", c)
	}
	if len(c.Platforms) != 1 {
		t.Fatalf("got %d platforms", len(c.Platforms))
	}
	p := c.Platforms[0]
	f := p.Collector.(*fake)
	if diff := cmp.Diff(wikiKeys{
		URL:        "https://wiki.example.org/w/api.php",
		Namespaces: []int{0},
		HTTPKeys:   defaultHTTPKeys(),
	}, f.keys, cmpopts.IgnoreUnexported(promconfig.ProxyConfig{})); diff != "" {
		t.Errorf("what the type had filled in must stay (-want +got)\n%s", diff)
	}
	if o := f.options; o.Name != "wiki" || o.Dir != "testdata/good" || o.Profile != nil || o.UserAgent != "test of wiki" {
		t.Errorf("got options %+v", o)
	}
	got := *p
	got.Collector, got.Description, got.Fingerprint = nil, collector.Description{}, ""
	if diff := cmp.Diff(Platform{
		Name:             "wiki",
		Type:             "mediawiki",
		PollInterval:     5 * time.Minute, // the platform's own
		AccountsInterval: 24 * time.Hour,
		Timeout:          time.Hour,
		MaxAge:           50 * time.Hour, // with the platform's lag
		Exclude:          Exclude{Guests: true},
		CompleteAt:       1,
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p.Description.Settle != time.Minute || len(p.Fingerprint) != 64 {
		t.Errorf("got settle %s, fingerprint %q", p.Description.Settle, p.Fingerprint)
	}
}

func TestPlatforms(t *testing.T) {
	c := mustLoad(t, "testdata/good/complete.yml")
	if c.TimeZone.String() != "Europe/Amsterdam" {
		t.Errorf("got time zone %s", c.TimeZone)
	}
	type settings struct {
		Poll, Accounts, Timeout, MaxAge, Settle time.Duration
		Patterns                                []string
		Guests                                  bool
		Identity                                string
		CompleteAt                              float64
		Profile                                 []string
	}
	got := map[string]settings{}
	for _, p := range c.Platforms {
		s := settings{p.PollInterval, p.AccountsInterval, p.Timeout, p.MaxAge, p.Description.Settle, nil,
			p.Exclude.Guests, p.Identity, p.CompleteAt, p.Collector.(*fake).options.Profile}
		for _, re := range p.Exclude.Accounts {
			s.Patterns = append(s.Patterns, re.String())
		}
		got[p.Name] = s
	}
	if diff := cmp.Diff(map[string]settings{
		"wiki": {2 * time.Minute, 12 * time.Hour, 30 * time.Minute, 74 * time.Hour, 10 * time.Minute,
			[]string{"^svc-", "^bot-", "^test"}, false, "{name}@example.org", 0.5, []string{"emailable", "user_page"}},
		"portal": {10 * time.Minute, 6 * time.Hour, time.Hour, 36 * time.Hour, 0,
			[]string{"^svc-", "^bot-"}, true, "", 1, nil},
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	k := c.Platforms[0].Collector.(*fake).keys.(wikiKeys)
	if k.HTTPClient.BasicAuth.PasswordFile != "wiki.pass" || !k.HTTPClient.FollowRedirects || k.HTTPClient.EnableHTTP2 || !slices.Equal(k.Namespaces, []int{0, 4}) {
		t.Errorf("got keys %+v", k)
	}
}

func TestKPIs(t *testing.T) {
	c := mustLoad(t, "testdata/good/complete.yml")
	amsterdam := c.TimeZone
	number := func(f float64) *float64 { return &f }
	want := []*Objective{{
		Name: "knowledge_sharing", Title: "Sharing what we know", Description: "Colleagues write down what they know,\nand find what others wrote.",
		KPIs: []*KPI{{
			Name: "pages-created_weekly", Status: Active, Title: "Pages created weekly", Objective: "knowledge_sharing", Platform: "wiki",
			Measure: measure.Ref{Measure: "pages_created", Window: measure.Window(7 * day)}, Unit: "pages", Direction: Higher,
			Target:   &Target{Value: 40, By: time.Date(2999, 6, 30, 0, 0, 0, 0, amsterdam)},
			Warning:  &Threshold{Below: number(25), Sustain: 3 * day, Action: "Editors' round.", Within: 14 * day},
			Critical: &Threshold{Below: number(10), Sustain: day, Action: "Management agenda."},
			Owner:    "intranet-manager", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=pages-created_weekly",
		}, {
			Name: "stale", Status: Active, Title: "Stale", Objective: "knowledge_sharing", Platform: "portal",
			Measure: measure.Ref{Measure: "pages_stale"}, Per: &measure.Ref{Measure: "pages"}, Unit: "ratio", Direction: Lower,
			Target:   &Target{Value: 0.1},
			Warning:  &Threshold{Above: number(0.2), Action: "Ask."},
			Critical: &Threshold{Above: number(0.4), Sustain: 28 * day, Action: "Ask."},
			Owner:    "editor", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=stale",
		}},
	}, {
		Name: "reach", Title: "Reach",
		KPIs: []*KPI{{
			Name: "logins_per_account", Status: Active, Title: "Logins per account", Objective: "reach", Platform: "portal",
			Measure: measure.Ref{Measure: "logins", Window: measure.Window(28 * day)}, Per: &measure.Ref{Measure: "accounts"}, Unit: "logins per account", Direction: Range,
			Target:   &Target{Value: 20},
			Warning:  &Threshold{Below: number(10), Above: number(100), Sustain: day, Action: "Look."},
			Critical: &Threshold{Above: number(500), Sustain: day, Action: "Look."},
			Owner:    "editor", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=logins_per_account",
		}, {
			Name: "failed_searches", Status: Active, Title: "Failed searches", Objective: "reach", Platform: "portal",
			Measure: measure.Ref{Measure: "searches_without_result", Window: measure.Window(7 * day)},
			Per:     &measure.Ref{Measure: "searches", Window: measure.Window(7 * day)}, Unit: "ratio", Direction: Lower,
			Owner: "editor", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=failed_searches",
		}, {
			Name: "score", Status: Active, Title: "Score", Objective: "reach", Platform: "portal",
			Measure: measure.Ref{Measure: "custom", Label: "survey_score"}, Unit: "points", Direction: Higher,
			Warning: &Threshold{Below: number(-10), Sustain: day, Action: "Ask why."},
			Owner:   "editor", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=score",
		}, {
			Name: "logged_in_daily", Status: Active, Title: "Logged in daily", Objective: "reach", Platform: "portal",
			Measure: measure.Ref{Measure: "logged_in_users", Window: measure.Window(day)}, Per: &measure.Ref{Measure: "accounts"}, Unit: "ratio", Direction: Higher,
			Owner: "editor", Review: time.Date(2999, 1, 15, 0, 0, 0, 0, amsterdam), URL: "https://grafana.example.org/d/kpi?var-kpi=logged_in_daily",
		}},
	}}
	if diff := cmp.Diff(want, c.Objectives, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got warnings %v", c.Warnings)
	}
}

func TestRecord(t *testing.T) {
	c := mustLoad(t, "testdata/good/record.yml")
	amsterdam := c.TimeZone
	date := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, amsterdam)
	}
	review := date(2999, 1, 15)
	window := measure.Window(28 * day)
	want := []*KPI{
		{
			Name: "authors", Title: "Authors", Why: "Who writes, thinks: “so what?” {{ .Value }} <b>שלום</b> 🎉", Objective: "sharing", Status: Active, Platform: "wiki",
			Measure: measure.Ref{Measure: "authors", Window: window}, Per: &measure.Ref{Measure: "accounts"}, Unit: "ratio", Direction: Higher,
			Baseline: &Baseline{Value: 0.08, Date: date(2026, 1, 1)}, Target: &Target{Value: 0.15},
			Warning:  &Threshold{Below: new(0.1), Drop: new(0.2), Against: 28 * day, Action: "Ask."},
			Critical: &Threshold{Drop: new(0.4), Against: 7 * day, Sustain: 7 * day, Action: "Ask."},
			Owner:    "editor", Review: review,
			Decisions: []Decision{{date(2026, 2, 1), "keep", "It moved."}, {date(2026, 2, 1), "refine", "The limit was too low."}},
		},
		{
			Name: "stale", Title: "Stale", Objective: "sharing", Status: Proposed, Platform: "wiki",
			Measure: measure.Ref{Measure: "pages"}, Unit: "pages", Direction: Lower, Baseline: &Baseline{Value: 900, Date: date(2026, 1, 1)},
			Warning: &Threshold{Rise: new(1.5), Against: 28 * day, Sustain: day, Action: "Ask."}, Owner: "editor", Review: review,
		},
		{
			Name: "edits", Title: "Edits", Objective: "sharing", Status: Proposed, Platform: "wiki",
			Measure: measure.Ref{Measure: "page_edits", Window: window}, Unit: "edits", Direction: Range, Target: &Target{Value: 40},
			Warning:  &Threshold{Below: new(10.0), Drop: new(0.5), Rise: new(2.0), Against: 28 * day, Sustain: day, Action: "Ask."},
			Critical: &Threshold{Drop: new(0.7), Rise: new(3.0), Against: 28 * day, Sustain: day, Action: "Ask."}, Owner: "editor", Review: review,
		},
		{
			Name: "accounts", Title: "Accounts", Objective: "sharing", Status: Context, Platform: "wiki",
			Measure: measure.Ref{Measure: "accounts"}, Unit: "accounts", Direction: Higher, Review: review,
		},
		{
			Name: "logins", Title: "Logins", Objective: "sharing", Status: Retired, Reason: "The wiki does not tell.", Platform: "portal",
			Measure: measure.Ref{Measure: "logins", Window: measure.Window(7 * day)}, Per: &measure.Ref{Measure: "accounts"}, Unit: "logins per account", Direction: Higher,
			Target: &Target{Value: 3, By: date(2026, 1, 31)}, Warning: &Threshold{Below: new(1.0), Sustain: day, Action: "Ask."},
			Decisions: []Decision{{date(2026, 2, 1), "drop", "Nobody acted on it."}},
		},
		{
			Name: "stale_share", Title: "Stale share", Objective: "sharing", Status: Retired, Reason: "Nobody knows the denominator.",
			Measure: measure.Ref{Measure: "pages_stale", Window: measure.Window(7 * day)}, Per: &measure.Ref{Measure: "custom", Label: "desks"}, Direction: Lower,
		},
	}
	if diff := cmp.Diff(want, c.KPIs(), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	notes := []Note{{date(2026, 1, 4), "New home page"}, {date(2999, 1, 4), "Move to the \"new\" wiki\nכאן"}}
	if diff := cmp.Diff(notes, c.Notes, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got warnings %v", c.Warnings)
	}
}

// A context KPI keeps what was agreed in the file, and uses none of it.
func TestContextHasNoLimits(t *testing.T) {
	c := mustLoad(t, "testdata/good/warnings.yml")
	for _, k := range c.KPIs() {
		if k.Status == Context && (k.Target != nil || k.Warning != nil || k.Critical != nil) {
			t.Errorf("%s has %+v", k.Name, k)
		}
	}
}

func TestAKPIOnASite(t *testing.T) {
	c := mustLoad(t, "testdata/good/sites.yml")
	kpis := c.Objectives[0].KPIs
	for i, want := range []struct {
		measure, per string
		unit         measure.Unit
	}{
		{"site_visitors.news over 7d", "accounts", measure.Ratio},
		{"site_page_views.news over 7d", "site_visitors.news over 7d", "views per user"},
		{"site_page_views.news over 30d", "", "views"},
	} {
		per := ""
		if kpis[i].Per != nil {
			per = kpis[i].Per.String()
		}
		if k := kpis[i]; k.Measure.String() != want.measure || per != want.per || k.Unit != want.unit {
			t.Errorf("%s is %s per %q in %q, want %v", k.Name, k.Measure, per, k.Unit, want)
		}
	}
}

func TestQuotient(t *testing.T) {
	for _, test := range []struct{ a, b, want measure.Unit }{
		{"accounts", "accounts", "ratio"},
		{"users", "accounts", "ratio"},
		{"pages", "pages", "ratio"},
		{"logins", "accounts", "logins per account"},
		{"views", "searches", "views per search"},
		{"pages", "users", "pages per user"},
		{"calls", "FTE", "calls per FTE"},
	} {
		if got := quotient(test.a, test.b); got != test.want {
			t.Errorf("%s per %s: got %q, want %q", test.a, test.b, got, test.want)
		}
	}
}

// What makes a KPI another one, and what does not.
func TestIdentity(t *testing.T) {
	base := KPI{Name: "k", Platform: "wiki", Measure: measure.Ref{Measure: "authors", Window: measure.Window(7 * day)}}
	change := func(f func(*KPI)) string {
		k := base
		f(&k)
		return k.Identity()
	}
	for i, id := range []string{
		change(func(k *KPI) { k.Name = "other" }),
		change(func(k *KPI) { k.Platform = "portal" }),
		change(func(k *KPI) { k.Measure.Window = measure.Window(28 * day) }),
		change(func(k *KPI) { k.Per = &measure.Ref{Measure: "accounts"} }),
	} {
		if id == base.Identity() {
			t.Errorf("change %d keeps the identity", i)
		}
	}
	if change(func(k *KPI) { k.Title, k.Target, k.Warning, k.Owner = "T", &Target{}, &Threshold{}, "o" }) != base.Identity() {
		t.Error("texts and limits change the identity")
	}
}

func TestWarnings(t *testing.T) {
	content, err := os.ReadFile("testdata/good/warnings.yml")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	const (
		many   = "f.yml:3: objectives: 13 KPIs are more than anybody acts on; keep at most 12, and drop those whose actions were never taken"
		volume = "f.yml:5: objectives[0].kpis: all of them count how much is done, and none how many people do it; add a KPI on people, such as active_users, or a ratio with per"
		target = "f.yml:6: objectives[0].kpis[0].target.by: 2026-11-19 has passed; set a new date and value, or remove the date"
		held   = "f.yml:11: objectives[1].kpis[0].review: 2026-11-18 was held: the last decision is of 2026-11-18; set the date of the next one"
		unused = "f.yml:12: objectives[1].kpis[1].status: what is there for context has no target and no limits: target, warning and critical are not used until it is active"
		twice  = "f.yml:12: objectives[1].kpis[1].measure: it is the same number as that of the KPI in line 11; keep one of them, or choose another window"
		review = "f.yml:6: objectives[0].kpis[0].review: the review is due since 2026-11-20; decide whether to keep, refine or drop the KPI, and set the next date"
	)
	for _, test := range []struct {
		now  time.Time
		want []string
	}{
		{midnight, []string{many, volume, held, unused, twice}},
		{midnight.Add(time.Second), []string{many, volume, target, review, held, unused, twice}},
	} {
		c, err := load("f.yml", content, fakeTypes, fakeOptions, test.now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range c.Warnings {
			got = append(got, p.Error())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("at %s (-want +got)\n%s", test.now, diff)
		}
	}
}

// What a platform's Fingerprint stands for: it changes with what concerns the platform, and with nothing else.
func TestFingerprint(t *testing.T) {
	const base = "exclude: {accounts: [\"^bot-\"]}\nplatforms:\n  - name: wiki\n    type: mediawiki\n    url: https://wiki.example.org\n"
	fingerprint := func(content string) string {
		t.Helper()
		c, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c.Platforms[0].Fingerprint
	}
	for content, same := range map[string]bool{
		base: true,
		"# comment\n" + strings.Replace(base, "wiki\n", "'wiki' # ours\n", 1): true,
		base + "links: {dashboard: \"https://grafana.example.org\"}\n":        true,
		base + "max_age: 2d\n": true,
		base + "  - {name: other, type: mediawiki, url: \"https://other.example.org\"}\n": true,
		base + "max_age: 3d\n":                                                                false,
		base + "poll_interval: 1h\n":                                                          false,
		strings.Replace(base, "bot", "svc", 1):                                                false,
		strings.Replace(base, "accounts", "guests: false, accounts", 1):                       false,
		strings.Replace(base, "example.org", "example.com", 1):                                false,
		strings.Replace(base, "name: wiki", "name: wiki2", 1):                                 false,
		base + "    profile: {fields: [user_page]}\n":                                         false,
		base + "    identity: '{name}@example.org'\n":                                         false,
		base + "    http_client: {basic_auth: {username: kpi, password_file: wiki.secret}}\n": false,
	} {
		if got := fingerprint(content) == fingerprint(base); got != same {
			t.Errorf("same fingerprint: %t, want %t, for\n%s", got, same, content)
		}
	}
	if fingerprint(strings.Replace(base, `"^bot-"`, `"^a", "^b"`, 1)) == fingerprint(strings.Replace(base, `"^bot-"`, `"^a ^b"`, 1)) {
		t.Error("two patterns have the fingerprint of one")
	}
}

// Patterns are searched anywhere in a name, and are what they are in every alphabet.
func TestExclusions(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		matches []string
		others  []string
	}{
		{"^svc-", []string{"svc-backup"}, []string{"Svc-backup", "my svc-backup"}},
		{"(?i)^svc-", []string{"svc-backup", "SVC-BACKUP", "ſvc-backup"}, []string{"my svc-backup"}},
		{"bot", []string{"bot", "robot", "bottom"}, []string{"Bot", "rob.ot"}},
		{`\bbot\b`, []string{"wiki bot", "bot-7"}, []string{"robot"}},
		{"(?i)^žofie$", []string{"žofie", "ŽOFIE"}, []string{"zofie", "žofie 2"}},
		{`^\p{Cyrillic}+$`, []string{"Юрий"}, []string{"Yuri", "Юрий 7"}},
		{"^$", []string{""}, []string{"anybody"}}, // accounts without a name
	} {
		c, err := load("f.yml", fmt.Appendf(nil, "exclude: {accounts: ['%s']}\nplatforms: [{name: wiki, type: mediawiki, url: 'https://wiki.example.org'}]\n", tc.pattern), fakeTypes, fakeOptions, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		re := c.Platforms[0].Exclude.Accounts[0]
		for _, name := range tc.matches {
			if !re.MatchString(name) {
				t.Errorf("%s does not match %q", tc.pattern, name)
			}
		}
		for _, name := range tc.others {
			if re.MatchString(name) {
				t.Errorf("%s matches %q", tc.pattern, name)
			}
		}
	}
}

func TestPatternsNeedNames(t *testing.T) {
	const portal = "platforms:\n  - {name: portal, type: sql, driver: postgres, dsn_file: portal.dsn, accounts: no names%s}\n"
	const want = "f.yml:%d: platforms[0]: the names of its accounts are not told, so that no pattern of exclude.accounts matches any"
	for content, want := range map[string]string{
		fmt.Sprintf(portal, "") + "exclude: {accounts: [\"^svc-\"]}\n":                             fmt.Sprintf(want, 2),
		"\n" + fmt.Sprintf(portal, ", exclude: {accounts: [\"^svc-\"]}"):                           fmt.Sprintf(want, 3),
		fmt.Sprintf(portal, ", exclude: {guests: false}"):                                          "",
		strings.Replace(fmt.Sprintf(portal, ", exclude: {accounts: [x]}"), "no names", "names", 1): "",
	} {
		c, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range c.Warnings {
			got += p.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What decides who counts is told apart whatever the texts are.
func TestCounting(t *testing.T) {
	p := func(profile []string, patterns ...string) *Platform {
		p := &Platform{Description: collector.Description{Accounts: &collector.AccountSource{Profile: profile}}}
		for _, pattern := range patterns {
			p.Exclude.Accounts = append(p.Exclude.Accounts, regexp.MustCompile(pattern))
		}
		return p
	}
	if a, b := p([]string{"fields", "b"}, "a").Counting(), p([]string{"b"}, "a", "fields").Counting(); slices.Equal(a, b) {
		t.Errorf("a pattern is taken for a field: %q", a)
	}
}

// Editors on Windows write a byte-order mark and other line ends.
func TestWindowsFile(t *testing.T) {
	content, err := os.ReadFile("testdata/good/complete.yml")
	if err != nil {
		t.Fatal(err)
	}
	content = append([]byte("\uFEFF"), bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))...)
	c, err := load("f.yml", content, fakeTypes, fakeOptions, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mustLoad(t, "testdata/good/complete.yml").Objectives, c.Objectives, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The examples load with the real platform types.
func TestExamples(t *testing.T) {
	for _, file := range []string{"minimal.yml", "complete.yml", "microsoft365.yml"} {
		t.Run(file, func(t *testing.T) {
			for _, name := range []string{"mediawiki", "microsoft365", "sql"} {
				if _, ok := collector.Types[name]; !ok {
					t.Skipf("there is no platform type %s", name)
				}
			}
			file = filepath.Join("../examples", file)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := load(file, content, collector.Types, fakeOptions, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Warnings) > 0 {
				t.Errorf("got warnings %v", c.Warnings)
			}
		})
	}
}

// FuzzLoad reads files of any content. Each problem of one is a line of its own about something that was checked; a
// file that is taken describes platforms that can be polled, with a KPI only of what they deliver, and says the same
// when it is read again.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yml", "../examples/*.yml", "../internal/app/templates/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content, false)
			f.Add(content, true)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, fakes bool) {
		types := collector.Types
		if fakes {
			types = fakeTypes
		}
		c, err := load("f.yml", content, types, fakeOptions, time.Now())
		if (c == nil) == (err == nil) {
			t.Fatalf("got config %v and error %v", c, err)
		}
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f.yml:") {
					t.Errorf("a problem is of more than one line: %q", line)
				}
				if strings.Contains(line, "can't be read") {
					t.Errorf("what was checked could not be decoded: %s", line)
				}
			}
			return
		}
		again, err := load("f.yml", content, types, fakeOptions, time.Now())
		if err != nil {
			t.Fatal("read again:", err)
		}
		for i, p := range c.Platforms {
			d := p.Description
			if p.PollInterval <= 0 || p.AccountsInterval < p.PollInterval || p.MaxAge <= p.PollInterval || p.Timeout <= 0 || d.Step < 5*time.Minute || d.Settle < 0 {
				t.Errorf("%s can't be polled: %+v", p.Name, p)
			}
			if again.Platforms[i].Fingerprint != p.Fingerprint {
				t.Errorf("%s has two fingerprints", p.Name)
			}
			for _, m := range d.Measures() {
				if _, known := measure.Lookup(m.Measure); !known {
					t.Errorf("%s delivers %s", p.Name, m.Ref)
				}
			}
		}
		for _, k := range c.KPIs() {
			if k.Status == Retired {
				continue
			}
			platforms := slices.Clone(c.Platforms)
			if c.People != nil {
				platforms = append(platforms, c.People)
			}
			i := slices.IndexFunc(platforms, func(p *Platform) bool { return p.Name == k.Platform })
			if i < 0 || !slices.ContainsFunc(platforms[i].Description.Measures(), func(d collector.Delivered) bool { return d.Ref == k.Measure }) {
				t.Errorf("KPI %s is of %s on %s", k.Name, k.Measure, k.Platform)
			}
		}
	})
}

func mustLoad(t *testing.T, file string) *Config {
	t.Helper()
	c, err := Load(file, fakeTypes, fakeOptions)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every key is in the complete example; that it is in the documentation as well, TestSchema holds.
func TestCompleteExampleIsComplete(t *testing.T) {
	content, err := os.ReadFile("../examples/complete.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []any{
		fileKeys{}, excludeKeys{}, linkKeys{}, platformKeys{}, profileKeys{}, objectiveKeys{}, kpiKeys{}, baselineKeys{}, targetKeys{}, thresholdKeys{},
		decisionKeys{}, noteKeys{},
	} {
		for _, name := range fieldsOf(reflect.TypeOf(keys)).names {
			if !regexp.MustCompile(`(?m)(^|[ {])` + name + `:`).Match(content) {
				t.Errorf("it does not have %s", name)
			}
		}
	}
}
