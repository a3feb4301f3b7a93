package collector

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// siteSettle is how late a page shows in the list of its site.
const siteSettle = 5 * time.Minute

// A microsoft365Sites reads the sites that the config file names.
type microsoft365Sites struct {
	graph *microsoft365Graph
	sites []*microsoft365Site
	stale time.Duration
	now   func() time.Time

	pages  []microsoft365Page // that are published, as they were listed last
	listed time.Time          // when that began
}

type microsoft365Site struct {
	name string // the label
	path string // by which Graph finds it
	id   string // "" = not known yet
}

// refs are the views of the site, and who viewed it.
func (s *microsoft365Site) refs() []measure.Ref {
	week := measure.Windows[1]
	return []measure.Ref{{Measure: "site_page_views", Window: week, Label: s.name}, {Measure: "site_visitors", Window: week, Label: s.name}}
}

// A microsoft365Page is a page that is published, or was and is being edited.
type microsoft365Page struct {
	created, changed time.Time
	creator, editor  microsoft365Identity
	edited           bool // after it was published first
}

// microsoft365SitePath returns how Graph addresses the site at an address that a browser shows.
// https://learn.microsoft.com/graph/api/site-getbypath
func microsoft365SitePath(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("is not the address of a site; write one such as https://contoso.sharepoint.com/sites/news")
	}
	if path := strings.Trim(u.EscapedPath(), "/"); path != "" {
		return "sites/" + u.Host + ":/" + path, nil
	}
	return "sites/" + u.Host, nil
}

// probe proves that each site may be read.
func (s *microsoft365Sites) probe(ctx context.Context) error {
	for _, site := range s.sites {
		if err := s.find(ctx, site); err != nil {
			return err
		}
	}
	return nil
}

// find asks for the id of a site, which is another one once the site was deleted and made anew.
func (s *microsoft365Sites) find(ctx context.Context, site *microsoft365Site) error {
	var answer struct {
		ID string `json:"id"`
	}
	err := s.graph.get(ctx, fetch.Request{Path: site.path, Shown: "sites/" + site.name, Query: url.Values{"$select": {"id"}}}, &answer)
	switch {
	case err != nil:
		return err
	case answer.ID == "":
		return cause.Errorf(cause.BadResponse, "site %s: the answer has no id", site.name)
	}
	site.id = answer.ID
	return nil
}

// request asks for something of a site. Its address may name somebody.
func (s *microsoft365Sites) request(ctx context.Context, site *microsoft365Site, what string) (fetch.Request, error) {
	if site.id == "" {
		if err := s.find(ctx, site); err != nil {
			return fetch.Request{}, err
		}
	}
	return fetch.Request{Path: "sites/" + site.id + "/" + what, Shown: "sites/" + site.name + "/" + what}, nil
}

// A microsoft365Identity is who did something. Most often there is an address only, and of an application neither.
type microsoft365Identity struct {
	User struct {
		ID   string `json:"id"`
		Mail string `json:"email"`
	} `json:"user"`
}

// list lists the pages of all sites, unless that was done since a time, and a moment ago.
// https://learn.microsoft.com/graph/api/sitepage-list
func (s *microsoft365Sites) list(ctx context.Context, since time.Time) error {
	began := s.now()
	if age := began.Sub(s.listed); !s.listed.Before(since) && age >= 0 && age < siteSettle { // in the same poll
		return nil
	}
	var pages []microsoft365Page
	for _, site := range s.sites {
		r, err := s.request(ctx, site, "pages/microsoft.graph.sitePage")
		if err != nil {
			return err
		}
		r.Query = url.Values{"$select": {"id,createdDateTime,lastModifiedDateTime,createdBy,lastModifiedBy,publishingState"}}
		seen := newHashed()
		err = s.graph.list(ctx, r, func(dec *jsontext.Decoder) error {
			var row struct {
				ID      string               `json:"id"`
				Created time.Time            `json:"createdDateTime"`
				Changed time.Time            `json:"lastModifiedDateTime"`
				Creator microsoft365Identity `json:"createdBy"`
				Editor  microsoft365Identity `json:"lastModifiedBy"`
				State   *struct {
					Level   string `json:"level"`
					Version string `json:"versionId"`
				} `json:"publishingState"`
			}
			if err := json.UnmarshalDecode(dec, &row); err != nil {
				return err
			}
			switch {
			case row.ID == "" || row.State == nil:
				return cause.Errorf(cause.BadResponse, "listed a page without id or publishingState")
			case !seen.add(row.ID):
				return cause.Errorf(cause.BadResponse, "listed a page twice")
			case row.Created.Year() < 1990 || row.Changed.Before(row.Created) || row.Changed.After(began.Add(24*time.Hour)):
				return cause.Errorf(cause.BadResponse, "listed a page with dates that can't be right")
			}
			// Versions are 0.1, 0.2 until a page is published as 1.0; what is edited then is 1.1 until it is published again.
			major, _, _ := strings.Cut(row.State.Version, ".")
			published, _ := strconv.Atoi(major)
			if row.State.Level != "published" && published == 0 {
				return nil
			}
			pages = append(pages, microsoft365Page{
				created: row.Created, changed: row.Changed, creator: row.Creator, editor: row.Editor,
				edited: row.State.Version != "1.0" && row.Changed.After(row.Created),
			})
			return nil
		})
		if err != nil {
			return err
		}
	}
	s.pages, s.listed = pages, began
	return nil
}

// events tells what was done in [from, to): pages that are there now were created once, and were changed at least once
// where their last change is another one than publishing. actor finds the account.
func (s *microsoft365Sites) events(ctx context.Context, from, to time.Time, actor func(microsoft365Identity) string, emit func(Event)) error {
	if err := s.list(ctx, to); err != nil {
		return err
	}
	within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	for _, p := range s.pages {
		if within(p.created) {
			emit(Event{Kind: measure.PageCreated, At: p.created, Actor: actor(p.creator)})
		}
		if p.edited && within(p.changed) {
			emit(Event{Kind: measure.PageEdit, At: p.changed, Actor: actor(p.editor)})
		}
	}
	return nil
}

// counts tells how many pages there are, and how many nobody touched for long.
func (s *microsoft365Sites) counts(ctx context.Context) ([]Reading, error) {
	if err := s.list(ctx, time.Time{}); err != nil {
		return nil, err
	}
	stale := 0
	for _, p := range s.pages {
		if p.changed.Before(s.listed.Add(-s.stale)) {
			stale++
		}
	}
	return []Reading{
		{Ref: measure.Ref{Measure: "pages"}, Value: float64(len(s.pages)), AsOf: s.listed},
		{Ref: measure.Ref{Measure: "pages_stale"}, Value: float64(stale), AsOf: s.listed},
	}, nil
}

// A microsoft365Stat is what somebody did with a site in a while.
type microsoft365Stat struct {
	End    time.Time `json:"endDateTime"`
	Access *struct {
		Actions *int64 `json:"actionCount"`
		Actors  *int64 `json:"actorCount"`
	} `json:"access"`
	Incomplete *struct {
		Before    time.Time `json:"missingDataBeforeDateTime"`
		Throttled bool      `json:"wasThrottled"`
	} `json:"incompleteData"`
}

// views tells how often a site was viewed in seven days, and by how many people. What the platform knows in part
// only is not told. https://learn.microsoft.com/graph/api/itemanalytics-get
func (s *microsoft365Sites) views(ctx context.Context, site *microsoft365Site) ([]Reading, error) {
	r, err := s.request(ctx, site, "analytics/lastSevenDays")
	if err != nil {
		return nil, err
	}
	var answer struct { // the numbers themselves, or what holds them, both are documented
		microsoft365Stat
		Inner   *microsoft365Stat `json:"lastSevenDays"`
		Context string            `json:"@odata.context"`
	}
	if err := s.graph.get(ctx, r, &answer); err != nil {
		return nil, err
	}
	stat := answer.microsoft365Stat
	if answer.Inner != nil {
		stat = *answer.Inner
	}
	now := s.now()
	today := now.UTC().Truncate(24 * time.Hour)
	switch {
	case stat == microsoft365Stat{} && answer.Context == "":
		return nil, cause.Errorf(cause.BadResponse, "the answer has no numbers")
	case stat.Incomplete != nil && (stat.Incomplete.Throttled || !stat.Incomplete.Before.IsZero()), stat.Access == nil:
		return nil, nil
	case stat.Access.Actions == nil || stat.Access.Actors == nil || *stat.Access.Actions < 0 || *stat.Access.Actors < 0:
		return nil, cause.Errorf(cause.BadResponse, "told views without their number")
	case stat.End.IsZero(): // views of a day are counted after its end
		stat.End = today
	case stat.End.After(now.Add(24 * time.Hour)), stat.End.Before(now.AddDate(-1, 0, 0)):
		return nil, cause.Errorf(cause.BadResponse, "told views with a date that can't be right")
	}
	refs := site.refs()
	return []Reading{
		{Ref: refs[0], Value: float64(*stat.Access.Actions), AsOf: stat.End},
		{Ref: refs[1], Value: float64(*stat.Access.Actors), AsOf: stat.End},
	}, nil
}
