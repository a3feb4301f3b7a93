package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const manyKPIs = 12

type (
	decisionKeys struct {
		Date     *string `yaml:"date"`
		Decision *string `yaml:"decision"`
		Why      *string `yaml:"why"`
	}
	noteKeys struct {
		Date *string `yaml:"date"`
		Text *string `yaml:"text"`
	}
)

// status reads where a KPI is in its life, and returns whether that is known.
func (l *loader) status(key string, kpi *KPI, k *kpiKeys) bool {
	kpi.Status = Active
	if k.Status != nil {
		kpi.Status = Status(*k.Status)
	}
	kpi.Reason = l.text(key+".reason", k.Reason)
	switch {
	case !slices.Contains([]Status{Proposed, Active, Context, Retired}, kpi.Status):
		l.problem(key+".status", "unknown status; write proposed, active, context or retired")
		return false
	case kpi.Status == Retired && k.Reason == nil:
		l.problem(key+".reason", "is missing; write why the KPI is retired, so that nobody invents it again")
	case kpi.Status != Retired && k.Reason != nil:
		l.problem(key+".reason", "says why a KPI is retired, and this one is %s; write why it is measured under why, and what was decided under decisions", kpi.Status)
	}
	return true
}

// owner reads who acts on a KPI. Nobody does on one that is there for context, or retired.
func (l *loader) owner(key string, v *string, status Status) string {
	switch {
	case v == nil && (status == Context || status == Retired):
		return ""
	case v == nil:
		l.problem(key, "is missing; write the role that acts on it, such as intranet-manager")
		return ""
	case strings.Contains(*v, "@"):
		l.problem(key, "must be a role such as intranet-manager, not an address; addresses live in Alertmanager's file")
	case !slug.MatchString(*v) || len(*v) > maxSlug:
		l.problem(key, "is not a role; write at most %d lower-case letters, digits, _ and -, such as intranet-manager", maxSlug)
	}
	return *v
}

func (l *loader) review(key string, v *string, status Status) time.Time {
	if v == nil && status != Retired {
		l.problem(key, "is missing; write the date on which you decide whether to keep, refine or drop the KPI, such as 2027-06-30")
	}
	return l.date(key, v)
}

func (l *loader) decisions(key string, all []decisionKeys) []Decision {
	var decisions []Decision
	for i, k := range all {
		sub := fmt.Sprintf("%s[%d]", key, i)
		d := Decision{Date: l.past(sub+".date", k.Date, "it was decided"), Why: l.text(sub+".why", k.Why)}
		if i > 0 && !d.Date.IsZero() && d.Date.Before(decisions[i-1].Date) {
			l.problem(sub+".date", "%s is before %s, the date of the decision above; write the oldest first", *k.Date, decisions[i-1].Date.Format(time.DateOnly))
		}
		switch {
		case k.Decision == nil:
			l.problem(sub+".decision", "is missing; write keep, refine or drop")
		case !slices.Contains([]string{"keep", "refine", "drop"}, *k.Decision):
			l.problem(sub+".decision", "unknown decision; write keep, refine or drop")
		default:
			d.Decision = *k.Decision
		}
		if k.Why == nil {
			l.problem(sub+".why", "is missing; write the reason, for those who review it next time")
		}
		decisions = append(decisions, d)
	}
	return decisions
}

// notes reads the notes. A note's text is the label that tells its series from the others, so no two are equal.
func (l *loader) notes() {
	first := map[string]int{} // line, by text
	for i, k := range l.keys.Notes {
		key := fmt.Sprintf("notes[%d]", i)
		n := Note{Date: l.date(key+".date", k.Date), Text: l.text(key+".text", k.Text)}
		if k.Date == nil {
			l.problem(key+".date", "is missing; write the day, such as 2027-01-04")
		}
		if line, twice := first[n.Text]; k.Text == nil {
			l.problem(key+".text", "is missing; write what happened, such as New home page")
		} else if twice {
			l.problem(key+".text", "is the text of another note too, in line %d; write what is different, such as the year", line)
		} else {
			first[n.Text] = l.lines[key]
		}
		l.config.Notes = append(l.config.Notes, n)
	}
}

// date reads a day, which begins at midnight in the file's time zone.
func (l *loader) date(key string, v *string) time.Time {
	if v == nil {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, *v, l.config.TimeZone)
	if err != nil {
		l.problem(key, "is not a date that exists; write year-month-day, such as 2027-06-30")
	}
	return t
}

// past reads the day on which something happened.
func (l *loader) past(key string, v *string, happened string) time.Time {
	t := l.date(key, v)
	switch {
	case v == nil:
		l.problem(key, "is missing; write the day on which %s", happened)
	case t.After(l.now):
		l.problem(key, "%s is in the future; write the day on which %s", *v, happened)
	}
	return t
}

// lookAtKPIs warns about KPIs that load but are not what they could be.
func (l *loader) lookAtKPIs() {
	agreed := 0
	measured := map[string]string{} // key of the KPI, by definition
	for i, o := range l.config.Objectives {
		volume := len(o.KPIs) > 0
		for j, k := range o.KPIs {
			if k.Status == Retired {
				continue
			}
			if k.Status != Context {
				agreed++
			}
			volume = volume && k.counts()
			key := fmt.Sprintf("objectives[%d].kpis[%d]", i, j)
			l.lookAtDates(key, k)
			if first, twice := measured[k.definition()]; twice {
				l.warn(key+".measure", "it is the same number as that of the KPI in line %d; keep one of them, or choose another window", l.lines[first])
			} else {
				measured[k.definition()] = key
			}
		}
		if volume {
			l.warn(fmt.Sprintf("objectives[%d].kpis", i), "all of them count how much is done, and none how many people do it; add a KPI on people, such as active_users, or a ratio with per")
		}
	}
	if agreed > manyKPIs {
		l.warn("objectives", "%d KPIs are more than anybody acts on; keep at most %d, and drop those whose actions were never taken", agreed, manyKPIs)
	}
}

// lookAtDates warns about dates of a KPI that are over.
func (l *loader) lookAtDates(key string, k *KPI) {
	if t := k.Target; t != nil && !t.By.IsZero() && t.By.AddDate(0, 0, 1).Before(l.now) {
		l.warn(key+".target.by", "%s has passed; set a new date and value, or remove the date", t.By.Format(time.DateOnly))
	}
	review := k.Review.Format(time.DateOnly)
	switch n := len(k.Decisions); {
	case k.Review.IsZero():
	case n > 0 && !k.Review.After(k.Decisions[n-1].Date):
		l.warn(key+".review", "%s was held: the last decision is of %s; set the date of the next one", review, k.Decisions[n-1].Date.Format(time.DateOnly))
	case k.Review.Before(l.now):
		l.warn(key+".review", "the review is due since %s; decide whether to keep, refine or drop the KPI, and set the next date", review)
	}
}
