package kpi

import (
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
)

// A State is what is known of one KPI at one moment. It never changes.
type State struct {
	KPI *config.KPI

	Known       bool // the value is there and not too old; else Value, Numerator, Denominator and Small mean nothing
	Value       float64
	Numerator   float64   // of a KPI with Per
	Denominator float64   // of a KPI with Per
	Small       bool      // a ratio over too few to cross a limit
	Data        time.Time // the oldest data time of its sources, zero = never any
	WarmingUp   bool      // its window is not covered yet
	Expected    time.Time // while warming up: when it will be

	Earlier *float64 // the value 28 days earlier, which a drop or rise against 28d is compared with; nil = not known

	Limits []Limit // warning before critical, and of each below, above, drop, rise; none of a context KPI
}

// A Past is what became of one KPI in the last 90 days.
type Past struct {
	Points   []Point  // the last value of each day (UTC) in which there was one, oldest first
	Breaches []Breach // what ended in this time, in the order of State.Limits, and of each the newest first
}

// A Point is the value at one data time.
type Point struct {
	At    time.Time
	Value float64
}

// A Limit is one condition of a threshold, with its verdict. The limits of a proposed KPI have none: they are
// never breached, and have no start.
type Limit struct {
	Severity  string  // warning, critical
	Condition string  // below, above, drop, rise
	At        float64 // in the KPI's unit, whatever the condition
	WarmingUp bool    // drop and rise: nothing is known of the time to compare with, and At means nothing
	Threshold *config.Threshold
	Breached  bool      // the verdict, after sustain; kept while the value is not known
	Start     time.Time // since when the value is on the wrong side, zero = it is not
}

// A Breach is a time that is over, in which the value was on the wrong side of the limit as it is today, for as long
// as agreed.
type Breach struct {
	Severity  string // of the limit
	Condition string // of the limit
	Start     time.Time
	End       time.Time // of the last value on the wrong side
}
