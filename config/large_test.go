package config

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repeated returns so many lines, each with its number in it.
func repeated(many int, line string) string {
	var b strings.Builder
	for n := range many {
		b.WriteString(strings.ReplaceAll(line, "#", fmt.Sprint(n)))
	}
	return b.String()
}

const wiki = "platforms: [{name: w, type: mediawiki, url: \"https://w\"}]\n"

func TestTenThousandKPIs(t *testing.T) {
	content := wiki + "objectives:\n- name: o\n  kpis:\n" +
		repeated(10_000, "  - {name: k#, measure: authors, window: 7d, owner: o, review: 2999-01-01, warning: {at: 1, action: a}}\n")
	_, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
	if want := "f.yml: is larger than 1 MiB, which no config file should be"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	content = strings.ReplaceAll(content, ", warning: {at: 1, action: a}", "")
	c, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.KPIs()) != 10_000 {
		t.Errorf("got %d KPIs", len(c.KPIs()))
	}
}

// A message is for people: of very many mistakes it names the first.
func TestVeryManyMistakes(t *testing.T) {
	content := wiki + "objectives:\n- name: o\n  kpis:\n" + repeated(10_000, "  - {name: k#, measure: authors}\n")
	_, err := load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
	if err == nil {
		t.Fatal("it loads")
	}
	lines := strings.Split(err.Error(), "\n")
	if first, want := lines[0], "f.yml:5: objectives[0].kpis[0].owner: is missing; write the role that acts on it, such as intranet-manager"; first != want {
		t.Errorf("got %s, want %s", first, want)
	}
	if last, want := lines[len(lines)-1], "f.yml: mistakes that are not listed: 29900"; len(lines) != 101 || last != want {
		t.Errorf("got %d lines, the last is %s, want %s", len(lines), last, want)
	}
}

// The time grows with the file, and not with its square: 32 times as much takes some 32 times as long, where a square
// would be a thousand.
func TestTimeGrowsWithTheFile(t *testing.T) {
	const size, times, most = 10_000, 32, 160 // bytes
	const inObjective = wiki + "objectives:\n- name: o\n  kpis:\n"
	for name, of := range map[string]struct{ before, line, after string }{
		"KPIs":       {inObjective, "  - {name: k#, measure: authors, window: 7d, owner: o, review: 2999-01-01}\n", ""},
		"wrong KPIs": {inObjective, "  - {name: K#, mesure: x, window: y, platform: z, owner: z@z, review: 2999}\n", ""},
		"objectives": {wiki + "objectives:\n", "- {name: o#, kpis: [{name: k#, measure: pages, owner: o, review: 2999-01-01}]}\n", ""},
		"decisions":  {inObjective + "  - name: k\n    decisions:\n", "    - {date: 2026-01-01, decision: keep, why: w}\n", ""},
		"notes":      {wiki + "notes:\n", "- {date: 2026-01-01, text: n#}\n", ""},
		"platforms":  {"platforms:\n", "- {name: p#, type: x}\n", ""},
		"keys":       {wiki, "key#: 1\n", ""},
		"fields":     {"platforms: [{name: w, type: mediawiki, profile: {fields: [", "f#, ", "]}}]\n"},
		"anchors":    {"key: &a0 []\n", "key#: &a# [*a0, *a0, *a0, *a0]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			few := size / len(of.line)
			less := cost(t, of.before+repeated(few, of.line)+of.after)
			more := cost(t, of.before+repeated(few*times, of.line)+of.after)
			if more > most*less {
				t.Errorf("%d take %s, and %d times as many take %s", few, less, times, more)
			}
		})
	}
}

// cost is the least processor time of several attempts to load a file, which is less at the mercy of others than
// the clock on the wall.
func cost(t *testing.T, content string) time.Duration {
	t.Helper()
	var all []time.Duration
	for range 3 {
		start := processorTime(t)
		_, _ = load("f.yml", []byte(content), fakeTypes, fakeOptions, time.Now())
		all = append(all, processorTime(t)-start)
	}
	return slices.Min(all)
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
