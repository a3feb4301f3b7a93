package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-kit/log/level"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

const date = "2 January 2006"

// CheckOptions are the flags of check.
type CheckOptions struct {
	Live    bool   // poll each platform once too
	Against string // a file to compare with, "" = none
	Format  string // text or json
}

// Check reads the config file and writes what it amounts to, and what should be looked at. It returns an error if
// anything is wrong.
func (c Console) Check(ctx context.Context, file string, o CheckOptions) error {
	asJSON := o.Format == "json"
	if asJSON && (o.Live || o.Against != "") {
		return UsageError("--live and --against are for people to read; leave out --format=json")
	}
	c.Logger = level.NewFilter(c.Logger, level.AllowError()) // failures of a poll are put into words here
	s, err := c.open(file)
	var problems config.Problems
	switch {
	case asJSON:
		return errors.Join(c.writeReport(s, err), err)
	case errors.As(err, &problems):
		return fmt.Errorf("%w\nproblems: %d; nothing of the file is used until they are mended", err, len(problems))
	case err != nil:
		return err
	}
	c.print("%s is valid: platforms %d, objectives %d, KPIs %d.\n", file, len(s.cfg.Platforms), len(s.cfg.Objectives), len(s.cfg.KPIs()))
	for _, objective := range s.cfg.Objectives {
		c.print("\n")
		c.objective(objective)
	}
	c.print("\n")
	c.platforms(s.cfg)
	for i, w := range s.cfg.Warnings {
		if i == 0 {
			c.print("\n")
		}
		c.print("warning: %s\n", clean(w.Error()))
	}
	if o.Against != "" {
		if err := c.costs(o.Against, s.cfg); err != nil {
			return err
		}
	}
	if o.Live {
		return c.live(ctx, s)
	}
	return nil
}

// objective writes what was agreed about the KPIs of an objective.
func (c Console) objective(o *config.Objective) {
	for _, text := range []string{o.Title, o.Description} {
		if text != "" {
			c.print("%s\n", strings.Join(wrap(clean(text), c.Width), "\n"))
		}
	}
	c.print("\n")
	rows := [][]string{{"KPI", "AGREED", "OWNER, REVIEW"}}
	for _, k := range o.KPIs {
		what := words.What(k.Measure)
		if k.Per != nil {
			what += " ÷ " + words.What(*k.Per)
		}
		var agreed []string
		if k.Target != nil {
			target := "target: " + words.Exact(k.Target.Value, k.Unit)
			if !k.Target.By.IsZero() {
				target += " by " + k.Target.By.Format(date)
			}
			agreed = append(agreed, clean(target))
		}
		for _, t := range thresholds(k) {
			agreed = append(agreed, t.sentence(k))
		}
		if agreed == nil {
			agreed = []string{"nothing yet: no target, and no threshold"}
		}
		rows = append(rows, []string{
			clean(k.Title) + "\n" + k.Name + "\n" + what + ", " + k.Platform,
			strings.Join(agreed, "\n"),
			k.Owner + "\n" + k.Review.Format(date),
		})
	}
	c.table(rows...)
}

// A severity is a threshold that a KPI has.
type severity struct {
	name, verb string
	*config.Threshold
}

// thresholds lists those that are agreed.
func thresholds(k *config.KPI) []severity {
	var all []severity
	for _, t := range []severity{{"warning", "warns", k.Warning}, {"critical", "critical", k.Critical}} {
		if t.Threshold != nil {
			all = append(all, t)
		}
	}
	return all
}

// sentence says when a threshold is crossed, and what then.
func (t severity) sentence(k *config.KPI) string {
	s := t.verb + " when " + words.Limit(k, t.Threshold)
	if t.Sustain > 0 {
		s += ", for " + words.Span(t.Sustain)
	}
	s += "; then"
	if t.Within > 0 {
		s += ", within " + words.Span(t.Within)
	}
	return clean(s + ": " + t.Action)
}

// platforms writes what each platform is, what can be measured there, and what people across platforms are made from.
func (c Console) platforms(cfg *config.Config) {
	rows := [][]string{{"PLATFORM", "TYPE", "POLLED", "DELIVERS"}}
	for _, p := range every(cfg) {
		var names []string
		for _, m := range p.Description.Measures() {
			name := measure.Ref{Measure: m.Measure, Label: m.Label}.String()
			if len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		polled := "" // people are not
		if p.PollInterval > 0 {
			polled = "every " + strings.TrimPrefix(words.Span(p.PollInterval), "1 ") // every day, every 15m
		}
		rows = append(rows, []string{p.Name, p.Type, polled, strings.Join(names, ", ")})
	}
	c.table(rows...)
	if cfg.People == nil {
		return
	}
	rows = [][]string{{"PEOPLE", "ARE MADE FROM"}}
	for _, m := range cfg.People.Description.Measures() {
		if row := []string{m.Measure, m.Source}; !slices.Equal(rows[len(rows)-1], row) {
			rows = append(rows, row)
		}
	}
	c.print("\n")
	c.table(rows...)
	for _, p := range cfg.Platforms {
		note := ""
		switch part := p.Part; {
		case part == nil, part.Active == "active_users", part.Active == "" && part.Workforce:
			continue
		case part.Active == "":
			note = p.Name + " does not count who was active: people_active leaves out what is done there."
		default:
			note = p.Name + " does not see who only reads: people_active has its " + part.Active + " alone."
		}
		c.print("\n%s\n", strings.Join(wrap(note, c.Width), "\n"))
	}
}

// every lists the platforms, and the one that stands for all of them together where there is one.
func every(cfg *config.Config) []*config.Platform {
	if cfg.People == nil {
		return cfg.Platforms
	}
	return append(slices.Clone(cfg.Platforms), cfg.People)
}

// What check writes with --format=json. Keys are only ever added.
type (
	report struct {
		Valid     bool             `json:"valid"`
		Errors    []problem        `json:"errors"`
		Warnings  []problem        `json:"warnings"`
		Platforms []platformReport `json:"platforms"`
		KPIs      []kpiReport      `json:"kpis"`
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
		Name      string           `json:"name"`
		Title     string           `json:"title"`
		Objective string           `json:"objective"`
		Platform  string           `json:"platform"`
		Measure   string           `json:"measure"`
		Window    string           `json:"window,omitzero"`
		Per       string           `json:"per,omitzero"`
		Unit      measure.Unit     `json:"unit"`
		Direction config.Direction `json:"direction"`
		Target    *float64         `json:"target,omitzero"`
		TargetBy  string           `json:"target_by,omitzero"`
		Owner     string           `json:"owner"`
		Review    string           `json:"review"`
		Limits    []limitReport    `json:"limits"`
	}
	limitReport struct {
		Severity string   `json:"severity"`
		Below    *float64 `json:"below,omitzero"`
		Above    *float64 `json:"above,omitzero"`
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
		Name: k.Name, Title: k.Title, Objective: k.Objective, Platform: k.Platform, Unit: k.Unit, Direction: k.Direction,
		Measure: measure.Ref{Measure: k.Measure.Measure, Label: k.Measure.Label}.String(), Window: k.Measure.Window.String(),
		Owner: k.Owner, Review: k.Review.Format(time.DateOnly),
	}
	if k.Per != nil {
		r.Per = measure.Ref{Measure: k.Per.Measure, Label: k.Per.Label}.String()
	}
	if k.Target != nil {
		r.Target = &k.Target.Value
		if !k.Target.By.IsZero() {
			r.TargetBy = k.Target.By.Format(time.DateOnly)
		}
	}
	for _, t := range thresholds(k) {
		r.Limits = append(r.Limits, limitReport{
			Severity: t.name, Below: t.Below, Above: t.Above, Sustain: t.Sustain.Seconds(),
			Action: t.Action, Within: t.Within.Seconds(), Text: t.sentence(k),
		})
	}
	return r
}
