package exposition

import (
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// BenchmarkScrape compares a scrape of 2,000 series that were built once with one of as many live gauges.
func BenchmarkScrape(b *testing.B) {
	const series = 2000
	built, live := builder{}, prometheus.NewRegistry()
	gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "intranet_logins", Help: "Logins."}, []string{"platform", "window"})
	live.MustRegister(gauges)
	for i := range series {
		built.add("intranet_logins", float64(i), strconv.Itoa(i), "7d")
		gauges.WithLabelValues(strconv.Itoa(i), "7d").Set(float64(i))
	}
	var newest Gatherer
	newest.Set(built.sorted())

	for name, gatherer := range map[string]prometheus.Gatherer{"built": prometheus.Gatherers{&newest, prometheus.NewRegistry()}, "live": live} {
		b.Run(name, func(b *testing.B) {
			handler := promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{DisableCompression: true})
			request := httptest.NewRequest("GET", "/metrics", nil)
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
