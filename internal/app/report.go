package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// What check writes with --format=json. Keys are only ever added.
type (
	report struct {
		Valid     bool             `json:"valid"`
		Errors    []problem        `json:"errors"`
		Warnings  []problem        `json:"warnings"`
		Platforms []platformReport `json:"platforms"`
		KPIs      []kpiReport      `json:"kpis"`
		Notes     []noteReport     `json:"notes"`
	}
	problem struct {
		File string `json:"file,omitzero"`
		Line int    `json:"line,omitzero"`
		Key  string `json:"key,omitzero"`
		Text string `json:"text"`
	}
	platformReport struct {
		Name         string            `json:"name"`
		Type         string            `json:"type"`
		PollInterval float64           `json:"poll_interval_seconds"`
		Measures     []measureReport   `json:"measures"`
		Undelivered  map[string]string `json:"undelivered"` // why, by measure
	}
	measureReport struct {
		Measure string        `json:"measure"` // as the config file has it
		Window  string        `json:"window,omitzero"`
		Unit    measure.Unit  `json:"unit"`
		Basis   measure.Basis `json:"basis"`
		Source  string        `json:"source"`
	}
	kpiReport struct {
		Name         string           `json:"name"`
		Title        string           `json:"title"`
		Why          string           `json:"why,omitzero"`
		Objective    string           `json:"objective"`
		Status       config.Status    `json:"status"`
		Reason       string           `json:"reason,omitzero"`
		Platform     string           `json:"platform"`
		Measure      string           `json:"measure"`
		Window       string           `json:"window,omitzero"`
		Per          string           `json:"per,omitzero"`
		Unit         measure.Unit     `json:"unit"`
		Direction    config.Direction `json:"direction"`
		Baseline     *float64         `json:"baseline,omitzero"`
		BaselineDate string           `json:"baseline_date,omitzero"`
		Target       *float64         `json:"target,omitzero"`
		TargetBy     string           `json:"target_by,omitzero"`
		Owner        string           `json:"owner"`
		Review       string           `json:"review"`
		Limits       []limitReport    `json:"limits"`
		Decisions    []decisionReport `json:"decisions"`
	}
	decisionReport struct {
		Date     string `json:"date"`
		Decision string `json:"decision"`
		Why      string `json:"why"`
	}
	noteReport struct {
		Date string `json:"date"`
		Text string `json:"text"`
	}
	limitReport struct {
		Severity string   `json:"severity"`
		Below    *float64 `json:"below,omitzero"`
		Above    *float64 `json:"above,omitzero"`
		Drop     *float64 `json:"drop,omitzero"`
		Rise     *float64 `json:"rise,omitzero"`
		Against  float64  `json:"against_seconds,omitzero"`
		Sustain  float64  `json:"sustain_seconds"`
		Action   string   `json:"action"`
		Within   float64  `json:"within_seconds,omitzero"`
		Text     string   `json:"text"` // all of it in a sentence
	}
)

// writeReport writes the outcome of reading the config file as JSON.
func (c Console) writeReport(s *session, err error) error {
	r := report{Valid: err == nil}
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		r.Errors = reportProblems(problems)
	case err != nil:
		r.Errors = []problem{{Text: err.Error()}}
	default:
		r.Warnings = reportProblems(s.cfg.Warnings)
		for _, p := range every(s.cfg) {
			r.Platforms = append(r.Platforms, reportPlatform(p))
		}
		for _, k := range s.cfg.KPIs() {
			r.KPIs = append(r.KPIs, reportKPI(k))
		}
		for _, n := range s.cfg.Notes {
			r.Notes = append(r.Notes, noteReport{Date: day(n.Date), Text: n.Text})
		}
	}
	if err := json.MarshalWrite(c.Out, r, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	c.print("\n")
	return nil
}

func reportProblems(problems []config.Problem) []problem {
	var all []problem
	for _, p := range problems {
		all = append(all, problem(p))
	}
	return all
}

func reportPlatform(p *config.Platform) platformReport {
	r := platformReport{Name: p.Name, Type: p.Type, PollInterval: p.PollInterval.Seconds(), Undelivered: p.Description.Undelivered}
	for _, m := range p.Description.Measures() {
		name := measure.Ref{Measure: m.Measure, Label: m.Label}.String()
		r.Measures = append(r.Measures, measureReport{Measure: name, Window: m.Window.String(), Unit: m.Unit, Basis: m.Basis, Source: m.Source})
	}
	return r
}

func reportKPI(k *config.KPI) kpiReport {
	r := kpiReport{
		Name: k.Name, Title: k.Title, Why: k.Why, Objective: k.Objective, Status: k.Status, Reason: k.Reason,
		Platform: k.Platform, Unit: k.Unit, Direction: k.Direction,
		Measure: measure.Ref{Measure: k.Measure.Measure, Label: k.Measure.Label}.String(), Window: k.Measure.Window.String(),
		Owner: k.Owner, Review: day(k.Review),
	}
	if k.Per != nil {
		r.Per = measure.Ref{Measure: k.Per.Measure, Label: k.Per.Label}.String()
	}
	if k.Baseline != nil {
		r.Baseline, r.BaselineDate = &k.Baseline.Value, day(k.Baseline.Date)
	}
	if k.Target != nil {
		r.Target, r.TargetBy = &k.Target.Value, day(k.Target.By)
	}
	for _, t := range thresholds(k) {
		r.Limits = append(r.Limits, limitReport{
			Severity: t.name, Below: t.Below, Above: t.Above, Drop: t.Drop, Rise: t.Rise, Against: t.Against.Seconds(),
			Sustain: t.Sustain.Seconds(), Action: t.Action, Within: t.Within.Seconds(), Text: clean(t.sentence(k)),
		})
	}
	for _, d := range k.Decisions {
		r.Decisions = append(r.Decisions, decisionReport{Date: day(d.Date), Decision: d.Decision, Why: d.Why})
	}
	return r
}

// day writes a date as the config file has it, and no date as nothing.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
