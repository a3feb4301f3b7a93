package words

import (
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A phrase is how a measure is said: "people signed in | fewer than 25 | times", "fewer than 25 | pages | were created".
type phrase struct {
	before, noun, after string
	one                 string // as in "per account"
}

// phrases has every measure that can be a KPI, but custom ones, which have a title.
var phrases = map[string]phrase{
	"accounts":                {before: "there are ", noun: "accounts", one: "account"},
	"activated_accounts":      {noun: "accounts", after: "have ever signed in", one: "activated account"},
	"active_users":            {noun: "people", after: "were active", one: "active user"},
	"contributors":            {noun: "people", after: "contributed", one: "contributor"},
	"authors":                 {noun: "people", after: "created or edited a page", one: "author"},
	"logged_in_users":         {noun: "people", after: "signed in at least once", one: "person who signed in"},
	"logins":                  {before: "people signed in ", noun: "times", one: "login"},
	"page_views":              {before: "pages were viewed ", noun: "times", one: "page view"},
	"pages_visited":           {noun: "pages", after: "were viewed", one: "page that was viewed"},
	"site_page_views":         {before: "pages of the site were viewed ", noun: "times", one: "page view of the site"},
	"site_visitors":           {noun: "people", after: "viewed the site", one: "visitor of the site"},
	"pages":                   {before: "there are ", noun: "pages", one: "page"},
	"pages_stale":             {noun: "pages", after: "are stale", one: "stale page"},
	"pages_created":           {noun: "pages", after: "were created", one: "new page"},
	"page_edits":              {before: "pages were edited ", noun: "times", one: "edit"},
	"comments":                {noun: "comments", after: "were written", one: "comment"},
	"reactions":               {noun: "reactions", after: "were given", one: "reaction"},
	"searches":                {before: "people searched ", noun: "times", one: "search"},
	"searches_without_result": {noun: "searches", after: "found nothing", one: "search without result"},
	"profiles_complete":       {noun: "accounts", after: "have a complete profile", one: "complete profile"},
	"profile_completion":      {noun: "the profile fields", after: "are filled in on average"},
	"people":                  {before: "there are ", noun: "people", one: "person"},
	"people_active":           {noun: "people", after: "were active on any platform", one: "active person"},
	"people_logged_in":        {noun: "people", after: "signed in to any platform", one: "person who signed in to any platform"},
}

// single is the phrase of a single one: "there is fewer than 1 | account", "fewer than 1 | page | was created".
func (p phrase) single() phrase {
	p.before = strings.Replace(p.before, "there are", "there is", 1)
	p.after = strings.NewReplacer("are ", "is ", "were ", "was ", "have ", "has ").Replace(p.after)
	p.noun = string(measure.Unit(p.noun).One())
	return p
}

// Limit says when a threshold of a KPI is crossed: "fewer than 25 pages were created in 7 days, or the value falls by
// more than 20 % against 28 days earlier".
func Limit(k *config.KPI, t *config.Threshold) string {
	var limits []string
	if t.Below != nil || t.Above != nil {
		limits = append(limits, absolute(k, t))
	}
	if t.Drop != nil || t.Rise != nil {
		limits = append(limits, change(t))
	}
	return strings.Join(limits, ", or ")
}

// change says when a threshold is crossed by how much the value moved.
func change(t *config.Threshold) string {
	var ways []string
	if t.Drop != nil {
		ways = append(ways, "falls by more than "+Exact(*t.Drop, measure.Ratio))
	}
	if t.Rise != nil {
		ways = append(ways, "rises by more than "+Exact(*t.Rise, measure.Ratio))
	}
	return "the value " + strings.Join(ways, " or ") + " against " + Span(t.Against) + " earlier"
}

// absolute says on which side of which number the value has crossed a threshold.
func absolute(k *config.KPI, t *config.Threshold) string {
	p, known := phrases[k.Measure.Measure]
	value := func(v float64) string { return Exact(v, "") }
	if !known || k.Unit == measure.Ratio {
		value = func(v float64) string { return Exact(v, k.Unit) }
	}
	window := ""
	if k.Measure.Window != 0 {
		window = " in " + Span(time.Duration(k.Measure.Window))
	}
	compare := func(below, above string) string {
		var sides []string
		if t.Below != nil {
			sides = append(sides, below+value(*t.Below))
		}
		if t.Above != nil {
			sides = append(sides, above+value(*t.Above))
		}
		return strings.Join(sides, " or ")
	}
	number := compare("fewer than ", "more than ")
	switch {
	case !known:
		return "“" + k.Title + "” is " + compare("below ", "above ")
	case k.Unit == measure.Ratio && k.Per == nil:
		return number + " of " + p.noun + " " + p.after
	case k.Unit == measure.Ratio && p.before != "":
		return name(k.Measure) + " are " + compare("below ", "above ") + " of " + whole(*k.Per) + window
	case k.Unit == measure.Ratio:
		return number + " of " + whole(*k.Per) + " " + p.after + window
	}
	if number == "fewer than 1" || number == "more than 1" {
		p = p.single()
	}
	s := p.before + number + " " + p.noun
	if k.Per != nil {
		one := phrases[k.Per.Measure].one
		if one == "" { // a custom measure is known by its unit
			_, one, _ = strings.Cut(string(k.Unit), " per ")
		}
		s += " per " + one
	}
	if p.after != "" {
		s += " " + p.after
	}
	return s + window
}

// whole says of what something is a share: "the accounts", "the people who signed in".
func whole(r measure.Ref) string {
	p := phrases[r.Measure]
	switch {
	case p.after == "":
		return "the " + name(r)
	case p.noun == "people":
		return "the people who " + p.after
	}
	return "the " + p.noun + " that " + p.after
}
