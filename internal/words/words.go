// Package words writes what the exporter knows for people: the page and the commands say the same in the same words.
package words

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// Causes says of each cause what is wrong, in one sentence.
var Causes = map[cause.Cause]string{
	cause.Auth:        "the platform does not accept the exporter's credentials.",
	cause.Permission:  "the platform does not let the exporter see what it must see.",
	cause.RateLimited: "the platform asked to come back later.",
	cause.Timeout:     "the platform did not answer in time.",
	cause.Unavailable: "the platform can't be reached, or is out of order.",
	cause.BadResponse: "the platform answered something that can't be right.",
	cause.Other:       "something else is wrong.",
}

// Bases says of each basis what a number was made from.
var Bases = map[measure.Basis]string{
	measure.Event:    "events",
	measure.LastSeen: "last-seen times",
	measure.Account:  "accounts",
	measure.Reported: "readings",
	measure.Joined:   "joined accounts",
}

// What says what is measured, such as "active users in 28 days".
func What(r measure.Ref) string {
	if r.Window == 0 {
		return name(r)
	}
	return name(r) + " in " + Span(time.Duration(r.Window))
}

// name is the measure's name as people write it.
func name(r measure.Ref) string {
	s := r.Measure
	switch {
	case r.Measure == measure.Custom:
		s = r.Label
	case r.Label != "":
		s += " of " + r.Label
	}
	return strings.ReplaceAll(s, "_", " ")
}

// Span writes a duration in words: "1 day", "14 days", "36 hours", "" for none.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return ""
	case d%day == 0:
		return Count(int64(d/day), "day")
	case d%time.Hour == 0:
		return Count(int64(d/time.Hour), "hour")
	}
	return model.Duration(d).String()
}

// Count writes how many there are of something that takes an s when there are more: "1 day", "1,200 days".
func Count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Quantity(float64(n), "") + " " + one + "s"
}

// Quantity writes a value with its unit, rounded to what is nice to read: "62.9 %", "12,345 pages", "1 page", "8".
func Quantity(value float64, unit measure.Unit) string { return quantity(value, unit, 1, 2) }

// Exact writes a number that somebody agreed upon: as Quantity, but not rounded.
func Exact(value float64, unit measure.Unit) string {
	return quantity(value, unit, 9, 9) // 9 places hide what binary fractions add
}

func quantity(value float64, unit measure.Unit, ofPercent, ofOthers int) string {
	switch unit {
	case measure.Ratio:
		return Decimal(100*value, ofPercent) + "\u00a0%"
	case "":
		return Decimal(value, ofOthers)
	}
	number := Decimal(value, ofOthers)
	if number == "1" || number == "−1" {
		unit = unit.One()
	}
	return number + "\u00a0" + string(unit)
}

// Decimal writes at most so many places, no trailing zeros, and commas between thousands.
func Decimal(value float64, places int) string {
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
