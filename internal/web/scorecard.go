package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of the page and its style
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

// A View is what the scorecard page shows: the same that the metrics are built from.
type View struct {
	Now      time.Time
	Statuses []poll.Status
	KPIs     []kpi.State
	Config   *config.Config
}

var (
	//go:embed scorecard.css
	style string
	//go:embed scorecard.html
	markup string

	scorecard = template.Must(template.New("scorecard").Parse(markup))

	// The page has one style of its own; nothing else may be loaded or run in it.
	policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" + digest(style) + "'"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func serveScorecard(w http.ResponseWriter, v View) {
	var out bytes.Buffer // nobody gets half a page
	if err := scorecard.Execute(&out, v.page()); err != nil {
		panic(err) // a mistake in the template
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes())
}

// Everything is put into words here; the template only says what stands where.
type (
	page struct {
		Style      template.CSS
		Now        moment
		Summary    []count
		Objectives []objective
		Platforms  []platform
	}
	count struct {
		N int
		status
	}
	objective struct {
		*config.Objective
		Rows []row
	}
	row struct {
		*config.KPI
		What      string // is measured
		Value     string // "" = not known
		Parts     string // of a ratio
		Status    status
		Since     *moment
		Notes     []string
		Action    string // to be done now
		Within    string
		Aims      []string // target and limits
		Review    moment
		ReviewDue bool
		Data      *moment
	}
	platform struct {
		*config.Platform
		Status status
		Since  *moment
		Notes  []string
		Data   []data
	}
	data struct {
		Of    string
		Until moment
	}
)

// A status is a verdict as a word and a sign: colour alone says nothing to some, and nothing in print.
type status struct{ Word, Sign, Class string }

var (
	critical  = status{"critical", "●", "crit"}
	warning   = status{"warning", "▲", "warn"}
	unknown   = status{"no data", "○", "off"}
	warmingUp = status{"warming up", "○", "off"}
	fine      = status{"within limits", "✓", "ok"}
	unlimited = status{"no limits", "–", "off"}

	works     = status{"works", "✓", "ok"}
	fails     = status{"fails", "●", "crit"}
	notPolled = status{"not polled yet", "○", "off"}
)

func (v View) page() page {
	p := page{Style: template.CSS(style), Now: v.moment(v.Now)}
	p.Now.Text = v.Now.In(v.Config.TimeZone).Format("Monday 2 January 2006, 15:04")
	states := map[string]kpi.State{}
	for _, s := range v.KPIs {
		states[s.KPI.Name] = s
	}
	counts := map[status]int{}
	for _, o := range v.Config.Objectives {
		shown := objective{Objective: o}
		for _, k := range o.KPIs {
			if s, ok := states[k.Name]; ok {
				r := v.row(s)
				counts[r.Status]++
				shown.Rows = append(shown.Rows, r)
			}
		}
		p.Objectives = append(p.Objectives, shown)
	}
	for _, s := range []status{critical, warning, unknown, warmingUp, fine, unlimited} {
		if n := counts[s]; n > 0 {
			p.Summary = append(p.Summary, count{n, s})
		}
	}
	for _, s := range v.Statuses {
		p.Platforms = append(p.Platforms, v.platform(s))
	}
	return p
}

func (v View) row(s kpi.State) row {
	k := s.KPI
	r := row{KPI: k, What: words.What(k.Measure), Review: v.day(k.Review), ReviewDue: k.Review.Before(v.Now), Data: v.known(s.Data)}
	if k.Per != nil {
		r.What += " ÷ " + words.What(*k.Per)
	}
	if s.Known {
		r.Value = words.Quantity(s.Value, k.Unit)
		if k.Per != nil {
			r.Parts = words.Quantity(s.Numerator, "") + " of " + words.Quantity(s.Denominator, "")
		}
	}
	if k.Target != nil {
		aim := "target " + words.Quantity(k.Target.Value, k.Unit)
		if !k.Target.By.IsZero() {
			aim += " by " + v.day(k.Target.By).Text
		}
		r.Aims = append(r.Aims, aim)
	}
	for _, l := range s.Limits {
		r.Aims = append(r.Aims, l.Severity+" "+l.Condition+" "+words.Quantity(l.At, k.Unit))
	}

	r.Status = fine
	switch worst := worst(s.Limits); {
	case worst != nil:
		r.Status = warning
		if worst.Severity == "critical" {
			r.Status = critical
		}
		r.Since = v.known(worst.Start)
		r.Action, r.Within = worst.Threshold.Action, words.Span(worst.Threshold.Within)
		if !s.Known {
			r.Notes = append(r.Notes, "There is no value now; the last verdict stands.")
		}
	case s.WarmingUp:
		r.Status = warmingUp
		if !s.Expected.IsZero() {
			r.Notes = append(r.Notes, "The first value is expected on "+v.moment(s.Expected).Text+".")
		}
	case !s.Known:
		r.Status = unknown
	case len(s.Limits) == 0:
		r.Status = unlimited
	}
	for _, l := range s.Limits {
		if !l.Breached && !l.Start.IsZero() {
			note := "It is " + l.Condition + " " + words.Quantity(l.At, k.Unit) + " since " + v.moment(l.Start).Text
			if l.Threshold.Sustain > 0 {
				note += ", and counts as " + l.Severity + " after " + words.Span(l.Threshold.Sustain)
			}
			r.Notes = append(r.Notes, note+".")
		}
	}
	return r
}

// worst returns the first breached limit of the highest severity, nil if none is breached.
func worst(limits []kpi.Limit) *kpi.Limit {
	for _, severity := range []string{"critical", "warning"} {
		i := slices.IndexFunc(limits, func(l kpi.Limit) bool { return l.Breached && l.Severity == severity })
		if i >= 0 {
			return &limits[i]
		}
	}
	return nil
}

func (v View) platform(s poll.Status) platform {
	p := platform{Platform: s.Platform}
	switch {
	case s.Failing != "":
		p.Status, p.Since = fails, v.known(s.FailingSince)
		p.Notes = append(p.Notes, string(s.Failing)+": "+words.Causes[s.Failing]+" The log has the details.")
	case s.Success:
		p.Status = works
	default:
		p.Status = notPolled
	}
	if !s.LastSuccess.IsZero() {
		p.Notes = append(p.Notes, "Last poll that succeeded: "+v.moment(s.LastSuccess).Text+".")
	}
	for _, permission := range s.Platform.Description.Permissions {
		if granted, known := s.Granted[permission.Name]; known && !granted {
			p.Notes = append(p.Notes, "The permission "+permission.Name+" is missing.")
		}
	}
	oldest := s.Snapshot.Oldest()
	for _, b := range measure.Bases {
		if t, ok := oldest[b]; ok {
			p.Data = append(p.Data, data{words.Bases[b], v.moment(t)})
		}
	}
	if s.Snapshot != nil && len(s.Snapshot.Expected) > 0 {
		last := slices.MaxFunc(slices.Collect(maps.Values(s.Snapshot.Expected)), time.Time.Compare)
		p.Notes = append(p.Notes, "Its history is still being gathered: all windows are covered on "+v.moment(last).Text+".")
	}
	return p
}
