package exposition

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
)

// A Process is the registry of what concerns the exporter itself: its build, its config file, its state on
// disk, and the Go runtime.
type Process struct {
	*prometheus.Registry
	reloaded   prometheus.Gauge
	reloadedAt prometheus.Gauge
}

// NewProcess returns the registry of a process that has just read its config file. writable tells whether the last
// write of its state succeeded.
func NewProcess(now time.Time, writable func() bool) *Process {
	p := &Process{
		Registry: prometheus.NewRegistry(),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "intranet_config_last_reload_successful",
			Help: "Whether the config file was valid when it was last read; if not, the one before stays in force.",
		}),
		reloadedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "intranet_config_last_reload_success_timestamp_seconds",
			Help: "When the config file that is in force was read.",
		}),
	}
	p.MustRegister(p.reloaded, p.reloadedAt,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "intranet_state_writable",
			Help: "Whether the last write of state to disk succeeded; while it does not, a restart loses what was counted since.",
		}, func() float64 { return number(writable()) }),
		version.NewCollector("intranet_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	p.Reloaded(now, nil)
	return p
}

// Reloaded notes how reading the config file anew went.
func (p *Process) Reloaded(now time.Time, err error) {
	p.reloaded.Set(number(err == nil))
	if err == nil {
		p.reloadedAt.Set(timestamp(now))
	}
}
