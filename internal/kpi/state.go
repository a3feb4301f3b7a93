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

	Limits []Limit // warning before critical, below before above
}

// A Limit is one side of a threshold, with its verdict.
type Limit struct {
	Severity  string // warning, critical
	Condition string // below, above
	At        float64
	Threshold *config.Threshold
	Breached  bool      // the verdict, after sustain; kept while the value is not known
	Start     time.Time // since when the value is on the wrong side, zero = it is not
}
