package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

const (
	manyKPIs       = 12
	defaultSustain = day
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
		Measure   *string        `yaml:"measure"`
		Window    *string        `yaml:"window"`
		Platform  *string        `yaml:"platform"`
		Per       *string        `yaml:"per"`
		Direction *string        `yaml:"direction"`
		Target    *targetKeys    `yaml:"target"`
		Warning   *thresholdKeys `yaml:"warning"`
		Critical  *thresholdKeys `yaml:"critical"`
		Owner     *string        `yaml:"owner"`
		Review    *string        `yaml:"review"`
	}
	targetKeys struct {
		Value *float64 `yaml:"value"`
		By    *string  `yaml:"by"`
	}
	thresholdKeys struct {
		At      *float64        `yaml:"at"`
		Below   *float64        `yaml:"below"`
		Above   *float64        `yaml:"above"`
		Sustain *model.Duration `yaml:"sustain"`
		Action  *string         `yaml:"action"`
		Within  *model.Duration `yaml:"within"`
	}
)

func (l *loader) objective(key string, k *objectiveKeys) {
	o := &Objective{Name: l.slug(key+".name", "objective", k.Name), Description: l.text(key+".description", k.Description)}
	o.Title = l.title(key+".title", k.Title, o.Name)
	if len(k.KPIs) == 0 {
		l.problem(key+".kpis", "there is none; an objective that nobody measures says nothing, so give it a KPI or remove it")
	}
	for i := range k.KPIs {
		o.KPIs = append(o.KPIs, l.kpi(fmt.Sprintf("%s.kpis[%d]", key, i), o, &k.KPIs[i]))
	}
	l.config.Objectives = append(l.config.Objectives, o)
}

func (l *loader) kpi(key string, o *Objective, k *kpiKeys) *KPI {
	kpi := &KPI{Objective: o.Name, Name: l.slug(key+".name", "KPI", k.Name)}
	kpi.Title = l.title(key+".title", k.Title, kpi.Name)
	kpi.URL = strings.ReplaceAll(l.config.Dashboard, "{kpi}", kpi.Name)
	kpi.Owner = l.owner(key+".owner", k.Owner)
	if k.Review == nil {
		l.problem(key+".review", "is missing; write the date on which you decide whether to keep, refine or drop the KPI, such as 2027-06-30")
	}
	kpi.Review = l.date(key+".review", k.Review)
	known := l.measures(key, kpi, k)

	kpi.Direction = Higher
	if k.Direction != nil {
		kpi.Direction = Direction(*k.Direction)
	}
	if !slices.Contains([]Direction{Higher, Lower, Range}, kpi.Direction) {
		l.problem(key+".direction", "unknown direction; write which way is better: higher, lower or range")
		return kpi
	}
	kpi.Target = l.target(key+".target", k.Target)
	kpi.Warning = l.threshold(key+".warning", k.Warning, kpi.Direction)
	kpi.Critical = l.threshold(key+".critical", k.Critical, kpi.Direction)
	if kpi.Measure.Window == measure.Window(day) && (kpi.Warning != nil || kpi.Critical != nil) {
		l.problem(key+".window", "thresholds don't stand on 1d, because of weekends; use 7d or 28d, or remove warning and critical")
	}
	l.limits(key, kpi, known)
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

// reference reads the name of a measure.
func (l *loader) reference(key string, name *string) measure.Ref {
	if name == nil {
		l.problem(key, "is missing; write one of: %s", strings.Join(measurable(), ", "))
		return measure.Ref{}
	}
	base, label, dotted := strings.Cut(*name, ".")
	m, known := measure.Lookup(base)
	switch {
	case !known, dotted && base != measure.Custom:
		all := measurable()
		l.problem(key, "unknown measure%s (measures: %s)", suggest(strings.TrimPrefix(*name, "intranet_"), all), strings.Join(all, ", "))
	case base == measure.Custom && !slug.MatchString(label):
		l.problem(key, "needs the name of the reading, such as custom.survey_score")
	case m.NoKPI:
		l.problem(key, "%s is only for looking, and can't be a KPI", base)
	}
	return measure.Ref{Measure: base, Label: label}
}

// measurable lists the measures that can be a KPI, as the file writes them.
func measurable() []string {
	var names []string
	for _, m := range measure.All {
		switch {
		case m.Name == measure.Custom:
			names = append(names, "custom.<name>")
		case !m.NoKPI:
			names = append(names, m.Name)
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

func (l *loader) target(key string, k *targetKeys) *Target {
	if k == nil {
		return nil
	}
	t := &Target{By: l.date(key+".by", k.By)}
	if k.Value == nil {
		l.problem(key+".value", "is missing; write the number that is to be reached")
		return t
	}
	t.Value = *k.Value
	if !t.By.IsZero() && t.By.AddDate(0, 0, 1).Before(l.now) {
		l.warn(key+".by", "%s has passed; set a new date and value, or remove the date", *k.By)
	}
	return t
}

func (l *loader) threshold(key string, k *thresholdKeys, direction Direction) *Threshold {
	if k == nil {
		return nil
	}
	t := &Threshold{
		Sustain: l.duration(key+".sustain", k.Sustain, sustains, defaultSustain),
		Within:  l.duration(key+".within", k.Within, withins, 0),
		Action:  l.text(key+".action", k.Action),
	}
	if k.Action == nil {
		l.problem(key+".action", "is missing; write what will be done when this threshold is crossed: measure only what you intend to act upon")
	}
	if direction == Range {
		t.Below, t.Above = k.Below, k.Above
		if k.At != nil {
			l.problem(key+".at", "does not go with direction range; write below and above")
		} else if t.Below == nil && t.Above == nil {
			l.problem(key+".below", "is missing; with direction range a threshold has below, above or both")
		}
		return t
	}
	switch {
	case k.Below != nil:
		l.problem(key+".below", "goes with direction range only; with %s write at", direction)
	case k.Above != nil:
		l.problem(key+".above", "goes with direction range only; with %s write at", direction)
	case k.At == nil:
		l.problem(key+".at", "is missing; write the number at which the threshold lies")
	}
	if direction == Higher {
		t.Below = k.At
	} else {
		t.Above = k.At
	}
	return t
}

// A limit is one number of a KPI.
type limit struct {
	key   string
	value *float64
}

// limits checks that the numbers of a KPI can be, and are in order.
func (l *loader) limits(key string, k *KPI, known bool) {
	var target *float64
	if k.Target != nil {
		target = &k.Target.Value
	}
	warning, critical := Threshold{}, Threshold{}
	if k.Warning != nil {
		warning = *k.Warning
	}
	if k.Critical != nil {
		critical = *k.Critical
	}
	var ascending []limit
	order := ""
	switch k.Direction {
	case Higher:
		order = "critical < warning < target"
		ascending = []limit{{"critical.at", critical.Below}, {"warning.at", warning.Below}, {"target.value", target}}
	case Lower:
		order = "target < warning < critical"
		ascending = []limit{{"target.value", target}, {"warning.at", warning.Above}, {"critical.at", critical.Above}}
	case Range:
		order = "critical.below < warning.below < target < warning.above < critical.above"
		ascending = []limit{{"critical.below", critical.Below}, {"warning.below", warning.Below}, {"target.value", target},
			{"warning.above", warning.Above}, {"critical.above", critical.Above}}
	}
	var last limit
	for _, n := range ascending {
		if n.value == nil {
			continue
		}
		switch {
		case known && k.Unit == measure.Ratio && (*n.value < 0 || *n.value > 1):
			l.problem(key+"."+n.key, "%s is not a ratio; write a number from 0 to 1, such as 0.4 for 40 %%", decimal(*n.value))
		case known && k.Measure.Measure != measure.Custom && *n.value < 0:
			l.problem(key+"."+n.key, "%s is less than nothing; %s counts from 0", decimal(*n.value), k.Measure)
		case last.value != nil && *n.value <= *last.value:
			l.problem(key+"."+n.key, "%s must be more than %s, which is %s; with direction %s the order is %s",
				decimal(*n.value), last.key, decimal(*last.value), k.Direction, order)
		}
		last = n
	}
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (l *loader) title(key string, v *string, name string) string {
	if v == nil {
		return words(name)
	}
	return l.text(key, v)
}

func (l *loader) owner(key string, v *string) string {
	switch {
	case v == nil:
		l.problem(key, "is missing; write the role that acts on it, such as intranet-manager")
		return ""
	case strings.Contains(*v, "@"):
		l.problem(key, "must be a role such as intranet-manager, not an address; addresses live in Alertmanager's file")
	case !slug.MatchString(*v) || len(*v) > maxSlug:
		l.problem(key, "is not a role; write at most %d lower-case letters, digits, _ and -, such as intranet-manager", maxSlug)
	}
	return *v
}

// date reads a day, which begins at midnight in the file's time zone.
func (l *loader) date(key string, v *string) time.Time {
	if v == nil {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, *v, l.config.TimeZone)
	if err != nil {
		l.problem(key, "is not a date that exists; write year-month-day, such as 2027-06-30")
	}
	return t
}

// lookAtKPIs warns about KPIs that load but are not what they could be.
func (l *loader) lookAtKPIs() {
	if n := len(l.config.KPIs()); n > manyKPIs {
		l.warn("objectives", "%d KPIs are more than anybody acts on; keep at most %d, and drop those whose actions were never taken", n, manyKPIs)
	}
	for i, o := range l.config.Objectives {
		volume := len(o.KPIs) > 0
		for j, k := range o.KPIs {
			volume = volume && k.counts()
			if !k.Review.IsZero() && k.Review.Before(l.now) {
				l.warn(fmt.Sprintf("objectives[%d].kpis[%d].review", i, j), "the review is due since %s; decide whether to keep, refine or drop the KPI, and set the next date", k.Review.Format(time.DateOnly))
			}
		}
		if volume {
			l.warn(fmt.Sprintf("objectives[%d].kpis", i), "all of them count how much is done, and none how many people do it; add a KPI on people, such as active_users, or a ratio with per")
		}
	}
}

// counts tells whether a KPI is a bare volume.
func (k *KPI) counts() bool {
	return k.Per == nil && k.Measure.Measure != measure.Custom && !slices.Contains([]measure.Unit{measure.Ratio, "accounts", "users", "people"}, k.Unit)
}
