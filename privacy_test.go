package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// TestNothingComesOutOfDamage has state set aside, and looks at all files that there are.
func TestNothingComesOutOfDamage(t *testing.T) {
	a := newAviary(t)
	a.config = a.file("intranet.yml", "platforms: [{name: wiki, type: mediawiki, url: "+a.wiki.URL+"/well/api.php}]\n"+agreed("wiki"))
	start := func() *running {
		r := a.serve("data")
		r.until("polled", func() bool { return strings.Contains(r.metrics(), `intranet_collector_success{platform="wiki"} 1`) })
		return r
	}
	start().end(syscall.SIGTERM)
	if err := os.Truncate(filepath.Join(a.dir, "data", "wiki.tally"), 40); err != nil {
		t.Fatal(err)
	}
	start().end(syscall.SIGKILL)
	filesAreDocumented(t, filepath.Join(a.dir, "data"))
}

// documentedFile is the first cell of a row in the table of files.
var documentedFile = regexp.MustCompile("(?m)^\\| `([a-z.<>]+)` \\|")

// filesAreDocumented compares what is in a folder, and who may read it, with docs/privacy.md.
func filesAreDocumented(t *testing.T, dir string) {
	document := readFile(t, "docs/privacy.md")
	seen := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		for _, m := range documentedFile.FindAllSubmatch(document, -1) {
			pattern := strings.NewReplacer(".", `\.`, "<platform>", "wiki", "<file>", ".+", "<number>", "[0-9]+").Replace(string(m[1]))
			if regexp.MustCompile("^" + pattern + "$").MatchString(e.Name()) {
				seen[e.Name()], seen[string(m[1])] = true, true
			}
		}
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
		if !seen[e.Name()] {
			t.Errorf("docs/privacy.md does not know %s", e.Name())
		}
	}
	for _, name := range []string{"<platform>.tally", "<file>.unusable", "key", "kpi.past", "kpi.state", "lock"} {
		if !seen[name] {
			t.Errorf("there is no %s, or docs/privacy.md does not know it", name)
		}
	}
	for _, suffix := range tally.Suffixes {
		if !bytes.Contains(document, []byte("| `<platform>"+suffix+"` |")) {
			t.Errorf("docs/privacy.md does not know %s", suffix)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: mode %v, %v", info.Mode(), err)
	}
}
