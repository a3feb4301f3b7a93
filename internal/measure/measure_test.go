package measure

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	for _, s := range []string{"1d", "7d", "28d", "30d"} {
		w, err := ParseWindow(s)
		if err != nil || w.String() != s {
			t.Errorf("%s became %s, %v", s, w, err)
		}
	}
	if w := Window(7 * 24 * time.Hour); w != Windows[1] {
		t.Error(w)
	}
	for _, s := range []string{"", "7", "7D", "0d", "-1d", "07d", "7d ", "7d7", "1w", "168h", "99999d", "9999999999999999999d"} {
		if w, err := ParseWindow(s); err == nil {
			t.Errorf("%q was taken for %s", s, w)
		}
	}
}

func TestTheVocabularyIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range All {
		if seen[m.Name] || seen[m.Metric] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name], seen[m.Metric] = true, true
		if !regexp.MustCompile(`^intranet_[a-z_]+$`).MatchString(m.Metric) || regexp.MustCompile(`_(total|count|sum|bucket|percent)$`).MatchString(m.Metric) {
			t.Errorf("%s is no name for a gauge", m.Metric)
		}
		if (m.Unit == Ratio) != strings.HasSuffix(m.Metric, "_ratio") {
			t.Errorf("%s has unit %s", m.Metric, m.Unit)
		}
		if !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: the help is no sentence", m.Name)
		}
		counted := m.Counting == Events || m.Counting == People
		if counted && !m.Windowed || m.Counting == FromAccounts && m.Windowed || counted != (len(m.Kinds) > 0) {
			t.Errorf("%s: window, counting and kinds do not fit", m.Name)
		}
	}
	// The name of a kind is the singular of the measure that counts it.
	for _, kind := range EventKinds {
		found := false
		for _, m := range All {
			found = found || m.Counting == Events && m.Kinds[0] == kind
		}
		if !found {
			t.Errorf("nothing counts %s", kind)
		}
	}
}

func TestOne(t *testing.T) {
	for many, one := range map[Unit]Unit{
		"accounts": "account", "searches": "search", "pages per user": "page per user", "views per search": "view per search",
		"people": "person", "FTE": "FTE", "glass": "glass", "status": "status", "": "",
	} {
		if got := many.One(); got != one {
			t.Errorf("one of %q is %q, want %q", many, got, one)
		}
	}
}

func TestHowTheConfigFileWritesAMeasure(t *testing.T) {
	for name, want := range map[string]string{
		"pages": "pages", Custom: "custom.<name>", "site_visitors": "site_visitors.<site>",
		"accounts_excluded": "accounts_excluded", "accounts_unjoined": "accounts_unjoined", // the label divides them up
	} {
		if m, _ := Lookup(name); m.Written() != want || m.Named() != (want != name) {
			t.Errorf("%s is written %s, named %t", name, m.Written(), m.Named())
		}
	}
}

func TestLookup(t *testing.T) {
	if m, ok := Lookup("authors"); !ok || m.Metric != "intranet_authors" {
		t.Error(m, ok)
	}
	if _, ok := Lookup("author"); ok {
		t.Error("found what is not there")
	}
	if !strings.HasPrefix(Names(), "accounts, accounts_excluded, ") {
		t.Error(Names())
	}
}

func TestRef(t *testing.T) {
	for want, ref := range map[string]Ref{
		"pages":                      {Measure: "pages"},
		"logins over 7d":             {Measure: "logins", Window: Windows[1]},
		"custom.score":               {Measure: Custom, Label: "score"},
		"site_visitors.news over 7d": {Measure: "site_visitors", Label: "news", Window: Windows[1]},
		"custom.x over 1d":           {Measure: Custom, Label: "x", Window: Windows[0]},
	} {
		if ref.String() != want {
			t.Errorf("got %s, want %s", ref, want)
		}
	}
}

// FuzzParseWindow holds that a window is written in one way alone.
func FuzzParseWindow(f *testing.F) {
	for _, s := range []string{"1d", "28d", "3660d", "0d", "-7d", "+7d", "07d", "7 d", "7d7d", "24h", "99999999999999999999d", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWindow(s)
		if err == nil && (w.String() != s || w <= 0) || err != nil && w != 0 {
			t.Errorf("%q: %s, %v", s, w, err)
		}
	})
}
