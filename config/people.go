package config

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// People is the name of the platform that stands for all platforms together.
const People = "people"

type peopleKeys struct {
	Workforce *string `yaml:"workforce"`
}

// A Part is what a platform adds to the people across platforms.
type Part struct {
	Workforce bool   // its accounts are the people
	Active    string // its measure of who was active, "" = it does not count that account by account
	LoggedIn  string // its measure of who signed in, "" likewise
}

// A Share is a measure of one platform that a measure of people is made from.
type Share struct {
	Platform *Platform
	Measure  string
}

// Shares lists what a measure of people is made from. With a workforce that is part of everything.
func (c *Config) Shares(name string) []Share {
	workforce := slices.ContainsFunc(c.Platforms, func(p *Platform) bool { return p.Part != nil && p.Part.Workforce })
	var shares []Share
	for _, p := range c.Platforms {
		if p.Part == nil {
			continue
		}
		share := Share{Platform: p}
		switch {
		case name == "people_active":
			share.Measure = p.Part.Active
		case name == "people_logged_in":
			share.Measure = p.Part.LoggedIn
		case name == "accounts_unjoined", !workforce:
			share.Measure = "accounts"
		}
		if share.Measure == "" && p.Part.Workforce {
			share.Measure = "accounts"
		}
		if share.Measure != "" {
			shares = append(shares, share)
		}
	}
	return shares
}

// people decides which platforms take part in the people, and makes the platform that stands for all of them where
// there are at least two.
func (l *loader) people() {
	before := len(l.problems)
	workforce := l.workforce()
	if l.anyBroken() || len(l.problems) > before {
		return // who takes part hangs on that
	}
	var said []string
	left := map[*Platform]string{}
	for _, p := range l.config.Platforms {
		part := &Part{Workforce: p == workforce, LoggedIn: p.countsEach("logged_in_users"), Active: p.countsEach("active_users", "contributors", "authors")}
		why := p.anonymous()
		if why == "" && !part.Workforce && part.Active+part.LoggedIn == "" {
			why = "it does not count who was active account by account"
		}
		if why == "" {
			p.Part = part
			said = append(said, p.Name+" does")
		} else {
			left[p] = why
			said = append(said, p.Name+" does not: "+why)
		}
	}
	if n := len(l.config.Platforms) - len(left); n < 2 {
		l.peopleless = "needs at least two platforms that take part; " + strings.Join(said, "; ")
		for _, p := range l.config.Platforms {
			p.Part = nil
		}
		if l.keys.People != nil {
			l.warn("people", "%s", l.peopleless)
		}
		return
	}
	for _, p := range l.config.Platforms {
		if p.Part == nil {
			l.warn(parent(l.slugs["platform "+p.Name]), "takes no part in the people across platforms: %s", left[p])
			continue
		}
		p.Fingerprint = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, p.Fingerprint, *p.Part)))
	}
	l.config.People = l.together()
}

// workforce is the platform whose accounts are the people, nil = none is.
func (l *loader) workforce() *Platform {
	k := l.keys.People
	if k == nil || k.Workforce == nil {
		return nil
	}
	i := slices.IndexFunc(l.config.Platforms, func(p *Platform) bool { return p.Name == *k.Workforce })
	if i < 0 {
		if _, written := l.broken[*k.Workforce]; !written {
			l.unknownPlatform("people.workforce", *k.Workforce)
		}
		return nil
	}
	if why := l.config.Platforms[i].anonymous(); why != "" {
		l.problem("people.workforce", "%s can't say who the people are: %s", *k.Workforce, why)
		return nil
	}
	return l.config.Platforms[i]
}

// anyBroken tells whether any platform has problems of its own.
func (l *loader) anyBroken() bool {
	return slices.Contains(slices.Collect(maps.Values(l.broken)), true)
}

// choosePeople returns the platform that stands for all of them, or nil after noting why there is none.
func (l *loader) choosePeople(key, what string) *Platform {
	if l.peopleless != "" {
		l.problem(key, "%s %s", what, l.peopleless)
	}
	return l.config.People
}

// anonymous says why a platform's accounts can't be recognised elsewhere, or "" if they can.
func (p *Platform) anonymous() string {
	switch a := p.Description.Accounts; {
	case a == nil:
		return "it lists no accounts"
	case p.Identity == "" && !a.Identity:
		return "it does not tell what people are called elsewhere (key identity)"
	case p.Identity != "" && a.Nameless:
		return "its accounts have no name to make an identity of"
	}
	return ""
}

// countsEach returns the first of these measures that is counted here from single accounts, in all windows; "" = none.
func (p *Platform) countsEach(names ...string) string {
	counted := map[string]int{}
	for _, d := range p.Description.Measures() {
		if d.Basis == measure.Event || d.Basis == measure.LastSeen {
			counted[d.Measure]++
		}
	}
	for _, name := range names {
		if counted[name] == len(measure.Windows) {
			return name
		}
	}
	return ""
}

// together makes the platform that stands for all that take part. Its max_age is the longest of theirs: a value that
// rests on one that is too old by its own is not there at all.
func (l *loader) together() *Platform {
	together := &Platform{Name: People, Type: "across platforms"}
	together.Description.Undelivered = map[string]string{
		"people_active":    "No platform that takes part counts who was active account by account.",
		"people_logged_in": "No platform that takes part counts who signed in account by account.",
	}
	for _, m := range measure.All {
		if m.Counting != measure.Across {
			continue
		}
		var from []string
		windowed := false
		for _, s := range l.config.Shares(m.Name) {
			from = append(from, s.Platform.Name+": "+s.Measure)
			windowed = windowed || s.Measure != "accounts"
			together.MaxAge = max(together.MaxAge, s.Platform.MaxAge)
		}
		if m.Windowed != windowed {
			continue
		}
		windows := []measure.Window{0}
		if windowed {
			windows = measure.Windows
		}
		delete(together.Description.Undelivered, m.Name)
		for _, w := range windows {
			together.Description.Readings = append(together.Description.Readings,
				collector.ReadingSource{Ref: measure.Ref{Measure: m.Name, Window: w}, Source: strings.Join(from, ", ")})
		}
	}
	return together
}
