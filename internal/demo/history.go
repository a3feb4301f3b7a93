package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

const (
	// A query of one moment looks back for five minutes, so samples should not be further apart. A whole year of
	// them would be gigabytes, so only the last day is like that; before, there is a sample an hour.
	fineStep   = 5 * time.Minute
	fineSpan   = 24 * time.Hour
	coarseStep = time.Hour

	// The labels that Prometheus adds to what it scrapes from a demo.
	historyJob      = "intranet"
	historyInstance = "localhost:10042"
)

// Moments returns when a history of some length has samples.
func Moments(length time.Duration, end time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		end := end.Truncate(fineStep)
		for t := end.Add(-length).Truncate(coarseStep); !t.After(end); {
			if !yield(t) {
				return
			}
			if end.Sub(t) > fineSpan {
				t = t.Add(coarseStep)
			} else {
				t = t.Add(fineStep)
			}
		}
	}
}

// WriteHistory writes what Prometheus would have seen of an exporter that ran for some length until end, as
// OpenMetrics. tell is told how far it is.
func WriteHistory(ctx context.Context, w io.Writer, seed uint64, length time.Duration, end time.Time, tell func(time.Time)) (err error) {
	if longest := end.Sub(founded) - 2*measure.Longest; length > longest {
		return fmt.Errorf("a history of %s reaches back to before the organisation; the longest is %s", model.Duration(length), model.Duration(longest.Truncate(24*time.Hour)))
	}
	i, err := Open(ctx, seed, end, end.Add(-length-measure.Longest-coarseStep))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	own, err := processFamilies(end.Add(-length))
	if err != nil {
		return err
	}
	h := history{}
	external := &url.URL{Scheme: "http", Host: historyInstance, Path: "/"}
	err = i.Relive(ctx, nil, Moments(length, end), func(m Moment) error {
		h.add(m.Now, exposition.Build(m.Now, m.Statuses, m.People, m.KPIs, m.Config, external))
		h.add(m.Now, own)
		tell(m.Now)
		return nil
	})
	if err != nil {
		return err
	}
	return h.write(w)
}

// processFamilies is what an exporter that was started at a time says of itself, but for the machine's part of it.
func processFamilies(start time.Time) ([]*dto.MetricFamily, error) {
	all, err := exposition.NewProcess(start, func() bool { return true }).Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics of the process: %w", err)
	}
	return slices.DeleteFunc(all, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "intranet_") }), nil
}

// A history holds metrics by name.
type history map[string]*metric

type metric struct {
	kind, help string
	series     map[string][]sample // by name and labels, as they are written
}

type sample struct {
	at    time.Time
	value float64
}

// add takes in what a scrape at a time would have got.
func (h history) add(at time.Time, families []*dto.MetricFamily) {
	for _, f := range families {
		name := f.GetName()
		if h[name] == nil {
			h[name] = &metric{kind: strings.ToLower(f.GetType().String()), help: f.GetHelp(), series: map[string][]sample{}}
		}
		for _, m := range f.Metric {
			value := m.GetGauge().GetValue()
			if m.Counter != nil {
				value = m.Counter.GetValue()
			}
			series := seriesName(name, m.Label)
			h[name].series[series] = append(h[name].series[series], sample{at, value})
		}
	}
}

func seriesName(name string, labels []*dto.LabelPair) string {
	var b strings.Builder
	b.WriteString(name + `{instance="` + historyInstance + `",job="` + historyJob + `"`)
	for _, l := range labels {
		b.WriteString("," + l.GetName() + `="` + escape.Replace(l.GetValue()) + `"`)
	}
	b.WriteString("}")
	return b.String()
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// write writes metric after metric and series after series, as OpenMetrics wants them.
func (h history) write(out io.Writer) error {
	w := bufio.NewWriterSize(out, 1<<20) // it keeps the first error
	var line []byte
	for _, name := range slices.Sorted(maps.Keys(h)) {
		m := h[name]
		family := name
		if m.kind == "counter" {
			family = strings.TrimSuffix(name, "_total")
		}
		_, _ = fmt.Fprintf(w, "# HELP %[1]s %s\n# TYPE %[1]s %[3]s\n", family, escape.Replace(m.help), m.kind)
		for _, series := range slices.Sorted(maps.Keys(m.series)) {
			for _, s := range m.series[series] {
				line = append(append(line[:0], series...), ' ')
				line = append(strconv.AppendFloat(line, s.value, 'g', -1, 64), ' ')
				line = append(strconv.AppendInt(line, s.at.Unix(), 10), '\n')
				_, _ = w.Write(line)
			}
		}
	}
	_, _ = w.WriteString("# EOF\n")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}
