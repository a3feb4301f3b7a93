package deploy

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

// TestAddAPlatform does what CONTRIBUTING.md says, in an overlay of the tree.
func TestAddAPlatform(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "../CONTRIBUTING.md")
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	put := func(file, content string) {
		copied := filepath.Join(t.TempDir(), filepath.Base(file))
		write(t, copied, content)
		overlay.Replace[filepath.Join(root, file)] = copied
	}
	for _, block := range regexp.MustCompile("(?ms)^```go\n// (collector/\\w+\\.go)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		put(block[1], block[2])
	}
	lines := regexp.MustCompile("(?m)^```go\n(\t\"guestbook\": .*\n)```$").FindAllStringSubmatch(text, -1)
	if len(overlay.Replace) != 2 || len(lines) != 2 {
		t.Fatalf("CONTRIBUTING.md has the files %v and the lines %q", overlay.Replace, lines)
	}
	const types, contracts = "var Types = map[string]New{\n", "var contracts = map[string]func(*testing.T, time.Duration) *platform{\n"
	put("collector/collector.go", strings.Replace(read(t, "../collector/collector.go"), types, types+lines[0][1], 1))
	put("collector/contract_test.go", strings.Replace(read(t, "../collector/contract_test.go"), contracts, contracts+lines[1][1], 1))

	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	write(t, file, string(list))
	out := run(t, "go", "test", "-overlay="+file, "-count=1", "-run=^TestContract$/^guestbook$", "-v", "../collector")
	contains(t, out, "--- PASS: TestContract/guestbook", "--- PASS: TestContract/guestbook/two_halves_make_a_whole")
	config := filepath.Join(t.TempDir(), "intranet.yml")
	write(t, config, "platforms: [{name: book, type: guestbook, url: 'https://book.example.org/api/'}]\n")
	contains(t, run(t, "go", "run", "-overlay="+file, "..", "check", "--config.file="+config), "guestbook", "comments")
}

func TestPlatformsAreDocumented(t *testing.T) {
	readme, keys := read(t, "../README.md"), read(t, "../docs/configuration.md")
	for name := range collector.Types {
		page := "docs/collectors/" + name + ".md"
		read(t, "../"+page)
		contains(t, readme, "("+page+")")
		contains(t, regexp.MustCompile(`(?m)^type: .*$`).FindString(keys), name)
	}
}
