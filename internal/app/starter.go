package app

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

//go:embed starter.yml
var starter []byte

// A goal is an objective of the starter set.
type goal struct {
	Name, Title, Description string
	KPIs                     []*suggestion `yaml:"kpis"`
	LeftOut                  []*suggestion `yaml:"-"` // those that no platform delivers
}

// A suggestion is a KPI of the starter set; the file says what its keys mean.
type suggestion struct {
	Name, Title, Why     string
	Measure, Per, People string
	Platform             string   // where it is measured
	Or                   []string // other platforms where it can be
	Window, Direction    string
	Target               string
	Warning, Critical    yaml.Node
	Owner                string
}

// starterSet returns the objectives with these names, all if there are none.
func starterSet(names []string) ([]*goal, error) {
	var all []*goal
	if err := yaml.Unmarshal(starter, &all); err != nil {
		return nil, fmt.Errorf("read starter set: %w", err)
	}
	var known []string
	for _, g := range all {
		known = append(known, g.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, UsageError(fmt.Sprintf("unknown objective %q; there is %s", name, strings.Join(known, ", ")))
		}
	}
	if len(names) > 0 {
		all = slices.DeleteFunc(all, func(g *goal) bool { return !slices.Contains(names, g.Name) })
	}
	return all, nil
}

// place finds where each KPI of an objective can be measured, and leaves out those for which that is nowhere.
func (g *goal) place(cfg *config.Config) {
	g.KPIs = slices.DeleteFunc(g.KPIs, func(k *suggestion) bool {
		nowhere := !k.place(cfg)
		if nowhere {
			g.LeftOut = append(g.LeftOut, k)
		}
		return nowhere
	})
}

// place takes the first platform that delivers a KPI, and people across platforms where they are counted: only then do
// these have a share of what the KPI is about. The people of two wikis, for example, are active when they write. Where no
// platform counts over the window of the KPI, it is one that does over the nearest, and the title says so.
func (k *suggestion) place(cfg *config.Config) bool {
	for i, window := range k.windows(cfg.Platforms) {
		var names []string
		for _, p := range cfg.Platforms {
			if len(k.lacks(p, window)) == 0 && k.alike(p, window) {
				names = append(names, p.Name)
			}
		}
		switch {
		case names == nil:
			continue
		case i == 0 && cfg.People != nil && delivers(cfg.People, k.People, window):
			k.Platform, k.Measure, k.Per = config.People, k.People, "people"
		default:
			k.Platform, k.Or = names[0], names[1:]
			if i > 0 {
				k.Window, k.Title = window.String(), strings.ReplaceAll(k.Title, "four weeks", words.Span(time.Duration(window)))
			}
		}
		return true
	}
	return false
}

// windows lists those over which platforms count what a KPI measures, with its own first and then by how near they are.
// Limits don't stand on a day.
func (k *suggestion) windows(platforms []*config.Platform) []measure.Window {
	own := k.window()
	all := []measure.Window{own}
	for _, p := range platforms {
		for _, d := range p.Description.Measures() {
			if d.Measure == k.Measure && d.Window > measure.Windows[0] && !slices.Contains(all, d.Window) {
				all = append(all, d.Window)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b measure.Window) int {
		return cmp.Compare(time.Duration(a-own).Abs(), time.Duration(b-own).Abs())
	})
	return all
}

// window is that of the starter set, 0 for a KPI of one moment.
func (k *suggestion) window() measure.Window {
	w, _ := measure.ParseWindow(k.Window)
	return w
}

// lacks lists the measures of a KPI that a platform does not deliver over a window.
func (k *suggestion) lacks(p *config.Platform, window measure.Window) []string {
	return slices.DeleteFunc([]string{k.Measure, k.Per}, func(name string) bool { return name == "" || delivers(p, name, window) })
}

// alike tells whether a share of people in a window is of those whom the platform tells, or counts here, too. A platform
// may tell of all of it who was active, and the exporter see who wrote in the parts that are named.
func (k *suggestion) alike(p *config.Platform, window measure.Window) bool {
	if m, _ := measure.Lookup(k.Per); m.Counting != measure.People {
		return true
	}
	part, _ := delivery(p, k.Measure, window)
	whole, _ := delivery(p, k.Per, window)
	return (part.Basis == measure.Reported) == (whole.Basis == measure.Reported)
}

// delivers tells whether a platform delivers a measure, over a window where it has any.
func delivers(p *config.Platform, name string, window measure.Window) bool {
	_, ok := delivery(p, name, window)
	return ok
}

// delivery returns how a platform delivers a measure, over a window where it has any.
func delivery(p *config.Platform, name string, window measure.Window) (collector.Delivered, bool) {
	m, _ := measure.Lookup(name)
	for _, d := range p.Description.Measures() {
		if d.Measure == name && (!m.Windowed || d.Window == window) {
			return d, true
		}
	}
	return collector.Delivered{}, false
}

// why says why a platform does not deliver a KPI.
func (k *suggestion) why(p *config.Platform) string {
	for _, window := range k.windows([]*config.Platform{p}) {
		if len(k.lacks(p, window)) == 0 {
			return "The platform tells one of the two numbers, and the other is counted here: they may not be about the same people."
		}
	}
	for _, name := range k.lacks(p, k.window()) {
		if why := p.Description.Undelivered[name]; why != "" {
			return why
		}
	}
	return "It counts over other windows."
}

// leftOut writes why KPIs are not in the file, and which types of platform would deliver them.
func (c Console) leftOut(goals []*goal, cfg *config.Config) error {
	rows := [][]string{{"LEFT OUT", "WHY", "DELIVERED BY"}}
	for _, g := range goals {
		for _, k := range g.LeftOut {
			var why []string
			for _, p := range cfg.Platforms {
				why = append(why, p.Name+": "+k.why(p))
			}
			types, err := c.deliverers(k)
			if err != nil {
				return err
			}
			rows = append(rows, []string{k.Title, strings.Join(why, "\n"), strings.Join(types, ", ")})
		}
	}
	if len(rows) > 1 {
		c.table(rows...)
		c.print("\n")
	}
	return nil
}

// deliverers lists the types of platform that deliver a KPI as init describes them.
func (c Console) deliverers(k *suggestion) ([]string, error) {
	var types []string
	for _, kind := range c.kinds() {
		d, err := newDraft(kind, nil)
		if err != nil {
			return nil, err
		}
		cfg, err := c.parse("", []*draft{d})
		if err != nil {
			return nil, err
		}
		if trial := *k; trial.place(cfg) {
			types = append(types, kind)
		}
	}
	return types, nil
}
