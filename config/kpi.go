package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

type (
	objectiveKeys struct {
		Name        *string   `yaml:"name"`
		Title       *string   `yaml:"title"`
		Description *string   `yaml:"description"`
		KPIs        []kpiKeys `yaml:"kpis"`
	}
	kpiKeys struct {
		Name      *string        `yaml:"name"`
		Title     *string        `yaml:"title"`
		Why       *string        `yaml:"why"`
		Status    *string        `yaml:"status"`
		Reason    *string        `yaml:"reason"`
		Measure   *string        `yaml:"measure"`
		Window    *string        `yaml:"window"`
		Platform  *string        `yaml:"platform"`
		Per       *string        `yaml:"per"`
		Direction *string        `yaml:"direction"`
		Baseline  *baselineKeys  `yaml:"baseline"`
		Target    *targetKeys    `yaml:"target"`
		Warning   *thresholdKeys `yaml:"warning"`
		Critical  *thresholdKeys `yaml:"critical"`
		Owner     *string        `yaml:"owner"`
		Review    *string        `yaml:"review"`
		Decisions []decisionKeys `yaml:"decisions"`
	}
)

func (l *loader) objective(key string, k *objectiveKeys) {
	o := &Objective{Name: l.slug(key+".name", "objective", k.Name), Description: l.text(key+".description", k.Description)}
	o.Title = l.title(key+".title", k.Title, o.Name)
	if len(k.KPIs) == 0 {
		l.problem(key+".kpis", "there is none; an objective that nobody measures says nothing, so give it a KPI or remove it")
	}
	measured := false
	for i := range k.KPIs {
		kpi := l.kpi(fmt.Sprintf("%s.kpis[%d]", key, i), o, &k.KPIs[i])
		o.KPIs = append(o.KPIs, kpi)
		measured = measured || kpi.Status != Retired
	}
	if len(k.KPIs) > 0 && !measured {
		l.problem(key+".kpis", "all of them are retired; an objective that nobody measures says nothing, so give it another KPI, or move these to an objective that is measured")
	}
	l.config.Objectives = append(l.config.Objectives, o)
}

func (l *loader) kpi(key string, o *Objective, k *kpiKeys) *KPI {
	kpi := &KPI{Objective: o.Name, Name: l.slug(key+".name", "KPI", k.Name)}
	kpi.Title = l.title(key+".title", k.Title, kpi.Name)
	kpi.Why = l.text(key+".why", k.Why)
	kpi.URL = strings.ReplaceAll(l.config.Dashboard, "{kpi}", kpi.Name)
	if !l.status(key, kpi, k) {
		return kpi
	}
	kpi.Owner = l.owner(key+".owner", k.Owner, kpi.Status)
	kpi.Review = l.review(key+".review", k.Review, kpi.Status)
	kpi.Decisions = l.decisions(key+".decisions", k.Decisions)
	known := l.measures(key, kpi, k)

	kpi.Direction = Higher
	if k.Direction != nil {
		kpi.Direction = Direction(*k.Direction)
	}
	if !slices.Contains([]Direction{Higher, Lower, Range}, kpi.Direction) {
		l.problem(key+".direction", "unknown direction; write which way is better: higher, lower or range")
		return kpi
	}
	kpi.Baseline = l.baseline(key+".baseline", k.Baseline)
	kpi.Target = l.target(key+".target", k.Target)
	kpi.Warning = l.threshold(key+".warning", k.Warning, kpi.Direction)
	kpi.Critical = l.threshold(key+".critical", k.Critical, kpi.Direction)
	if kpi.Measure.Window == measure.Window(day) && (kpi.Warning != nil || kpi.Critical != nil) {
		l.problem(key+".window", "thresholds don't stand on 1d, because of weekends; use 7d or 28d, or remove warning and critical")
	}
	l.limits(key, kpi, known)
	if kpi.Status == Context && (kpi.Target != nil || kpi.Warning != nil || kpi.Critical != nil) {
		l.warn(key+".status", "what is there for context has no target and no limits: target, warning and critical are not used until it is active")
		kpi.Target, kpi.Warning, kpi.Critical = nil, nil, nil
	}
	return kpi
}

// measures finds what a KPI measures, and returns whether that is known.
func (l *loader) measures(key string, kpi *KPI, k *kpiKeys) bool {
	before := len(l.problems)
	var window measure.Window
	if k.Window != nil {
		var err error
		if window, err = measure.ParseWindow(*k.Window); err != nil {
			l.problem(key+".window", "is not a window; write a number of days such as 7d")
		}
	}
	value := l.reference(key+".measure", k.Measure)
	per := measure.Ref{}
	if k.Per != nil {
		if per = l.reference(key+".per", k.Per); per == value {
			l.problem(key+".per", "must be another measure than measure")
		}
	}
	if len(l.problems) > before {
		return false
	}
	if kpi.Status == Retired {
		return l.measured(key, kpi, k, value, per, window)
	}
	p := l.choose(key+".platform", value, k.Platform)
	if p == nil {
		return false
	}
	kpi.Platform = p.Name
	numerator, ok := l.pick(key, "measure", p, value, window)
	if !ok {
		return false
	}
	kpi.Measure, kpi.Unit = numerator.Ref, numerator.Unit
	if k.Per == nil {
		return true
	}
	denominator, ok := l.pick(key, "per", p, per, window)
	if !ok {
		return false
	}
	if numerator.Unit == measure.Ratio || denominator.Unit == measure.Ratio {
		l.problem(key+".per", "can't be combined with a ratio; leave it out, or choose measures that count")
		return false
	}
	kpi.Per, kpi.Unit = &denominator.Ref, quotient(numerator.Unit, denominator.Unit)
	return true
}

// measured fills in what a retired KPI measured. Nobody need deliver that any more, so only the vocabulary tells
// the unit.
func (l *loader) measured(key string, kpi *KPI, k *kpiKeys, value, per measure.Ref, window measure.Window) bool {
	if k.Platform != nil {
		kpi.Platform = *k.Platform
		if !slug.MatchString(kpi.Platform) {
			l.problem(key+".platform", "is not the name of a platform")
		}
	}
	value.Window = window
	m, _ := measure.Lookup(value.Measure)
	kpi.Measure, kpi.Unit = value, m.Unit
	if k.Per == nil {
		return m.Unit != ""
	}
	by, _ := measure.Lookup(per.Measure)
	if by.Windowed {
		per.Window = window
	}
	kpi.Per = &per
	if m.Unit == "" || by.Unit == "" {
		kpi.Unit = ""
		return false
	}
	kpi.Unit = quotient(m.Unit, by.Unit)
	return true
}

// reference reads the name of a measure.
func (l *loader) reference(key string, name *string) measure.Ref {
	if name == nil {
		l.problem(key, "is missing; write one of: %s", strings.Join(measurable(), ", "))
		return measure.Ref{}
	}
	base, label, dotted := strings.Cut(*name, ".")
	m, known := measure.Lookup(base)
	switch {
	case !known, dotted && !m.Named():
		all := measurable()
		l.problem(key, "unknown measure%s (measures: %s)", suggest(strings.TrimPrefix(*name, "intranet_"), all), strings.Join(all, ", "))
	case m.Named() && !slug.MatchString(label):
		l.problem(key, "needs a name; write %s, with one that the platform delivers", m.Written())
	case m.NoKPI:
		l.problem(key, "%s is only for looking, and can't be a KPI", base)
	}
	return measure.Ref{Measure: base, Label: label}
}

// measurable lists the measures that can be a KPI, as the file writes them.
func measurable() []string {
	var names []string
	for _, m := range measure.All {
		if !m.NoKPI {
			names = append(names, m.Written())
		}
	}
	return names
}

// unknownPlatform notes that there is no platform with a name, unless it may be one without a proper name.
func (l *loader) unknownPlatform(key, name string) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(l.broken)), func(name string) bool { return !slug.MatchString(name) })
	if len(names) == len(l.broken) {
		l.problem(key, "unknown platform%s (platforms: %s)", suggest(name, names), strings.Join(names, ", "))
	}
}

// choose finds the platform of a KPI: the one that is named, or the only one that delivers the measure. It
// returns nil without a problem where that hangs on a platform with problems of its own.
func (l *loader) choose(key string, ref measure.Ref, name *string) *Platform {
	platforms := l.config.Platforms
	if len(l.keys.Platforms) == 0 {
		return nil
	}
	if m, _ := measure.Lookup(ref.Measure); name == nil && m.Counting == measure.Across {
		return l.choosePeople(parent(key)+".measure", ref.Measure)
	}
	if name != nil {
		if *name == People {
			return l.choosePeople(key, People)
		}
		i := slices.IndexFunc(platforms, func(p *Platform) bool { return p.Name == *name })
		_, written := l.broken[*name]
		switch {
		case i >= 0 && !l.broken[*name]:
			return platforms[i]
		case !written:
			l.unknownPlatform(key, *name)
		}
		return nil
	}
	if l.anyBroken() {
		return nil
	}
	var names []string
	var found *Platform
	for _, p := range platforms {
		if len(windows(p, ref)) > 0 {
			found, names = p, append(names, p.Name)
		}
	}
	switch {
	case len(names) == 1:
		return found
	case len(names) > 1:
		l.problem(key, "is missing; %s is delivered by %s", ref, strings.Join(names, " and "))
	case len(platforms) == 1:
		return platforms[0] // pick says why it has no such measure
	default:
		var why []string
		for _, p := range platforms {
			why = append(why, fmt.Sprintf("%s (%s)%s", p.Name, p.Type, undelivered(p, ref)))
		}
		l.problem(parent(key)+".measure", "%s is not delivered by %s", ref, strings.Join(why, ", nor by "))
	}
	return nil
}

// pick finds what a platform delivers of a measure in a window.
func (l *loader) pick(key, which string, p *Platform, ref measure.Ref, window measure.Window) (collector.Delivered, bool) {
	all := windows(p, ref)
	if len(all) == 0 {
		l.problem(key+"."+which, "%s is not delivered by %s (%s)%s; it has %s", ref, p.Name, p.Type, undelivered(p, ref), delivered(p))
		return collector.Delivered{}, false
	}
	if which == "per" && all[0].Window == 0 {
		window = 0 // accounts and pages have no window, what is done with them has
	}
	var names []string
	for _, d := range all {
		if d.Window == window {
			return d, true
		}
		if d.Window != 0 {
			names = append(names, d.Window.String())
		}
	}
	offer := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		l.problem(key+".window", "%s is a number of one moment; remove window", ref)
	case window == 0 && which == "measure":
		l.problem(key+".window", "is missing; %s needs one of %s", ref, offer)
	case window == 0:
		l.problem(key+".per", "%s is counted over a window, and the measure is not", ref)
	default:
		l.problem(key+".window", "%s delivers %s over %s, not over %s", p.Name, ref, offer, window)
	}
	return collector.Delivered{}, false
}

// windows lists what a platform delivers of a measure, in every window.
func windows(p *Platform, ref measure.Ref) []collector.Delivered {
	var all []collector.Delivered
	for _, d := range p.Description.Measures() {
		if d.Measure == ref.Measure && d.Label == ref.Label {
			all = append(all, d)
		}
	}
	return all
}

// undelivered says why a platform does not have a measure, where that is known.
func undelivered(p *Platform, ref measure.Ref) string {
	if m, _ := measure.Lookup(ref.Measure); m.Counting == measure.Across && p.Name != People {
		return ": it is counted across platforms, with platform: " + People
	}
	if why := p.Description.Undelivered[ref.Measure]; why != "" {
		return ": " + strings.TrimSuffix(why, ".")
	}
	return ""
}

// delivered lists the measures of a platform that can be a KPI.
func delivered(p *Platform) string {
	var names []string
	for _, d := range p.Description.Measures() {
		name := measure.Ref{Measure: d.Measure, Label: d.Label}.String()
		if m, _ := measure.Lookup(d.Measure); !m.NoKPI && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// quotient is the unit of one number per another.
func quotient(a, b measure.Unit) measure.Unit {
	people := []measure.Unit{"accounts", "users", "people"}
	if a == b || slices.Contains(people, a) && slices.Contains(people, b) {
		return measure.Ratio
	}
	return a + " per " + b.One()
}

func (l *loader) title(key string, v *string, name string) string {
	if v == nil {
		return words(name)
	}
	return l.text(key, v)
}

// counts tells whether a KPI is a bare volume.
func (k *KPI) counts() bool {
	return k.Per == nil && k.Measure.Measure != measure.Custom && !slices.Contains([]measure.Unit{measure.Ratio, "accounts", "users", "people"}, k.Unit)
}
