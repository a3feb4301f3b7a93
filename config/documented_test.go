package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A documentedKey is what the documentation says of a key.
type documentedKey struct {
	text     string
	kind     string // such as <text>, "" where keys of its own follow
	required bool
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	keyLine   = regexp.MustCompile(`^( *)(\[ )?([a-z_]+):(?: (.*?))?( \])?$`)
	tableRow  = regexp.MustCompile("^\\| (`[a-z_.`, ]+`) \\|(.*)\\|$")
	linkText  = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
)

// documentedKeys reads the code blocks of docs/configuration.md: by section, such as kpi, and path in it.
func documentedKeys(t *testing.T) map[string]map[string]documentedKey {
	t.Helper()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]documentedKey{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		keys := map[string]documentedKey{}
		for _, block := range codeBlock.FindAllStringSubmatch(body, -1) {
			readBlock(t, block[1], keys)
		}
		all[strings.Trim(title, "`<>")] = keys
	}
	return all
}

// readBlock reads lines such as these, with comments above them:
//
//	name: <slug>
//	[ title: <text> | default = the name in words ]
func readBlock(t *testing.T, block string, keys map[string]documentedKey) {
	t.Helper()
	var comment, path []string
	for line := range strings.SplitSeq(strings.TrimSuffix(block, "\n"), "\n") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok || line == "" {
			comment = append(comment, text)
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("docs/configuration.md: %q is not how a key is written there", line)
		}
		optional := m[2] != ""
		kind := m[4]
		if !optional {
			kind += m[5] // it closes a list
		}
		kind, otherwise, defaulted := strings.Cut(kind, " | default = ")
		text := strings.TrimSpace(strings.Join(comment, " "))
		if defaulted {
			text = strings.TrimSpace(text + " Default: " + otherwise + ".")
		}
		path = append(path[:len(m[1])/2], m[3])
		keys[strings.Join(path, ".")] = documentedKey{text: text, kind: kind, required: !optional && kind != ""}
		comment = nil
	}
}

// documentedOwn reads the tables of keys on the page of a platform type. One below a heading such as "readings" is of the
// keys below that.
func documentedOwn(t *testing.T, platform string) map[string]documentedKey {
	t.Helper()
	text, err := os.ReadFile("../docs/collectors/" + platform + ".md")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]documentedKey{}
	prefix, ours := "", false
	for line := range strings.SplitSeq(string(text), "\n") {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			prefix = heading + "."
		}
		if strings.HasPrefix(line, "## ") {
			prefix = ""
		}
		if !strings.HasPrefix(line, "|") {
			ours = false
		}
		ours = ours || strings.HasPrefix(line, "| key |")
		m := tableRow.FindStringSubmatch(line)
		if !ours || m == nil {
			continue
		}
		cells := strings.Split(m[2], " | ")
		k := documentedKey{text: strings.TrimSpace(linkText.ReplaceAllString(cells[len(cells)-1], "$1")), required: strings.TrimSpace(cells[0]) == "required"}
		for name := range strings.SplitSeq(m[1], ", ") {
			keys[prefix+strings.Trim(name, "`")] = k
		}
	}
	return keys
}
