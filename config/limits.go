package config

import (
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

const defaultSustain = day

type (
	baselineKeys struct {
		Value *float64 `yaml:"value"`
		Date  *string  `yaml:"date"`
	}
	targetKeys struct {
		Value *float64 `yaml:"value"`
		By    *string  `yaml:"by"`
	}
	thresholdKeys struct {
		At      *float64        `yaml:"at"`
		Below   *float64        `yaml:"below"`
		Above   *float64        `yaml:"above"`
		Drop    *float64        `yaml:"drop"`
		Rise    *float64        `yaml:"rise"`
		Against *string         `yaml:"against"`
		Sustain *model.Duration `yaml:"sustain"`
		Action  *string         `yaml:"action"`
		Within  *model.Duration `yaml:"within"`
	}
)

func (l *loader) baseline(key string, k *baselineKeys) *Baseline {
	if k == nil {
		return nil
	}
	b := &Baseline{Date: l.past(key+".date", k.Date, "the value was measured")}
	if k.Value == nil {
		l.problem(key+".value", "is missing; write the number from which you began")
		return b
	}
	b.Value = *k.Value
	return b
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
	return t
}

func (l *loader) threshold(key string, k *thresholdKeys, direction Direction) *Threshold {
	if k == nil {
		return nil
	}
	t := &Threshold{
		Drop:    k.Drop,
		Rise:    k.Rise,
		Sustain: l.duration(key+".sustain", k.Sustain, sustains, defaultSustain),
		Within:  l.duration(key+".within", k.Within, withins, 0),
		Action:  l.text(key+".action", k.Action),
	}
	if k.Action == nil {
		l.problem(key+".action", "is missing; write what will be done when this threshold is crossed: measure only what you intend to act upon")
	}
	l.changes(key, k, direction)
	change := l.written(key+".drop") || l.written(key+".rise")
	if change {
		t.Against = l.against(key+".against", k.Against)
	} else if k.Against != nil {
		l.problem(key+".against", "goes with drop and rise only")
	}
	if direction == Range {
		t.Below, t.Above = k.Below, k.Above
		if k.At != nil {
			l.problem(key+".at", "does not go with direction range; write below and above")
		} else if t.Below == nil && t.Above == nil && !change {
			l.problem(key+".below", "is missing; with direction range a threshold has at least one of below, above, drop and rise")
		}
		return t
	}
	switch {
	case k.Below != nil:
		l.problem(key+".below", "goes with direction range only; with %s write at", direction)
	case k.Above != nil:
		l.problem(key+".above", "goes with direction range only; with %s write at", direction)
	case k.At == nil && !change:
		l.problem(key+".at", "is missing; write the number at which the threshold lies, or a %s such as 0.2 for 20 %%", map[Direction]string{Higher: "drop", Lower: "rise"}[direction])
	}
	if direction == Higher {
		t.Below = k.At
	} else {
		t.Above = k.At
	}
	return t
}

// changes checks the limits that lie as far from an earlier value as a share of it.
func (l *loader) changes(key string, k *thresholdKeys, direction Direction) {
	switch {
	case k.Drop == nil:
	case direction == Lower:
		l.problem(key+".drop", "does not go with direction lower, where a drop is what you want; write rise")
	case *k.Drop <= 0 || *k.Drop >= 1:
		l.problem(key+".drop", "must be more than 0 and less than 1, such as 0.2 for 20 %%, not %s", decimal(*k.Drop))
	}
	switch {
	case k.Rise == nil:
	case direction == Higher:
		l.problem(key+".rise", "does not go with direction higher, where a rise is what you want; write drop")
	case *k.Rise <= 0:
		l.problem(key+".rise", "must be more than 0, such as 0.2 for 20 %%, not %s", decimal(*k.Rise))
	}
}

// against reads how much earlier the value lies with which the present one is compared.
func (l *loader) against(key string, v *string) time.Duration {
	switch {
	case v == nil, *v == "28d":
		return 28 * day
	case *v == "7d":
		return 7 * day
	}
	l.problem(key, "is not how much earlier a value can be compared with; write 7d or 28d")
	return 0
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
		if l.possible(key+"."+n.key, *n.value, k, known) && last.value != nil && *n.value <= *last.value {
			l.problem(key+"."+n.key, "%s must be more than %s, which is %s; with direction %s the order is %s",
				decimal(*n.value), last.key, decimal(*last.value), k.Direction, order)
		}
		last = n
	}
	if k.Baseline != nil {
		l.possible(key+".baseline.value", k.Baseline.Value, k, known)
	}
	if warning.Against != critical.Against {
		return // such changes can't be compared
	}
	for _, c := range []struct {
		key               string
		warning, critical *float64
	}{{"drop", warning.Drop, critical.Drop}, {"rise", warning.Rise, critical.Rise}} {
		if c.warning != nil && c.critical != nil && *c.critical <= *c.warning {
			l.problem(key+".critical."+c.key, "%s must be more than warning.%s, which is %s", decimal(*c.critical), c.key, decimal(*c.warning))
		}
	}
}

// possible checks that a KPI can have a value, as far as its unit is known.
func (l *loader) possible(key string, value float64, k *KPI, known bool) bool {
	switch {
	case known && k.Unit == measure.Ratio && (value < 0 || value > 1):
		l.problem(key, "%s is not a ratio; write a number from 0 to 1, such as 0.4 for 40 %%", decimal(value))
	case known && k.Measure.Measure != measure.Custom && value < 0:
		l.problem(key, "%s is less than nothing; %s counts from 0", decimal(value), k.Measure)
	default:
		return true
	}
	return false
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
