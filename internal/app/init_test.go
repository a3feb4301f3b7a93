package app

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
)

// initStand is a stand with the platform types that there are.
func initStand(answers string) stand {
	s := newStand()
	s.Types = collector.Types
	s.In = bytes.NewBufferString(answers)
	return s
}

func TestWhatInitWritesLoads(t *testing.T) {
	for _, tc := range []struct {
		kinds string
		kpis  string // name=measure
	}{
		{"mediawiki", "authors=authors pages_created=pages_created profiles_complete=profiles_complete profile_fields=profile_completion"},
		{"sql", `signed_in=logged_in_users activated=activated_accounts active=active_users taking_part=contributors authors=authors
			pages_created=pages_created searches_without_result=searches_without_result profiles_complete=profiles_complete
			profile_fields=profile_completion pages_stale=pages_stale`},
		{"microsoft365", `active=active_users authors=authors pages_created=pages_created
			profiles_complete=profiles_complete profile_fields=profile_completion pages_stale=pages_stale`},
		{"mediawiki sql", `signed_in=people_logged_in activated=activated_accounts active=people_active taking_part=contributors authors=authors
			pages_created=pages_created searches_without_result=searches_without_result profiles_complete=profiles_complete
			profile_fields=profile_completion pages_stale=pages_stale`},
		{"mediawiki microsoft365", `active=active_users authors=authors pages_created=pages_created
			profiles_complete=profiles_complete profile_fields=profile_completion pages_stale=pages_stale`},
		{"microsoft365 sql", `signed_in=people_logged_in activated=activated_accounts active=people_active taking_part=contributors authors=authors
			pages_created=pages_created searches_without_result=searches_without_result profiles_complete=profiles_complete
			profile_fields=profile_completion pages_stale=pages_stale`},
		// They count people who were active, but none of them sees who reads.
		{"mediawiki mediawiki", "authors=authors pages_created=pages_created profiles_complete=profiles_complete profile_fields=profile_completion"},
		{"sql mediawiki sql mediawiki sql", `signed_in=people_logged_in activated=activated_accounts active=people_active taking_part=contributors
			authors=authors pages_created=pages_created searches_without_result=searches_without_result
			profiles_complete=profiles_complete profile_fields=profile_completion pages_stale=pages_stale`},
	} {
		t.Run(tc.kinds, func(t *testing.T) {
			kinds := strings.Fields(tc.kinds)
			cfg := initialised(t, kinds, nil)
			var got []string
			for _, k := range cfg.KPIs() {
				got = append(got, k.Name+"="+k.Measure.Measure)
			}
			if diff := cmp.Diff(strings.Fields(tc.kpis), got); diff != "" {
				t.Errorf("KPIs (-want +got):\n%s", diff)
			}
			for chosen := range 1 << len(goalNames) {
				var names, want []string
				for i, name := range goalNames {
					if chosen&(1<<i) == 0 {
						continue
					}
					names = append(names, name)
					if slices.ContainsFunc(cfg.Objectives, func(o *config.Objective) bool { return o.Name == name }) {
						want = append(want, name)
					}
				}
				if chosen == 0 {
					continue // that is all of them
				}
				var got []string
				for _, o := range initialised(t, kinds, names).Objectives {
					got = append(got, o.Name)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", names, diff)
				}
			}
		})
	}
}

var goalNames = []string{"reach", "engagement", "knowledge_sharing", "findability", "profiles", "freshness"}

// initialised has init write a file, and reads it. Nobody who begins should be met with a warning.
func initialised(t *testing.T, kinds, objectives []string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "intranet.yml")
	s := initStand("")
	if err := s.Init(file, kinds, objectives); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	cfg, err := load(file, s.Types, func(string, string) {})
	if err != nil {
		t.Fatalf("%s: it does not load: %v", objectives, err)
	}
	if len(cfg.Platforms) != len(kinds) || len(cfg.Warnings) > 0 {
		t.Errorf("%s: platforms %d of %d, warnings %v", objectives, len(cfg.Platforms), len(kinds), cfg.Warnings)
	}
	for _, p := range cfg.Platforms {
		if !strings.Contains(s.out.String(), filepath.Join(filepath.Dir(file), p.Name)+".") {
			t.Errorf("it does not say where the secret of %s goes:\n%s", p.Name, s.out)
		}
	}
	return cfg
}

// What is in the starter set can be agreed upon as it stands, and somebody delivers it.
func TestStarterSet(t *testing.T) {
	cfg := initialised(t, slices.Sorted(maps.Keys(collector.Types)), nil)
	all, err := starterSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	suggested := 0
	for _, g := range all {
		names = append(names, g.Name)
		suggested += len(g.KPIs)
	}
	if !slices.Equal(names, goalNames) || suggested != len(cfg.KPIs()) || suggested > 12 {
		t.Errorf("objectives %s; %d KPIs, of which %d are in the file", names, suggested, len(cfg.KPIs()))
	}
	soon, late := time.Now().AddDate(0, 2, 20), time.Now().AddDate(0, 3, 3)
	for _, k := range cfg.KPIs() {
		if k.Status != config.Proposed || k.Why == "" || k.Review.Before(soon) || k.Review.After(late) {
			t.Errorf("%s: status %s, review %s, why: %s", k.Name, k.Status, k.Review, k.Why)
		}
		if k.Target == nil && k.Direction != config.Range {
			t.Errorf("%s has no target", k.Name)
		}
		if k.Warning == nil {
			t.Errorf("%s has no warning", k.Name)
		}
		for _, s := range thresholds(k) {
			if len(s.Action) < 40 || s.Within == 0 || s.Sustain == 0 {
				t.Errorf("%s, %s: no one can act on %+v", k.Name, s.name, *s.Threshold)
			}
		}
	}
}

// The starter set as an example is what init writes for all types of platform.
func TestInitWrites(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		said, written string // golden files
		kinds         []string
	}{
		{"init.txt", "../../../examples/starter.yml", slices.Sorted(maps.Keys(collector.Types))},
		{"init-wiki.txt", "", []string{"mediawiki"}},
		{"init-microsoft365.txt", "", []string{"microsoft365"}},
	} {
		t.Chdir(t.TempDir())
		s := initStand("")
		if err := s.Init("starter.yml", tc.kinds, nil); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile("starter.yml")
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(home)
		golden(t, tc.said, s.out.String())
		if tc.written != "" {
			example := regexp.MustCompile(`review: .{10}`).ReplaceAll(content, []byte("review: 2027-03-15"))
			example = regexp.MustCompile(`by: .{10}`).ReplaceAll(example, []byte("by: 2027-12-31"))
			golden(t, tc.written, "# yaml-language-server: $schema=../docs/intranet.schema.json\n"+string(example))
		}
	}
}

func TestInitAsks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "intranet.yml")
	s := initStand(strings.Join([]string{
		"", "confluence", // no types
		"mediawiki", "Our Wiki", "", // no name
		"mediawiki", "handbook", "ftp://wiki", // no address
		"mediawiki", "handbook", "https://handbook.example.org/w/api.php?#x: 'y'", // nor this
		"mediawiki", "handbook", "https://handbook.example.org/w/api.php",
		"mediawiki", "handbook", "", // a name that is taken
		" mediawiki ", "true", "", // what YAML takes for something else
		"microsoft365", "", "contoso.sharepoint.com", // no address of a site
		"microsoft365", "", "https://contoso.sharepoint.com/sites/intranet",
		"sql", "",
		"",                                   // these are the platforms
		"reach, wealth", "reach,  freshness", // the second time, objectives that there are
		"",
	}, "\n"))
	s.Interactive = true
	if err := s.Init(file, nil, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "init-asks.txt", regexp.MustCompile(`(Type .*?|]|all\)): `).ReplaceAllString(s.err.String(), "$1:\n"))
	cfg, err := load(file, s.Types, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range cfg.Platforms {
		names = append(names, p.Name)
	}
	for _, o := range cfg.Objectives {
		names = append(names, o.Name)
	}
	if got := strings.Join(names, " "); got != "handbook true sharepoint portal reach freshness" {
		t.Errorf("platforms and objectives: %s", got)
	}
	if content, _ := os.ReadFile(file); !strings.Contains(string(content), "url: https://handbook.example.org/w/api.php\n") {
		t.Errorf("the address is not in the file:\n%s", content)
	}
}

func TestInitWritesNothing(t *testing.T) {
	for _, tc := range []struct {
		name, answers string
		kinds         []string
		objectives    []string
		interactive   bool
		want          string
		usage         bool
	}{
		{"no types", "", nil, nil, false, "name the types of your platforms, such as --platform=mediawiki --platform=microsoft365 --platform=sql", true},
		{"unknown type", "", []string{"sql", "confluence"}, nil, true, `unknown platform type "confluence"; there is mediawiki, microsoft365, sql`, true},
		{"unknown objective", "", []string{"sql"}, []string{"reach", "wealth"}, false, `unknown objective "wealth"; there is ` + strings.Join(goalNames, ", "), true},
		{"no answers", "", nil, nil, true, "the answers ended too early; nothing is written", false},
		{"half an answer", "mediawiki\nwiki\n", nil, nil, true, "the answers ended too early; nothing is written", false},
		{"no objectives", "sql\nportal\n\n", nil, nil, true, "the answers ended too early; nothing is written", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "intranet.yml")
			s := initStand(tc.answers)
			s.Interactive = tc.interactive
			err := s.Init(file, tc.kinds, tc.objectives)
			var usage UsageError
			if err == nil || err.Error() != tc.want || errors.As(err, &usage) != tc.usage {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
				t.Error("there is a file")
			}
		})
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "intranet.yml"), filepath.Join(dir, "link.yml")
	if err := errors.Join(os.WriteFile(file, []byte("mine"), 0o600), os.Symlink("nowhere", link)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		want := name + " is there already, and is left as it is; name another file with --output, or move it away"
		if err := initStand("").Init(name, []string{"sql"}, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := create(name, "yours"); err == nil || err.Error() != want { // somebody else made it meanwhile
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if content, _ := os.ReadFile(file); string(content) != "mine" {
		t.Errorf("the file now says %s", content)
	}
	if err := initStand("").Init(filepath.Join(dir, "no", "folder.yml"), []string{"sql"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
