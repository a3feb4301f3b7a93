package app

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// Check reads the config file and writes what it amounts to, and what should be looked at.
func Check(file string, out io.Writer) error {
	cfg, err := load(file, func(string, string) {})
	if err != nil {
		var problems config.Problems
		if errors.As(err, &problems) {
			return fmt.Errorf("%w\nproblems: %d; nothing of the file is used until they are mended", err, len(problems))
		}
		return err
	}
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintln(out, "warning:", w.Error())
	}
	_, _ = fmt.Fprintf(out, "%s is valid: platforms %d, objectives %d, KPIs %d.\n\n", file, len(cfg.Platforms), len(cfg.Objectives), len(cfg.KPIs()))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range cfg.Platforms {
		_, _ = fmt.Fprintf(w, "platform %s\t%s\tpolled every %s\n", p.Name, p.Type, p.PollInterval)
		var names []string
		for _, m := range p.Description.Measures() {
			name := measure.Ref{Measure: m.Measure, Label: m.Label}.String()
			if len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		_, _ = fmt.Fprintf(w, "\tdelivers\t%s\n", strings.Join(names, ", "))
	}
	for _, k := range cfg.KPIs() {
		_, _ = fmt.Fprintf(w, "KPI %s\t%s\t%s of %s\n", k.Name, k.Title, k.Measure, k.Platform)
		for _, t := range []struct {
			severity string
			*config.Threshold
		}{{"warns", k.Warning}, {"is critical", k.Critical}} {
			if t.Threshold != nil {
				_, _ = fmt.Fprintf(w, "\t%s\t%s\n", t.severity, limits(t.Threshold))
			}
		}
	}
	return w.Flush()
}

// limits says when a threshold is crossed, and what then.
func limits(t *config.Threshold) string {
	var sides []string
	if t.Below != nil {
		sides = append(sides, fmt.Sprintf("below %g", *t.Below))
	}
	if t.Above != nil {
		sides = append(sides, fmt.Sprintf("above %g", *t.Above))
	}
	return fmt.Sprintf("%s for %s; then: %s", strings.Join(sides, " or "), t.Sustain, t.Action)
}
