// Package config reads the file that people write: platforms, objectives and KPIs. What it returns is
// valid: whoever holds a Config need not check it again.
package config

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A Config is a whole, valid config file.
type Config struct {
	TimeZone   *time.Location
	Dashboard  string // links.dashboard with {kpi} in it, "" = the KPI's page
	Platforms  []*Platform
	People     *Platform // stands for all that take part in the people across platforms; nil = fewer than two do
	Objectives []*Objective
	Notes      []Note
	Warnings   []Problem // what loads but should be looked at
}

// A Note says why a line moved on that day, for annotations.
type Note struct {
	Date time.Time
	Text string
}

// A Platform is one entry of platforms, with every default applied.
type Platform struct {
	Name        string
	Type        string
	Collector   collector.Collector
	Description collector.Description // of Collector, with the settings below applied

	PollInterval     time.Duration
	AccountsInterval time.Duration
	Timeout          time.Duration // of one poll
	MaxAge           time.Duration // with the platform's normal lag added

	Exclude    Exclude
	Identity   string  // such as "{name}@example.org", "" = as the platform tells it
	CompleteAt float64 // share of the profile fields at which a profile is complete, (0, 1]
	Part       *Part   // in the people across platforms; nil = it takes none, and nobody's identity is kept

	Fingerprint string // equal as long as nothing that concerns this platform was edited
}

// Counting is what decides which accounts are counted, and as what: after a change they have to be listed anew.
func (p *Platform) Counting() []string {
	identity := ""
	if p.Part != nil {
		identity = cmp.Or(p.Identity, "as told")
	}
	parts := []string{strconv.FormatBool(p.Exclude.Guests), identity}
	for _, re := range p.Exclude.Accounts {
		parts = append(parts, "without "+re.String())
	}
	if a := p.Description.Accounts; a != nil {
		for _, field := range a.Profile {
			parts = append(parts, "with "+field)
		}
	}
	return parts
}

// Exclude says which accounts are not counted, besides service accounts and the collector's own.
type Exclude struct {
	Accounts []*regexp.Regexp // matched with the account's name
	Guests   bool
}

// An Objective is what success means for the organisation.
type Objective struct {
	Name        string
	Title       string
	Description string
	KPIs        []*KPI
}

// A KPI is a measure with what was agreed about it.
type KPI struct {
	Name      string // the slug that identifies it
	Title     string
	Why       string // the answer to "so what?"
	Objective string // name of the objective
	Status    Status
	Reason    string // why it is retired
	Platform  string
	Measure   measure.Ref
	Per       *measure.Ref // denominator; nil = none
	Unit      measure.Unit
	Direction Direction
	Baseline  *Baseline
	Target    *Target
	Warning   *Threshold
	Critical  *Threshold
	Owner     string // a role
	Review    time.Time
	Decisions []Decision // what reviews came to, oldest first
	URL       string     // from links.dashboard; "" = its own page
}

// A Status says where a KPI is in its life.
type Status string

// The statuses. Only an active KPI has verdicts.
const (
	Proposed Status = "proposed" // limits are shown, to see whether they are the right ones
	Active   Status = "active"   // agreed
	Context  Status = "context"  // explains other KPIs, and has no limits of its own
	Retired  Status = "retired"  // kept in the file with its reason, so that nobody invents it again
)

// A Baseline is where the organisation began.
type Baseline struct {
	Value float64
	Date  time.Time
}

// A Decision is what a review came to.
type Decision struct {
	Date     time.Time
	Decision string // keep, refine, drop
	Why      string
}

// A Direction says which way is better.
type Direction string

// The directions.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
	Range  Direction = "range"
)

// A Target is what the organisation wants to reach.
type Target struct {
	Value float64
	By    time.Time // zero = no date
}

// A Threshold is a limit, and the action that was agreed for when it is crossed.
type Threshold struct {
	Below   *float64      // crossed while the value is lower; nil = no such limit
	Above   *float64      // crossed while the value is higher; nil = no such limit
	Drop    *float64      // crossed while the value is lower than it was by more than this share; nil = no such limit
	Rise    *float64      // crossed while the value is higher than it was by more than this share; nil = no such limit
	Against time.Duration // how much earlier it was: 7 or 28 days; zero without Drop and Rise
	Sustain time.Duration
	Action  string
	Within  time.Duration // in which the action is due; zero = not agreed
}

// Identity is what a KPI's history belongs to: a change of the definition starts it anew, an edited text
// or limit does not.
func (k *KPI) Identity() string {
	return k.Name + "\x00" + k.definition()
}

// definition is what a KPI measures.
func (k *KPI) definition() string {
	d := k.Platform + "\x00" + k.Measure.String()
	if k.Per != nil {
		d += "\x00" + k.Per.String()
	}
	return d
}

// KPIs returns the KPIs of all objectives in the order of the file.
func (c *Config) KPIs() []*KPI {
	var all []*KPI
	for _, o := range c.Objectives {
		all = append(all, o.KPIs...)
	}
	return all
}

// A Problem is one mistake in the config file, or something to look at.
type Problem struct {
	File string
	Line int    // 0 = the file as a whole
	Key  string // path, such as platforms[0].http_client
	Text string // what is wrong, and what would be right
}

// Error returns the problem in one line: file:line: key: text.
func (p Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	if p.Key != "" {
		s += ": " + p.Key
	}
	return s + ": " + p.Text
}

// Problems is the error of a config file with mistakes: all of them, in the order of the file.
type Problems []Problem

// Error returns the problems, one a line, and of very many the first.
func (ps Problems) Error() string {
	const most = 100
	var lines []string
	for _, p := range ps[:min(len(ps), most)] {
		lines = append(lines, p.Error())
	}
	if len(ps) > most {
		lines = append(lines, fmt.Sprintf("%s: mistakes that are not listed: %d", ps[0].File, len(ps)-most))
	}
	return strings.Join(lines, "\n")
}
