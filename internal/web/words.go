package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

var causes = map[cause.Cause]string{
	cause.Auth:        "the platform does not accept the exporter's credentials.",
	cause.Permission:  "the platform does not let the exporter see what it must see.",
	cause.RateLimited: "the platform asked to come back later.",
	cause.Timeout:     "the platform did not answer in time.",
	cause.Unavailable: "the platform can't be reached, or is out of order.",
	cause.BadResponse: "the platform answered something that can't be right.",
	cause.Other:       "something else is wrong.",
}

var bases = map[measure.Basis]string{
	measure.Event:    "events",
	measure.LastSeen: "last-seen times",
	measure.Account:  "accounts",
	measure.Reported: "readings",
}

// A moment is a time for people and for machines.
type moment struct{ Text, Machine string }

func (v View) moment(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	layout := "2 January 2006, 15:04"
	if t.Year() == v.Now.In(v.Config.TimeZone).Year() {
		layout = "2 January, 15:04"
	}
	return moment{t.Format(layout), t.Format(time.RFC3339)}
}

func (v View) day(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	return moment{t.Format("2 January 2006"), t.Format(time.DateOnly)}
}

// known returns nil for the zero time.
func (v View) known(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	m := v.moment(t)
	return &m
}

// what says what is measured, such as "active users in 28 days".
func what(r measure.Ref) string {
	s := r.Measure
	if r.Label != "" {
		s = r.Label
	}
	s = strings.ReplaceAll(s, "_", " ")
	if r.Window != 0 {
		s += " in " + span(time.Duration(r.Window))
	}
	return s
}

// span writes a duration in words: "1 day", "14 days", "1d12h", "" for none.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return model.Duration(d).String()
}

// quantity writes a value with its unit: "62.9 %", "12,345 pages", "8".
func quantity(value float64, unit measure.Unit) string {
	switch unit {
	case measure.Ratio:
		return decimal(100*value, 1) + "\u00a0%"
	case "":
		return decimal(value, 2)
	}
	return decimal(value, 2) + "\u00a0" + string(unit)
}

// decimal writes at most so many places, no trailing zeros, and commas between thousands.
func decimal(value float64, places int) string {
	s := strconv.FormatFloat(value, 'f', places, 64)
	whole, rest, _ := strings.Cut(s, ".")
	rest = strings.TrimRight(rest, "0")
	digits := strings.TrimPrefix(whole, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if rest != "" {
		digits += "." + rest
	}
	if whole[0] == '-' && digits != "0" {
		return "−" + digits
	}
	return digits
}
