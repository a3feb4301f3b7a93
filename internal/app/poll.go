package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/expfmt"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
)

// errPoll says that a platform could not be polled; why was logged.
var errPoll = errors.New("not every platform told all that was due")

// Poll polls the named platform, or all for "", once and in memory, and writes the outcome to out as a table
// or as metrics. It returns an error if anything that was due failed.
func Poll(ctx context.Context, file, platform, format string, out io.Writer, logger log.Logger) error {
	var p *poll.Poller
	cfg, err := load(file, func(platform, code string) { p.CountRequest(platform, code) })
	if err != nil {
		return err
	}
	if platform != "" {
		var names []string
		for _, c := range cfg.Platforms {
			names = append(names, c.Name)
		}
		if !slices.Contains(names, platform) {
			return fmt.Errorf("%s has no platform %q; it has %s", file, platform, strings.Join(names, ", "))
		}
		cfg.Platforms = slices.DeleteFunc(cfg.Platforms, func(c *config.Platform) bool { return c.Name != platform })
	}
	p = poll.New(nil, []byte("kept nowhere"), logger, func() {})
	p.Configure(cfg)
	p.Once(ctx)
	statuses := p.Statuses()
	if format == "metrics" {
		err = writeMetrics(out, cfg, statuses)
	} else {
		err = writeTable(out, statuses)
	}
	if err == nil && slices.ContainsFunc(statuses, func(s poll.Status) bool { return !s.Success }) {
		err = errPoll
	}
	return err
}

func writeMetrics(out io.Writer, cfg *config.Config, statuses []poll.Status) error {
	engine, _, err := kpi.Open(nil)
	if err != nil {
		return err
	}
	engine.Configure(cfg.KPIs())
	now := time.Now()
	states := engine.Update(now, sources(statuses))
	for _, family := range exposition.Build(now, statuses, states, cfg, &url.URL{}) {
		if _, err := expfmt.MetricFamilyToText(out, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

func writeTable(out io.Writer, statuses []poll.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PLATFORM\tMEASURE\tWINDOW\tVALUE\tBASIS\tDATA UNTIL")
	for _, s := range statuses {
		for _, v := range s.Snapshot.Values {
			name := v.Measure
			if v.Label != "" {
				name += "." + v.Label
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.6g\t%s\t%s\n", s.Platform.Name, name, v.Window, v.Value, v.Basis, v.AsOf.UTC().Format(time.RFC3339))
		}
	}
	return w.Flush()
}
