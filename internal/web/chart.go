package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

const (
	longest  = 90 // days of a chart, as kpi.Past has them
	shortest = 28

	top, bottom = 4.0, 88.0 // of the line; the dates are below
)

// A chart draws the last value of each day. All places are on a scale of 0 to 100, from left to right and from top
// to bottom.
type chart struct {
	Days        int
	Path        string
	Lines       []line // the target and the limits
	Ticks       []tick
	Events      []event
	From, Until string
	Unit        measure.Unit // "" where the ticks say it
	Text        string       // for those who don't see it
	Weeks       []weekly
}

type (
	line struct {
		Y           float64
		Class, Text string
	}
	tick struct {
		Y    float64
		Text string
	}
	event struct {
		X    float64
		Date moment
		Text string
	}
	weekly struct {
		Until moment
		Value string // the last one; "" = not known
	}
)

// chart returns nil where there is nothing to draw.
func (v View) chart(s kpi.State, points []kpi.Point) *chart {
	if len(points) == 0 {
		return nil
	}
	first, last := points[0], points[len(points)-1]
	c := &chart{Days: min(max(int(math.Ceil(float64(v.Now.Sub(first.At))/float64(day))), shortest), longest)}
	lowest, highest := first.Value, first.Value
	for _, p := range points {
		lowest, highest = min(lowest, p.Value), max(highest, p.Value)
	}
	low, high := lowest, highest
	within := func(at float64) { low, high = min(low, at), max(high, at) }
	aim, limits := target(s.KPI), numbers(s.Limits)
	if aim != nil {
		within(aim.Value)
	}
	for _, l := range limits {
		within(l.At)
	}
	low, high = scale(low, high)
	if size := high - low; math.IsInf(size, 0) || math.IsNaN(size) {
		return nil
	}

	start := v.Now.Add(-time.Duration(c.Days) * day)
	x := func(t time.Time) float64 {
		return round(min(max(100*float64(t.Sub(start))/float64(v.Now.Sub(start)), 0), 100))
	}
	y := func(value float64) float64 { return round(bottom - (bottom-top)*(value-low)/(high-low)) }
	c.Path = path(points, x, y)
	if aim != nil {
		c.Lines = append(c.Lines, line{y(aim.Value), "aim", "target " + words.Exact(aim.Value, s.KPI.Unit)})
	}
	for _, l := range limits {
		side := "below "
		if upper(l) {
			side = "above "
		}
		c.Lines = append(c.Lines, line{y(l.At), severity(l).Class, l.Severity + " " + side + words.Quantity(l.At, s.KPI.Unit)})
	}
	unit := s.KPI.Unit
	if unit != measure.Ratio {
		c.Unit, unit = unit, ""
	}
	for _, at := range ticks(low, high) {
		c.Ticks = append(c.Ticks, tick{y(at), words.Exact(at, unit)})
	}
	for _, n := range v.Config.Notes {
		if n.Date.After(start) && !n.Date.After(v.Now) {
			c.Events = append(c.Events, event{x(n.Date), v.date(n.Date), n.Text})
		}
	}
	c.From, c.Until = start.In(v.Config.TimeZone).Format("2 January"), v.Now.In(v.Config.TimeZone).Format("2 January")
	quantity := func(value float64) string { return words.Quantity(value, s.KPI.Unit) }
	c.Text = fmt.Sprintf("A line from %s on %s to %s on %s; the lowest is %s, the highest %s.",
		quantity(first.Value), v.date(first.At).Text, quantity(last.Value), v.date(last.At).Text, quantity(lowest), quantity(highest))
	c.Weeks = v.weeks(points, start, s.KPI)
	return c
}

// path draws a line through the points, and none over a day without one.
func path(points []kpi.Point, x func(time.Time) float64, y func(float64) float64) string {
	var d strings.Builder
	for i, p := range points {
		if i > 0 && civil(p.At.UTC()).Sub(civil(points[i-1].At.UTC())) == day {
			fmt.Fprintf(&d, "L%v %v", x(p.At), y(p.Value))
		} else {
			fmt.Fprintf(&d, "M%v %vh0", x(p.At), y(p.Value)) // a day alone is a dot
		}
	}
	return d.String()
}

// weeks are the last values of the weeks that end now, the newest first.
func (v View) weeks(points []kpi.Point, start time.Time, k *config.KPI) []weekly {
	var all []weekly
	i := len(points) - 1
	for until := v.Now; until.After(start); until = until.Add(-7 * day) {
		w := weekly{Until: v.date(until)}
		if i >= 0 && points[i].At.After(until.Add(-7*day)) {
			w.Value = words.Quantity(points[i].Value, k.Unit)
		}
		for i >= 0 && points[i].At.After(until.Add(-7*day)) {
			i--
		}
		all = append(all, w)
	}
	return all
}

// scale leaves some room around what is drawn, and begins at zero unless that would be far away.
func scale(low, high float64) (from, to float64) {
	if low > 0 && low < high/2 {
		low = 0
	}
	room := (high - low) / 20
	switch {
	case low == 0 && high == 0:
		room = 1
	case room == 0:
		room = math.Abs(high) / 10
	}
	if low != 0 {
		low -= room
	}
	return low, high + room
}

// ticks are two or three round numbers between low and high.
func ticks(low, high float64) []float64 {
	for power := math.Pow(10, math.Floor(math.Log10(high-low))-1); ; power *= 10 {
		for _, factor := range []float64{1, 2, 2.5, 5} {
			step := factor * power
			from, to := math.Ceil(low/step), math.Floor(high/step)
			if to-from > 2 {
				continue
			}
			var all []float64
			for i := from; i <= to; i++ {
				all = append(all, i*step)
			}
			return all
		}
	}
}

func round(place float64) float64 { return math.Round(100*place) / 100 }
