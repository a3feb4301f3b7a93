package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

const day = 24 * time.Hour

// A moment is a time for people and for machines.
type moment struct{ Text, Machine string }

// moment writes the time of day only where it still matters, and a weekday only where it is clear which.
func (v View) moment(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	layout := "2 January 2006"
	switch days := civil(t).Sub(civil(v.Now.In(v.Config.TimeZone))) / day; {
	case days == 0:
		layout = "today, 15:04"
	case days == 1:
		layout = "tomorrow, 15:04"
	case days == -1:
		layout = "yesterday, 15:04"
	case -7 < days && days < 0:
		layout = "Monday, 15:04"
	}
	return moment{t.Format(layout), t.Format(time.RFC3339)}
}

// now is the moment that a page is of.
func (v View) now() moment {
	return moment{v.Now.In(v.Config.TimeZone).Format("Monday 2 January 2006, 15:04"), v.moment(v.Now).Machine}
}

// civil returns t's day, all of which are equally long.
func civil(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func (v View) date(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	return moment{t.Format("2 January 2006"), t.Format(time.DateOnly)}
}

// known returns nil for the zero time.
func (v View) known(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	m := v.moment(t)
	return &m
}

// age says how old something is that was true at t, and returns nil for the zero time.
func (v View) age(t time.Time) *moment {
	m := v.known(t)
	if m == nil {
		return nil
	}
	switch d := v.Now.Sub(t); {
	case d < time.Minute:
		m.Text = "less than a minute old"
	case d < time.Hour:
		m.Text = words.Count(int64(d/time.Minute), "minute") + " old"
	case d < 2*day:
		m.Text = words.Count(int64(d/time.Hour), "hour") + " old"
	default:
		m.Text = words.Count(int64(d/day), "day") + " old"
	}
	return m
}

// role writes a slug as people say it.
func role(slug string) string { return strings.NewReplacer("-", " ", "_", " ").Replace(slug) }

// attainment says how far a KPI is from its target, or from its range where that is what it aims at. It returns ""
// where there is nothing to compare.
func attainment(s kpi.State) string {
	k := s.KPI
	if !s.Known {
		return ""
	}
	if k.Direction == config.Range {
		within := ""
		for _, l := range s.Limits {
			switch {
			case l.Condition == "below" && s.Value < l.At, l.Condition == "above" && s.Value > l.At:
				return distance(math.Abs(s.Value-l.At), k.Unit, l.Condition, "the range")
			case l.Condition == "below", l.Condition == "above":
				within = "Within the range"
			}
		}
		return within
	}
	aim := target(k)
	switch {
	case aim == nil:
		return ""
	case k.Direction == config.Lower && s.Value <= aim.Value, k.Direction == config.Higher && s.Value >= aim.Value:
		return "Target reached"
	case k.Direction == config.Lower:
		return distance(s.Value-aim.Value, k.Unit, "above", "the target")
	case k.Unit == measure.Ratio, s.Value < 0, aim.Value <= 0:
		return distance(aim.Value-s.Value, k.Unit, "below", "the target")
	}
	percent := math.Floor(100*s.Value/aim.Value + 1e-9) // what is not reached is never 100 %, and 1e-9 is for binary fractions
	if percent == 0 && s.Value > 0 {
		return "Less than 1\u00a0% of the target"
	}
	return words.Quantity(percent/100, measure.Ratio) + " of the target"
}

// distance says how far a value is from where it should be: two shares are points apart, not percent.
func distance(d float64, unit measure.Unit, side, from string) string {
	if unit == measure.Ratio {
		d, unit = 100*d, "points"
	}
	d = math.Round(10*d) / 10
	if d == 0 {
		return "Just " + side + " " + from
	}
	return words.Quantity(d, unit) + " " + side + " " + from
}

// target returns nil for a KPI that has none, or is there to explain others.
func target(k *config.KPI) *config.Target {
	if k.Status == config.Context {
		return nil
	}
	return k.Target
}

// A change says how a value moved, and shows which way.
type change struct{ Arrow, Text string }

// moved says how a value moved within 28 days, and whether that is what was hoped for. It returns nil where there
// is no value.
func moved(s kpi.State) *change {
	switch {
	case !s.Known:
		return nil
	case s.Earlier == nil:
		return &change{"", "change in 28\u00a0days not known yet"}
	}
	k, factor, places := s.KPI, 1.0, 2
	var unit, points measure.Unit // the value has the unit already
	if k.Unit == measure.Ratio {
		factor, places, unit, points = 100, 1, measure.Ratio, "points"
	}
	shown := func(v float64) float64 { // the difference is that of the numbers that people see
		v, _ = strconv.ParseFloat(strconv.FormatFloat(factor*v, 'f', places, 64), 64)
		return v
	}
	by := shown(s.Value) - shown(*s.Earlier)
	arrow, way, better := "↑", "up ", config.Higher
	switch {
	case by == 0:
		return &change{"→", "unchanged in 28\u00a0days"}
	case by < 0:
		arrow, way, better = "↓", "down ", config.Lower
	}
	text := way + words.Quantity(math.Abs(by), points) + " from " + words.Quantity(*s.Earlier, unit) + " in 28\u00a0days"
	switch {
	case k.Status == config.Context, k.Direction == config.Range:
	case k.Direction == better:
		text += ", for the better"
	default:
		text += ", for the worse"
	}
	return &change{arrow, text}
}

// beyond says on which side of a limit the value has crossed it: "below 25 pages", "more than 20 % below 28 days
// earlier".
func beyond(l kpi.Limit, unit measure.Unit) string {
	against := words.Span(l.Threshold.Against) + " earlier"
	switch l.Condition {
	case "drop":
		return "more than " + words.Exact(*l.Threshold.Drop, measure.Ratio) + " below " + against
	case "rise":
		return "more than " + words.Exact(*l.Threshold.Rise, measure.Ratio) + " above " + against
	}
	return l.Condition + " " + words.Exact(l.At, unit)
}

// describe says what a limit is, and what it amounts to today.
func describe(l kpi.Limit, unit measure.Unit) string {
	text := beyond(l, unit)
	switch {
	case l.WarmingUp:
		return text + "; what that was is not known yet"
	case l.Condition == "drop":
		return text + "; today that is below " + words.Quantity(l.At, unit)
	case l.Condition == "rise":
		return text + "; today that is above " + words.Quantity(l.At, unit)
	}
	return text
}

// absence says why a KPI has no value.
func (v View) absence(s kpi.State) string {
	i := slices.IndexFunc(v.Statuses, func(p poll.Status) bool { return p.Platform.Name == s.KPI.Platform })
	switch {
	case s.WarmingUp && !s.Expected.IsZero():
		return "Its first value comes " + from(v.moment(s.Expected)) + "."
	case s.KPI.Platform == config.People:
		return v.lacking()
	case i < 0:
		return ""
	case v.Statuses[i].Failing != "":
		return v.failure(v.Statuses[i]) + "."
	case !v.Statuses[i].Success:
		return waiting(v.Statuses[i])
	case !s.Data.IsZero() && v.Now.Sub(s.Data) > v.Statuses[i].Platform.MaxAge:
		return "Its numbers became too old to be shown."
	}
	return "The platform tells no number for it."
}

// lacking says which platforms have no share in the people now, or "" if all have.
func (v View) lacking() string {
	var names []string
	for _, s := range v.Statuses {
		if s.Platform.Part == nil {
			continue
		}
		lacks := s.Snapshot == nil || s.Snapshot.Members == nil
		if !lacks {
			for _, at := range s.Snapshot.Members.AsOf {
				lacks = lacks || v.Now.Sub(at) > s.Platform.MaxAge
			}
		}
		if lacks {
			names = append(names, s.Platform.Name)
		}
	}
	if names == nil {
		return ""
	}
	return "Nothing new is known of " + list(names) + ", and without that the number of people would be too small."
}

// waiting says what a platform waits for that neither works nor fails.
func waiting(s poll.Status) string {
	if s.LastSuccess.IsZero() {
		return "The first poll is running; it reads what happened before, which may take hours."
	}
	return "The last poll before the exporter was started failed; the next one is running."
}

// failures says what a platform has done that fails, to people who don't run the exporter.
var failures = map[cause.Cause]string{
	cause.Auth:        "has refused the exporter's password or token",
	cause.Permission:  "has not shown the exporter all that it must see",
	cause.RateLimited: "has asked the exporter to come back later",
	cause.Timeout:     "has not answered in time",
	cause.Unavailable: "has been out of reach",
	cause.BadResponse: "has given answers that can't be right",
	cause.Other:       "has not been read, for a reason that the exporter's log tells,",
}

// failure says since when a platform fails, and how, without a full stop.
func (v View) failure(s poll.Status) string {
	text := "The platform " + failures[s.Failing]
	if !s.FailingSince.IsZero() {
		text += " since " + v.moment(s.FailingSince).Text
	}
	return text
}

// health puts into words what people should know about a platform.
func (v View) health(s poll.Status) (status, []string) {
	values, old, newest := 0, 0, time.Time{}
	if s.Snapshot != nil {
		values = len(s.Snapshot.Values)
		old = values - len(s.Snapshot.Fresh(v.Now, s.Platform.MaxAge).Values)
		for _, value := range s.Snapshot.Values {
			if value.AsOf.After(newest) {
				newest = value.AsOf
			}
		}
	}
	state, notes := works, []string(nil)
	switch {
	case s.Failing != "":
		state = fails
		text := v.failure(s)
		switch {
		case values == 0:
			text += "; there are no numbers yet"
		case old == values:
			text += "; its numbers became too old to be shown"
		case newest.After(s.FailingSince):
			text += "; some numbers still come in"
		default:
			text += "; the numbers are from then"
		}
		notes = append(notes, text+".")
	case !s.Success:
		state = waits
		notes = append(notes, waiting(s))
	case old > 0:
		notes = append(notes, "Some of its numbers became too old to be shown.")
	}
	notes = append(notes, v.covered(s.Platform, s.Snapshot)...)
	for _, p := range s.Platform.Description.Permissions {
		if granted, known := s.Granted[p.Name]; known && !granted {
			note := "The permission “" + p.Name + "” is missing"
			if p.Lost != "" {
				note += "; it costs " + strings.TrimSuffix(p.Lost, ".")
			}
			notes = append(notes, note+".")
		}
	}
	return state, notes
}

// covered says from when on there are values over windows that the known events do not fill yet.
func (v View) covered(p *config.Platform, s *tally.Snapshot) []string {
	if s == nil {
		return nil
	}
	var notes []string
	for _, window := range measure.Windows {
		windowed := 0
		var order []string // of moments
		missing := map[string][]string{}
		for _, d := range p.Description.Measures() {
			if d.Window != window {
				continue
			}
			windowed++
			if expected, ok := s.Expected[d.Ref]; ok {
				at := v.moment(expected)
				if missing[at.Text] == nil {
					order = append(order, at.Text)
				}
				missing[at.Text] = append(missing[at.Text], words.What(measure.Ref{Measure: d.Measure, Label: d.Label}))
			}
		}
		for _, at := range order {
			note := fmt.Sprintf("%d-day values", time.Duration(window)/day)
			if len(missing[at]) < windowed {
				note += " of " + list(missing[at])
			}
			notes = append(notes, note+" come from "+at+" on.")
		}
	}
	return notes
}

// from says when something begins.
func from(m moment) string { return "from " + m.Text + " on" }

// left says what accounts are that are not counted, by the reason.
var left = map[string]string{
	"own":      "of the exporter itself",
	"service":  "of services",
	"guest":    "of guests",
	"pattern":  "left out by name",
	"disabled": "disabled",
}

// accounts says how many accounts count, and why others do not.
func accounts(s *tally.Snapshot) string {
	counted, ok := s.Value(measure.Ref{Measure: "accounts"})
	if !ok {
		return ""
	}
	text := words.Count(int64(counted.Value), "account") + " counted"
	var reasons []string
	excluded, told := 0.0, false
	for _, e := range s.Values {
		if e.Measure != "accounts_excluded" {
			continue
		}
		told = true
		if e.Value > 0 {
			reasons = append(reasons, words.Quantity(e.Value, "")+" "+left[e.Label])
			excluded += e.Value
		}
	}
	switch {
	case !told:
		return text + "."
	case excluded == 0:
		return text + ", none left out."
	}
	return text + ", " + words.Quantity(excluded, "") + " not: " + list(reasons) + "."
}

// joined says how many people there are across platforms, and whose accounts are of none of them.
func joined(s *tally.Snapshot) string {
	all, ok := s.Value(measure.Ref{Measure: "people"})
	if !ok {
		return ""
	}
	var without []string
	for _, v := range s.Values {
		if v.Measure == "accounts_unjoined" && v.Value > 0 {
			without = append(without, words.Quantity(v.Value, "")+" of "+v.Label)
		}
	}
	text := words.Quantity(all.Value, "people")
	if without == nil {
		return text + ", with all accounts that count."
	}
	return text + "; accounts of nobody among them: " + list(without) + "."
}

// list joins what is said one after the other: "a, b and c".
func list(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}
