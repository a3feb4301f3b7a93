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
	all := slices.Sorted(maps.Keys(collector.Types))
	cases := [][]string{all, slices.Concat(all, all, all)}
	for _, kind := range all {
		cases = append(cases, []string{kind})
	}
	for _, kinds := range cases {
		t.Run(strings.Join(kinds, ","), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "intranet.yml")
			s := initStand("")
			if err := s.Init(file, kinds); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			cfg, err := load(file, s.Types, func(string, string) {})
			if err != nil {
				t.Fatalf("it does not load: %v", err)
			}
			warnings := slices.DeleteFunc(cfg.Warnings, func(p config.Problem) bool { // what people are called is for people to say
				return strings.HasPrefix(p.Text, "takes no part in the people across platforms")
			})
			if len(cfg.Platforms) != len(kinds) || len(warnings) > 0 {
				t.Errorf("platforms %d of %d, warnings %v", len(cfg.Platforms), len(kinds), cfg.Warnings)
			}
			for _, p := range cfg.Platforms {
				if !strings.Contains(s.out.String(), filepath.Join(filepath.Dir(file), p.Name)+".") {
					t.Errorf("it does not say where the secret of %s goes:\n%s", p.Name, s.out)
				}
			}

			// The examples load too, once they are no comments any more.
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, examples, _ := strings.Cut(string(content), "# objectives:\n")
			examples = strings.ReplaceAll("\n"+examples, "\n# ", "\n")
			if err := os.WriteFile(file, []byte(head+"objectives:"+examples), 0o600); err != nil {
				t.Fatal(err)
			}
			if cfg, err = load(file, s.Types, func(string, string) {}); err != nil {
				t.Fatalf("the examples do not load: %v", err)
			}
			if len(cfg.Objectives) != len(kinds) {
				t.Errorf("%d objectives for %d platforms", len(cfg.Objectives), len(kinds))
			}
			for _, k := range cfg.KPIs() {
				if k.Warning == nil || len(k.Warning.Action) < 20 {
					t.Errorf("%s has no action", k.Name)
				}
			}
		})
	}
}

func TestInitWrites(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	s := initStand("")
	if err := s.Init("intranet.yml", []string{"mediawiki", "sql"}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("intranet.yml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	golden(t, "init.yml", regexp.MustCompile(`20\d\d-\d\d-\d\d`).ReplaceAllString(string(content), "<date>"))
	golden(t, "init.txt", s.out.String())
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
		"sql", "",
		"", "",
	}, "\n"))
	s.Interactive = true
	if err := s.Init(file, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "init-asks.txt", regexp.MustCompile(`(Type .*?|]): `).ReplaceAllString(s.err.String(), "$1:\n"))
	cfg, err := load(file, s.Types, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range cfg.Platforms {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "handbook true portal" {
		t.Errorf("platforms %s", got)
	}
	if content, _ := os.ReadFile(file); !strings.Contains(string(content), "url: https://handbook.example.org/w/api.php\n") {
		t.Errorf("the address is not in the file:\n%s", content)
	}
}

func TestInitWritesNothing(t *testing.T) {
	for _, tc := range []struct {
		name, answers string
		kinds         []string
		interactive   bool
		want          string
		usage         bool
	}{
		{"no types", "", nil, false, "name the types of your platforms, such as --platform=mediawiki --platform=sql", true},
		{"unknown type", "", []string{"sql", "confluence"}, true, `unknown platform type "confluence"; there is mediawiki, sql`, true},
		{"no answers", "", nil, true, "the answers ended too early; nothing is written", false},
		{"half an answer", "mediawiki\nwiki\n", nil, true, "the answers ended too early; nothing is written", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "intranet.yml")
			s := initStand(tc.answers)
			s.Interactive = tc.interactive
			err := s.Init(file, tc.kinds)
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
		if err := initStand("").Init(name, []string{"sql"}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := create(name, "yours"); err == nil || err.Error() != want { // somebody else made it meanwhile
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if content, _ := os.ReadFile(file); string(content) != "mine" {
		t.Errorf("the file now says %s", content)
	}
	if err := initStand("").Init(filepath.Join(dir, "no", "folder.yml"), []string{"sql"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
