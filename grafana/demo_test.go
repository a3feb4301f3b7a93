package grafana

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/demo"
)

// TestDemo holds that there is something to see on every panel of what the demo has lived through, but for what it
// spares us.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("five weeks of a simulated organisation take a while")
	}
	without := []string{"Failures per hour, by cause", "Which KPIs have no value", "Memory", "CPU", "Goroutines"}
	s := startPrometheus(t, now, func(t *testing.T, w io.Writer) {
		if err := demo.WriteHistory(t.Context(), w, 1, 35*day, now, func(time.Time) {}); err != nil {
			t.Fatal(err)
		}
	})
	s.kpi = "pages_created_monthly"
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			if !slices.Contains(without, p.Title) {
				t.Run(d.UID+"/"+p.Title, func(t *testing.T) { s.checkPanel(t, p, "intranet") })
			}
		}
	}
}
