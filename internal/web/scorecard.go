package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

// A View is what the pages show: the same that the metrics are built from.
type View struct {
	Now      time.Time
	Statuses []poll.Status
	People   *tally.Snapshot // across platforms; nil = none are counted
	KPIs     []kpi.State
	Past     func(*config.KPI) kpi.Past // of one of KPIs
	Config   *config.Config
}

var (
	//go:embed style.css
	style string
	//go:embed *.html
	markup embed.FS

	pages = template.Must(template.ParseFS(markup, "*.html"))

	// The pages have one style of their own; nothing else may be loaded or run in them.
	policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" + digest(style) + "'"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func serveScorecard(w http.ResponseWriter, v View) { servePage(w, "scorecard.html", v.page()) }

func servePage(w http.ResponseWriter, name string, content any) {
	var out bytes.Buffer // nobody gets half a page
	if err := pages.ExecuteTemplate(&out, name, content); err != nil {
		panic(err) // a mistake in the template
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(out.Bytes())
}

// Everything is put into words here; the templates only say what stands where.
type (
	page struct {
		Style      template.CSS
		Now        moment
		NextReview *moment
		Example    string // the review date of the first KPI that somebody writes
		Summary    []count
		Objectives []objective
		Platforms  []platform
	}
	count struct {
		N     int
		First string // KPI
		status
	}
	objective struct {
		*config.Objective
		Rows    []row
		Retired []*config.KPI
	}
	row struct {
		*config.KPI
		What       string // is measured
		Value      string // "" = not known
		Parts      string // of a ratio
		Change     *change
		Age        *moment
		Status     status
		Since      *moment
		Notes      []string
		Action     string // to be done now
		Within     string
		Attainment string
		Bar        *bar
		Target     string // "" = none
		Limits     []limit
		Role       string
		Review     *moment
		ReviewDue  bool
		Decision   *decision // the latest
	}
	decision struct {
		Date     moment
		Decision string
		Why      string
	}
	limit struct {
		status
		Text string
	}
	platform struct {
		*config.Platform
		Status   status
		Notes    []string
		Data     []data
		Accounts string
	}
	data struct {
		Of    string
		Until moment
	}
)

// A status is a verdict as a word and a sign: colour alone says nothing to some, and nothing in print. Each colour
// has one meaning on the page: all is well, look at it, act now, and grey for what can't be said.
type status struct{ Word, Sign, Class string }

var (
	critical  = status{"critical", "●", "crit"}
	warning   = status{"warning", "▲", "warn"}
	fine      = status{"on track", "✓", "ok"}
	unknown   = status{"without data", "○", "off"}
	warmingUp = status{"warming up", "○", "off"}
	tooFew    = status{"too few to judge", "–", "off"}
	unlimited = status{"without limits", "–", "off"}
	proposed  = status{"proposed", "?", "off"}
	explains  = status{"for context", "–", "off"}

	works = status{"works", "✓", "ok"}
	fails = status{"fails", "▲", "warn"}
	waits = status{"not polled yet", "○", "off"}
)

func (v View) page() page {
	p := page{Style: template.CSS(style), Now: v.now(), Example: v.Now.AddDate(0, 6, 0).Format(time.DateOnly)}
	states := map[string]kpi.State{}
	for _, s := range v.KPIs {
		states[s.KPI.Name] = s
	}
	var next time.Time
	counts := map[status]*count{}
	for _, o := range v.Config.Objectives {
		shown := objective{Objective: o}
		for _, k := range o.KPIs {
			if k.Status == config.Retired {
				shown.Retired = append(shown.Retired, k)
			}
			s, ok := states[k.Name]
			if !ok {
				continue
			}
			r := v.row(s)
			shown.Rows = append(shown.Rows, r)
			if counts[r.Status] == nil {
				counts[r.Status] = &count{First: k.Name, status: r.Status}
			}
			counts[r.Status].N++
			if r.Review != nil && !r.ReviewDue && (next.IsZero() || k.Review.Before(next)) {
				next = k.Review
			}
		}
		p.Objectives = append(p.Objectives, shown)
	}
	for _, s := range []status{critical, warning, fine, unknown, warmingUp, tooFew, unlimited, proposed, explains} {
		if c := counts[s]; c != nil {
			p.Summary = append(p.Summary, *c)
		}
	}
	if !next.IsZero() {
		review := v.date(next)
		p.NextReview = &review
	}
	for _, s := range v.Statuses {
		p.Platforms = append(p.Platforms, v.platform(s))
	}
	if v.People != nil {
		p.Platforms = append(p.Platforms, v.people())
	}
	return p
}

func (v View) row(s kpi.State) row {
	k := s.KPI
	r := row{
		KPI: k, What: words.What(k.Measure), Age: v.age(s.Data), Change: moved(s), Attainment: attainment(s), Bar: newBar(s),
		Role: role(k.Owner), ReviewDue: k.Review.Before(v.Now),
	}
	if !k.Review.IsZero() {
		review := v.date(k.Review)
		r.Review = &review
	}
	if n := len(k.Decisions); n > 0 {
		r.Decision = v.decision(k.Decisions[n-1])
	}
	if k.Per != nil {
		r.What += " ÷ " + words.What(*k.Per)
	}
	if s.Known {
		r.Value = strings.ReplaceAll(words.Quantity(s.Value, k.Unit), "\u00a0", " ") // large type may need two lines
		if k.Per != nil {
			r.Parts = words.Quantity(s.Numerator, "") + " of " + words.Quantity(s.Denominator, "")
		}
	}
	if aim := target(k); aim != nil {
		r.Target = "target " + words.Exact(aim.Value, k.Unit)
		if !aim.By.IsZero() {
			r.Target += " by " + v.date(aim.By).Text
		}
	}
	for _, l := range s.Limits {
		r.Limits = append(r.Limits, limit{severity(l), describe(l, k.Unit)})
	}

	worst := worst(s.Limits)
	switch {
	case worst != nil:
		r.Status, r.Since = severity(*worst), v.known(worst.Start)
		r.Action, r.Within = worst.Threshold.Action, words.Span(worst.Threshold.Within)
		if !s.Known {
			r.Notes = append(r.Notes, "The last verdict stands.")
		}
	case k.Status == config.Proposed:
		r.Status = proposed
	case k.Status == config.Context:
		r.Status = explains
	case s.WarmingUp:
		r.Status = warmingUp
	case !s.Known:
		r.Status = unknown
	case len(s.Limits) == 0:
		r.Status = unlimited
	case s.Small:
		r.Status = tooFew
	default:
		r.Status = fine
	}
	if !s.Known {
		if why := v.absence(s); why != "" {
			r.Notes = append(r.Notes, why)
		}
		return r
	}
	for _, l := range s.Limits {
		if l.Breached || l.Start.IsZero() {
			continue
		}
		note := "It is " + beyond(l, k.Unit) + " since " + v.moment(l.Start).Text
		if until := l.Start.Add(l.Threshold.Sustain); until.After(v.Now) {
			note += "; if it stays there, it counts as " + l.Severity + " " + from(v.moment(until))
		}
		r.Notes = append(r.Notes, note+".")
	}
	return r
}

func (v View) decision(d config.Decision) *decision {
	return &decision{v.date(d.Date), d.Decision, d.Why}
}

// worst returns the first breached limit of the highest severity, nil if none is breached.
func worst(limits []kpi.Limit) *kpi.Limit {
	for _, of := range []status{critical, warning} {
		i := slices.IndexFunc(limits, func(l kpi.Limit) bool { return l.Breached && severity(l) == of })
		if i >= 0 {
			return &limits[i]
		}
	}
	return nil
}

// severity is the status of a KPI that has crossed a limit.
func severity(l kpi.Limit) status {
	if l.Severity == critical.Word {
		return critical
	}
	return warning
}

func (v View) platform(s poll.Status) platform {
	p := platform{Platform: s.Platform, Data: v.data(s.Snapshot), Accounts: accounts(s.Snapshot.Fresh(v.Now, s.Platform.MaxAge))}
	p.Status, p.Notes = v.health(s)
	return p
}

// people is the platform that stands for all of them together.
func (v View) people() platform {
	p := platform{Platform: v.Config.People, Status: works, Data: v.data(v.People), Accounts: joined(v.People)}
	p.Notes = v.covered(v.Config.People, v.People)
	if why := v.lacking(); why != "" {
		p.Status, p.Notes = unknown, append([]string{why}, p.Notes...)
	}
	return p
}

func (v View) data(s *tally.Snapshot) (all []data) {
	oldest := s.Oldest()
	for _, b := range measure.Bases {
		if t, ok := oldest[b]; ok {
			all = append(all, data{words.Bases[b], v.moment(t)})
		}
	}
	return all
}
