package main

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	title   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	metric  = regexp.MustCompile(`\bintranet_[a-z_]+\b`)
)

// documents are the texts of all Markdown files, by name.
func documents(t *testing.T) map[string]string {
	texts := map[string]string{}
	err := filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".md" {
			return err
		}
		text, err := os.ReadFile(name)
		texts[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// anchors are the fragments that lead to the headings of a document.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range title.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		anchor := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		unique := anchor
		for n := 1; found[unique]; n++ {
			unique = anchor + "-" + strconv.Itoa(n)
		}
		found[unique] = true
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	texts, links := documents(t), 0
	for name, text := range texts {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			to, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if to.IsAbs() {
				continue
			}
			links++
			target := name
			if to.Path != "" {
				target = path.Join(path.Dir(name), to.Path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: %v", name, m[1], err)
			} else if to.Fragment != "" && !anchors(texts[target])[to.Fragment] {
				t.Errorf("%s: %s: %s has no such heading", name, m[1], target)
			}
		}
	}
	if links < 50 {
		t.Errorf("found only %d links", links)
	}
}

// TestMetricsAreDescribed looks for metrics that are in no table of docs/metrics.md, which another test holds against
// what is served.
func TestMetricsAreDescribed(t *testing.T) {
	texts := documents(t)
	for name, text := range texts {
		for _, m := range metric.FindAllString(text, -1) {
			if m != "intranet_exporter" && !strings.Contains(texts["docs/metrics.md"], "| `"+m+"` |") {
				t.Errorf("%s: docs/metrics.md does not describe %s", name, m)
			}
		}
	}
}
