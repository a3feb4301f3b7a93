package web

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

// A sheet is the page of one KPI.
type (
	sheet struct {
		row
		Style      template.CSS
		Now        moment
		Objective  *config.Objective
		Better     string // which way
		Baseline   string
		Chart      *chart
		Thresholds []threshold
		Counted    []part // what is counted, and per what
		Decisions  []*decision
	}
	threshold struct {
		status
		Limits  []verdict
		Sustain string
		Action  string
		Within  string
	}
	verdict struct {
		Limit string
		State string
		Since *moment
		Past  []past // breaches that are over, the newest first
	}
	past struct{ From, To moment }
	part struct {
		Role    string
		Name    string
		Help    string
		Value   string
		Basis   string
		Source  string
		Covered *moment
		Left    string // out
	}
)

func serveKPI(w http.ResponseWriter, v View, name string) {
	for _, o := range v.Config.Objectives {
		i := slices.IndexFunc(v.KPIs, func(s kpi.State) bool { return s.KPI.Name == name })
		if i >= 0 && slices.Contains(o.KPIs, v.KPIs[i].KPI) {
			servePage(w, "kpi.html", v.sheet(o, v.KPIs[i]))
			return
		}
	}
	say(w, http.StatusNotFound, "No KPI of this name is measured. It may be retired, or have another name now; the scorecard page has all of them.")
}

func (v View) sheet(o *config.Objective, s kpi.State) sheet {
	k := s.KPI
	was := v.Past(k)
	p := sheet{row: v.row(s), Style: template.CSS(style), Now: v.now(), Objective: o, Chart: v.chart(s, was.Points)}
	if k.Baseline != nil {
		p.Baseline = "began at " + words.Exact(k.Baseline.Value, k.Unit) + " on " + v.date(k.Baseline.Date).Text
	}
	if k.Status != config.Context {
		p.Better = better[k.Direction]
	}
	var previous *config.Threshold
	for _, l := range s.Limits {
		if l.Threshold != previous {
			t := l.Threshold
			p.Thresholds = append(p.Thresholds, threshold{status: severity(l), Sustain: words.Span(t.Sustain), Action: t.Action, Within: words.Span(t.Within)})
		}
		previous = l.Threshold
		of := &p.Thresholds[len(p.Thresholds)-1]
		of.Limits = append(of.Limits, v.verdict(l, was.Breaches, k))
	}
	for _, d := range slices.Backward(k.Decisions) {
		p.Decisions = append(p.Decisions, v.decision(d))
	}

	value := func(known bool, value float64) string {
		if !known {
			return "not known"
		}
		return words.Quantity(value, "")
	}
	if k.Per == nil {
		p.Counted = []part{v.part("", k.Measure, k.Platform)}
	} else {
		p.Counted = []part{v.part("Numerator", k.Measure, k.Platform), v.part("Denominator", *k.Per, k.Platform)}
		p.Counted[0].Value, p.Counted[1].Value = value(s.Known, s.Numerator), value(s.Known, s.Denominator)
	}
	return p
}

var better = map[config.Direction]string{
	config.Higher: "higher is better",
	config.Lower:  "lower is better",
	config.Range:  "neither too low nor too high is best",
}

// verdict says how the value stands to a limit, and when it was beyond it.
func (v View) verdict(l kpi.Limit, over []kpi.Breach, k *config.KPI) verdict {
	is := verdict{Limit: describe(l, k.Unit), Since: v.known(l.Start)}
	for _, b := range over {
		if b.Severity == l.Severity && b.Condition == l.Condition {
			is.Past = append(is.Past, past{v.moment(b.Start), v.moment(b.End)})
		}
	}
	switch {
	case k.Status == config.Proposed:
		is.State = "no verdict while the KPI is proposed"
	case l.Breached:
		is.State = "crossed"
	case is.Since != nil:
		is.State = "beyond it, and not yet for as long as agreed"
	default:
		is.State = "not crossed"
	}
	return is
}

// metrics says for people what the help of metrics refers to.
var metrics = strings.NewReplacer("intranet_accounts", "the accounts that are counted", "intranet_people", "the people who are counted")

// part says what a measure counts, and what it rests on.
func (v View) part(role string, ref measure.Ref, platform string) part {
	def, _ := measure.Lookup(ref.Measure)
	p := part{Role: role, Name: words.What(ref), Help: metrics.Replace(def.Help)}
	of := poll.Status{Platform: v.Config.People, Snapshot: v.People}
	if platform != config.People {
		i := slices.IndexFunc(v.Statuses, func(s poll.Status) bool { return s.Platform.Name == platform })
		if i < 0 {
			return p
		}
		of = v.Statuses[i]
	}
	delivered := of.Platform.Description.Measures()
	i := slices.IndexFunc(delivered, func(d collector.Delivered) bool { return d.Ref == ref })
	if i < 0 {
		return p
	}
	d := delivered[i]
	p.Basis, p.Source, p.Left = words.Bases[d.Basis], d.Source, leftOut(of.Platform, d.Basis)
	if d.Title != "" {
		p.Help = d.Title
	}
	if of.Snapshot != nil && d.Basis == measure.Event {
		var since time.Time
		for _, kind := range def.Kinds {
			if t := of.Snapshot.CoveredSince[kind]; t.After(since) {
				since = t
			}
		}
		p.Covered = v.known(since)
	}
	return p
}

// leftOut says what a number does not count.
func leftOut(p *config.Platform, basis measure.Basis) string {
	switch {
	case basis == measure.Joined:
		return "" // the platforms that take part say it
	case basis == measure.Reported:
		return "The platform counts by itself."
	case p.Description.Accounts == nil:
		return "The platform lists no accounts, so that everybody counts."
	}
	out := []string{"the exporter's own account", "accounts of services"}
	if p.Exclude.Guests {
		out = append(out, "guests")
	}
	if len(p.Exclude.Accounts) > 0 {
		out = append(out, "accounts left out by name")
	}
	if basis != measure.Event { // who has left since still did what they did
		out = append(out, "disabled accounts")
	}
	return "Not counted: " + list(out) + "."
}
