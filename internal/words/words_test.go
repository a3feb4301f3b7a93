package words

import (
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

func TestQuantity(t *testing.T) {
	tests := []struct {
		value float64
		unit  measure.Unit
		want  string
	}{
		{0, "", "0"}, {8, "pages", "8 pages"}, {-0.001, "", "0"}, {-1234.5, "", "−1,234.5"}, {1234567, "views", "1,234,567 views"},
		{999.999, "", "1,000"}, {12.25, "", "12.25"}, {0.6287, measure.Ratio, "62.9 %"}, {1, measure.Ratio, "100 %"}, {0.0004, measure.Ratio, "0 %"},
		{1, "pages", "1 page"}, {1.004, "users", "1 user"}, {1.01, "users", "1.01 users"}, {-1, "points", "−1 point"}, {0.01, measure.Ratio, "1 %"},
		{1, "logins per account", "1 login per account"}, {21, "pages", "21 pages"}, {0, "pages", "0 pages"},
	}
	for _, test := range tests {
		if got := strings.ReplaceAll(Quantity(test.value, test.unit), "\u00a0", " "); got != test.want {
			t.Errorf("%v %s is written %q, want %q", test.value, test.unit, got, test.want)
		}
	}
}

func TestWhat(t *testing.T) {
	week := measure.Windows[1]
	for want, ref := range map[string]measure.Ref{
		"pages stale":                     {Measure: "pages_stale"},
		"page views in 7 days":            {Measure: "page_views", Window: week},
		"survey score":                    {Measure: measure.Custom, Label: "survey_score"},
		"site visitors of news in 7 days": {Measure: "site_visitors", Label: "news", Window: week},
	} {
		if got := What(ref); got != want {
			t.Errorf("%s is written %q, want %q", ref, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", time.Hour: "1 hour", 36 * time.Hour: "36 hours", 24 * time.Hour: "1 day", 28 * 24 * time.Hour: "28 days", 90 * time.Minute: "1h30m",
	} {
		if got := Span(d); got != want {
			t.Errorf("%s is written %q, want %q", d, got, want)
		}
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range cause.All {
		if Causes[c] == "" {
			t.Errorf("no words for %s", c)
		}
	}
	for _, b := range measure.Bases {
		if Bases[b] == "" {
			t.Errorf("no words for %s", b)
		}
	}
}
