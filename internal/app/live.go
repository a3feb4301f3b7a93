package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/people"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

// advice says what to do next about each cause of failure.
var advice = map[cause.Cause]string{
	cause.Auth:        "Check the name and the secret file; passwords expire, and tokens are withdrawn.",
	cause.Permission:  "Give the exporter's account the right that is missing, on the platform.",
	cause.RateLimited: "Wait a while; then ask less: a lower requests_per_second, or a longer poll_interval.",
	cause.Timeout:     "Try once more; if it stays, ask those who run the platform, or allow more time for a request and for the poll.",
	cause.Unavailable: "Check the address, the network with its proxies and firewalls, and whether the platform is up.",
	cause.BadResponse: "Go by the message: the address may be that of a page for people or a sign-in, or a query may not fit the tables.",
	cause.Other:       "Go by the message: most often a secret file is not there, or can't be read.",
}

// live polls every platform once, and writes what came of it.
func (c Console) live(ctx context.Context, s *session) error {
	statuses := s.poll(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	now := time.Now()
	for i, status := range statuses {
		c.print("\n")
		c.polled(now, status, s.watches[i].account, s.cfg.TimeZone)
	}
	together := new(people.Joiner).Snapshot(now, s.cfg, poll.Snapshots(statuses))
	if together != nil {
		rows := [][]string{{"PEOPLE ACROSS PLATFORMS", "WINDOW", "VALUE", "MADE FROM"}}
		for _, m := range s.cfg.People.Description.Measures() {
			rows = append(rows, measured(together, m, cmp.Or(expected(now, together, m, s.cfg.TimeZone), "none"))...)
		}
		c.print("\n")
		c.table(rows...)
	}
	kpis, err := states(now, s.cfg, statuses, together)
	if err != nil {
		return err
	}
	if len(kpis) > 0 {
		rows := [][]string{{"KPI", "VALUE", "VERDICT AFTER THIS FIRST POLL"}}
		for _, k := range kpis {
			value := ""
			if k.Known {
				value = clean(words.Quantity(k.Value, k.KPI.Unit))
			}
			rows = append(rows, []string{clean(k.KPI.Title) + "\n" + k.KPI.Name, value, verdict(now, k, s.cfg.TimeZone)})
		}
		c.print("\n")
		c.table(rows...)
	}
	return outcome(statuses)
}

// polled writes what came of the poll of one platform.
func (c Console) polled(now time.Time, s poll.Status, account string, zone *time.Location) {
	d := s.Platform.Description
	word := "works"
	if !s.Success {
		word = "fails"
	}
	c.print("%s (%s): %s. %s in %s.\n", s.Platform.Name, s.Platform.Type, word, requests(s.Requests), s.Duration.Round(10*time.Millisecond))
	if account != "" {
		c.print("Signed in as account %s, which is never counted.\n", clean(account))
	}

	failures := [][]string{{"WHAT FAILED", "WHAT TO DO"}}
	for _, err := range s.Failures {
		why := cause.Of(err)
		failures = append(failures, []string{clean(err.Error()), string(why) + ": " + words.Causes[why] + " " + advice[why]})
	}
	rights := [][]string{{"PERMISSION", "GRANTED", "LOST WITHOUT IT"}}
	for _, p := range d.Permissions {
		granted, known := s.Granted[p.Name]
		word := map[bool]string{true: "yes", false: "no"}[granted]
		if !known {
			word = "not known"
		}
		rights = append(rights, []string{p.Name, word, p.Lost})
	}
	values := [][]string{{"MEASURE", "WINDOW", "VALUE", "SOURCE"}}
	if len(s.Snapshot.Values)+len(s.Snapshot.Expected) > 0 {
		for _, m := range d.Measures() {
			values = append(values, measured(s.Snapshot, m, absent(now, s, m, zone))...)
		}
	}
	others := [][]string{{"NOT DELIVERED", "WHY"}}
	for _, m := range measure.All {
		if why, ok := d.Undelivered[m.Name]; ok {
			others = append(others, []string{m.Name, why})
		}
	}
	for _, rows := range [][][]string{failures, rights, values, others} {
		if len(rows) > 1 {
			c.print("\n")
			c.table(rows...)
		}
	}
}

// absent says why a platform has no value of a measure: what is granted and not there is another thing than what is
// not granted.
func absent(now time.Time, s poll.Status, m collector.Delivered, zone *time.Location) string {
	for _, p := range s.Platform.Description.Permissions {
		if granted, known := s.Granted[p.Name]; known && !granted && slices.Contains(p.Sources, m.Source) {
			return "none: " + p.Name + " is missing"
		}
	}
	if from := expected(now, s.Snapshot, m, zone); from != "" {
		return from
	}
	if !s.Success {
		return "none: see what failed"
	}
	return "none: nothing is there yet"
}

// expected says from when on a measure will have a value, "" if it should have one by now.
func expected(now time.Time, s *tally.Snapshot, m collector.Delivered, zone *time.Location) string {
	if t := s.Expected[m.Ref]; t.After(now) {
		return "from " + t.In(zone).Format(date) + " on"
	}
	return ""
}

// measured returns the rows of one measure: its values, or what is said where there are none.
func measured(s *tally.Snapshot, m collector.Delivered, absent string) [][]string {
	row := func(ref measure.Ref, value string) []string {
		name := measure.Ref{Measure: ref.Measure, Label: ref.Label}.String()
		return []string{clean(name), m.Window.String(), clean(value), m.Source}
	}
	var rows [][]string
	for _, v := range s.Values {
		if v.Measure == m.Measure && v.Window == m.Window && (m.Label == "" || m.Label == v.Label) {
			rows = append(rows, row(v.Ref, words.Quantity(v.Value, m.Unit)))
		}
	}
	if rows == nil {
		rows = append(rows, row(m.Ref, absent))
	}
	return rows
}

// requests writes how many were sent, by code: "Requests: 340 (200: 338, 429: 2)".
func requests(byCode map[string]uint64) string {
	var total uint64
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		total += byCode[code]
		codes = append(codes, fmt.Sprintf("%s: %d", code, byCode[code]))
	}
	if total == 0 {
		return "No request"
	}
	return fmt.Sprintf("Requests: %d (%s)", total, strings.Join(codes, ", "))
}

// verdict says how a KPI stands after a first poll: only limits without sustain can be crossed yet.
func verdict(now time.Time, s kpi.State, zone *time.Location) string {
	switch {
	case s.WarmingUp && s.Expected.After(now):
		return "warming up: from " + s.Expected.In(zone).Format(date) + " on"
	case !s.Known:
		return "no data"
	case len(s.Limits) == 0:
		return "no limits"
	case s.KPI.Status == config.Proposed:
		return "none: it is proposed"
	}
	said := "within limits"
	if s.Small {
		said = "too few to judge"
	}
	for _, l := range s.Limits { // the worst is last
		if l.Start.IsZero() {
			continue
		}
		said = l.Severity + ": " + l.Condition + " " + words.Exact(l.At, s.KPI.Unit)
		if !l.Breached {
			said += ", if that lasts for " + words.Span(l.Threshold.Sustain)
		}
	}
	return clean(said)
}
