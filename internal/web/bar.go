package web

import (
	"math"
	"slices"

	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A bar draws what the words beside it say: a value on its way to the target, over the zones between the
// limits. All places are on a scale of 0 to 100, from left to right.
type bar struct {
	Zones  []stretch // later ones lie on top
	Value  *stretch  // from zero; nil = not known
	Target *float64
}

type stretch struct {
	From, Length float64
	Class        string
}

// newBar returns nil for a KPI with neither target nor limits that are known. They set the scale, not the value: one
// that is far out must not squeeze them into a corner.
func newBar(s kpi.State) *bar {
	low, high := 0.0, 0.0
	stretchTo := func(mark float64) { low, high = min(low, 1.25*mark), max(high, 1.25*mark) }
	aim, limits := target(s.KPI), numbers(s.Limits)
	if aim != nil {
		stretchTo(aim.Value)
	}
	for _, l := range limits {
		stretchTo(l.At)
	}
	if s.KPI.Unit == measure.Ratio {
		high = min(high, 1)
	}
	if size := high - low; size == 0 || math.IsInf(size, 0) || math.IsNaN(size) {
		return nil
	}
	place := func(x float64) float64 { return math.Round(1000*(min(max(x, low), high)-low)/(high-low)) / 10 }
	between := func(a, b float64, class string) stretch {
		a, b = place(min(a, b)), place(max(a, b))
		return stretch{a, math.Round(10*(b-a)) / 10, class}
	}

	b := &bar{}
	if len(limits) > 0 {
		b.Zones = append(b.Zones, between(low, high, fine.Class))
	}
	for _, l := range limits { // critical comes after warning
		end := low
		if upper(l) {
			end = high
		}
		b.Zones = append(b.Zones, between(l.At, end, severity(l).Class))
	}
	if s.Known {
		value := between(0, s.Value, "")
		b.Value = &value
	}
	if aim != nil {
		at := place(aim.Value)
		b.Target = &at
	}
	return b
}

// numbers are the limits that are one number today.
func numbers(limits []kpi.Limit) []kpi.Limit {
	return slices.DeleteFunc(slices.Clone(limits), func(l kpi.Limit) bool { return l.WarmingUp })
}

// upper tells whether what is more than a limit has crossed it.
func upper(l kpi.Limit) bool { return l.Condition == "above" || l.Condition == "rise" }
