package words

import (
	"strings"
	"testing"

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
	}
	for _, test := range tests {
		if got := strings.ReplaceAll(Quantity(test.value, test.unit), "\u00a0", " "); got != test.want {
			t.Errorf("%v %s is written %q, want %q", test.value, test.unit, got, test.want)
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
