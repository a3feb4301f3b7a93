package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	c.print("%s is valid: platforms %d, objectives %d, KPIs %d.\n", file, len(s.cfg.Platforms), len(s.cfg.Objectives), len(measuredKPIs(s.cfg)))
	for _, objective := range s.cfg.Objectives {
		c.print("\n")
		c.objective(objective)
	}
	c.print("\n")
	c.platforms(s.cfg)
	c.notes(s.cfg.Notes)
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
		if k.Platform != "" {
			what += ", " + k.Platform
		}
		acts := k.Owner
		if !k.Review.IsZero() {
			acts += "\n" + k.Review.Format(date)
		}
		rows = append(rows, []string{
			clean(k.Title) + "\n" + k.Name + "\n" + what,
			strings.Join(agreement(k), "\n"),
			strings.TrimPrefix(acts, "\n"),
		})
	}
	c.table(rows...)
}

// agreement says what was agreed about a KPI, in lines.
func agreement(k *config.KPI) []string {
	var said []string
	say := func(format string, args ...any) { said = append(said, clean(fmt.Sprintf(format, args...))) }
	switch k.Status {
	case config.Proposed:
		say("proposed: nobody is told of its limits until it is active")
	case config.Context:
		say("context: it explains others, and has no limits")
	case config.Retired:
		say("retired: %s", k.Reason)
	}
	if k.Why != "" {
		say("why: %s", k.Why)
	}
	if k.Status != config.Retired {
		if k.Baseline != nil {
			say("began at: %s on %s", words.Exact(k.Baseline.Value, k.Unit), k.Baseline.Date.Format(date))
		}
		if k.Target != nil {
			by := ""
			if !k.Target.By.IsZero() {
				by = " by " + k.Target.By.Format(date)
			}
			say("target: %s%s", words.Exact(k.Target.Value, k.Unit), by)
		}
		for _, t := range thresholds(k) {
			say("%s", t.sentence(k))
		}
		if k.Status != config.Context && k.Target == nil && k.Warning == nil && k.Critical == nil {
			say("nothing yet: no target, and no threshold")
		}
	}
	for _, d := range k.Decisions {
		say("%s: %s. %s", d.Date.Format(date), d.Decision, d.Why)
	}
	return said
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
	return s + ": " + t.Action
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
	if _, none := cfg.People.Description.Undelivered["people_active"]; none {
		return
	}
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

// notes writes what may be why a line moved.
func (c Console) notes(notes []config.Note) {
	rows := [][]string{{"DAY", "NOTE"}}
	for _, n := range notes {
		rows = append(rows, []string{n.Date.Format(date), clean(n.Text)})
	}
	if len(rows) > 1 {
		c.print("\n")
		c.table(rows...)
	}
}
