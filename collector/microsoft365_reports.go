package collector

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// The platform's limit is 14 requests in ten minutes for each report: so many at once, and as many more in that time.
const (
	reportCalls = 7
	reportsIn   = 10 * time.Minute
)

// errUnchanged says that a report is the one which was told last.
var errUnchanged = errors.New("the report is unchanged")

// A microsoft365Reports fetches usage reports, as CSV: Graph answers with the address of a download on another host.
// https://learn.microsoft.com/graph/api/resources/report
type microsoft365Reports struct {
	connect  func() (*microsoft365Graph, error) // that hands on redirects
	settings *microsoft365Graph
	domains  []string // where downloads may come from
	plain    bool     // also without TLS
	download func(origin string) (*fetch.Client, error)
	now      func() time.Time
	named    map[string]*microsoft365Endpoint // by report
}

// A microsoft365Endpoint is one report: the platform limits the requests for each by itself.
type microsoft365Endpoint struct {
	graph *microsoft365Graph
	limit *rate.Limiter
}

// A microsoft365Column is a column of a report that has a row for each day, and the measure that it is.
type microsoft365Column struct {
	name, measure string
	windows       []measure.Window
}

// sums returns the number that the days of columns add up to. Distinct people can't be added up, so that they have
// the window of a day only.
func (r *microsoft365Reports) sums(name, period string, columns ...microsoft365Column) *microsoft365Number {
	var refs []measure.Ref
	for _, c := range columns {
		for _, w := range c.windows {
			refs = append(refs, measure.Ref{Measure: c.measure, Window: w})
		}
	}
	return r.number(name, period, refs, func(report *microsoft365Report) (told []Reading, err error) {
		for _, c := range columns {
			days, err := report.daily(c.name, r.now())
			if err != nil {
				return nil, err
			}
			told = append(told, days.readings(c.measure, c.windows)...)
		}
		return told, nil
	})
}

// users returns the distinct people who used a product in a period, and who had a licence for it then.
func (r *microsoft365Reports) users(product, period string, accounts bool) *microsoft365Number {
	window := map[string]measure.Window{"D7": measure.Window(7 * 24 * time.Hour), "D30": measure.Window(30 * 24 * time.Hour)}[period]
	refs := []measure.Ref{{Measure: "active_users", Window: window}}
	if accounts {
		refs = append(refs, measure.Ref{Measure: "accounts"})
	}
	return r.number("getOffice365ServicesUserCounts", period, refs, func(report *microsoft365Report) ([]Reading, error) {
		if len(report.rows) == 0 {
			return nil, nil
		}
		if len(report.rows) > 1 {
			return nil, cause.Errorf(cause.BadResponse, "the report has more than one row")
		}
		active, known, err := report.number(report.rows[0], product+" Active")
		if err != nil || !known {
			return nil, err
		}
		told := []Reading{{Ref: refs[0], Value: active, AsOf: report.end()}}
		if accounts {
			inactive, known, err := report.number(report.rows[0], product+" Inactive")
			if err != nil || !known {
				return nil, err
			}
			told = append(told, Reading{Ref: refs[1], Value: active + inactive, AsOf: report.end()})
		}
		return told, nil
	})
}

// number returns the number that take finds in a report.
func (r *microsoft365Reports) number(name, period string, refs []measure.Ref, take func(*microsoft365Report) ([]Reading, error)) *microsoft365Number {
	last, refresh := "", time.Time{} // the tag of the report that was told last, and its last day
	read := func(ctx context.Context, all bool) ([]Reading, error) {
		if all {
			last = ""
		}
		report, tag, err := r.fetch(ctx, name, period, last)
		if err != nil {
			return nil, err
		}
		if len(report.rows) > 0 && report.refresh.Before(refresh) { // from a server that lags behind
			return nil, errUnchanged
		}
		told, err := take(report)
		if err != nil {
			return nil, err
		}
		last, refresh = tag, report.refresh
		return told, nil
	}
	return &microsoft365Number{sources: microsoft365Sources(name, refs...), read: read}
}

// probe proves that reports may be read.
func (r *microsoft365Reports) probe(ctx context.Context) error {
	_, _, _, err := r.link(ctx, "getOffice365ActiveUserCounts", "D7", "")
	return err
}

// A microsoft365Settings says what reports show: by itself or inside of what holds it, both are documented.
// https://learn.microsoft.com/graph/api/adminreportsettings-get
type microsoft365Settings struct {
	Concealed *bool `json:"displayConcealedNames"`
	Inner     *struct {
		Concealed *bool `json:"displayConcealedNames"`
	} `json:"value"`
}

// probeSettings proves that the settings may be read.
func (r *microsoft365Reports) probeSettings(ctx context.Context) error {
	_, err := r.concealed(ctx, true)
	return err
}

// concealed tells whether reports show hashes in place of names.
func (r *microsoft365Reports) concealed(ctx context.Context, _ bool) ([]Reading, error) {
	var settings microsoft365Settings
	if err := r.settings.get(ctx, fetch.Request{Path: "admin/reportSettings"}, &settings); err != nil {
		return nil, err
	}
	concealed := settings.Concealed
	if settings.Inner != nil {
		concealed = settings.Inner.Concealed
	}
	if concealed == nil {
		return nil, cause.Errorf(cause.BadResponse, "the answer has no displayConcealedNames")
	}
	reading := Reading{Ref: measure.Ref{Measure: measure.Custom, Label: "usage_names_concealed"}, AsOf: r.now()}
	if *concealed {
		reading.Value = 1
	}
	return []Reading{reading}, nil
}

// A microsoft365Report is one report over one period.
type microsoft365Report struct {
	refresh time.Time // the last day that it covers
	columns map[string]int
	rows    [][]string
}

// link asks for a report, and returns the address of its download, with its scheme and host, and its tag. A report with
// the tag that is given is errUnchanged.
func (r *microsoft365Reports) link(ctx context.Context, name, period, tag string) (address, origin, newTag string, err error) {
	endpoint := r.named[name]
	if endpoint == nil {
		graph, err := r.connect()
		if err != nil {
			return "", "", "", err
		}
		endpoint = &microsoft365Endpoint{graph, rate.NewLimiter(rate.Every(reportsIn/reportCalls), reportCalls)}
		r.named[name] = endpoint
	}
	if !endpoint.limit.AllowN(r.now(), 1) {
		return "", "", "", cause.Errorf(cause.RateLimited, "%s was asked for as often as the platform allows; poll less often", name)
	}
	request := fetch.Request{Path: fmt.Sprintf("reports/%s(period='%s')", name, period)}
	if tag != "" {
		request.Header = http.Header{"If-None-Match": {tag}}
	}
	err = endpoint.graph.ask(ctx, request, func(a *fetch.Answer) error {
		address, newTag = a.Header.Get("Location"), a.Header.Get("ETag")
		switch {
		case a.Status == http.StatusNotModified && tag != "":
			return errUnchanged
		case a.Status != http.StatusFound || address == "":
			return cause.Errorf(cause.BadResponse, "answered no address of a download")
		}
		origin, err = r.origin(address)
		return err
	})
	return address, origin, newTag, err
}

// fetch returns a report, and its tag.
func (r *microsoft365Reports) fetch(ctx context.Context, name, period, tag string) (*microsoft365Report, string, error) {
	address, origin, tag, err := r.link(ctx, name, period, tag)
	if err != nil {
		return nil, "", err
	}
	client, err := r.download(origin)
	if err != nil {
		return nil, "", err
	}
	text := ""
	// The address is good for some minutes, and for whoever has it: no credentials go along.
	err = client.Do(ctx, fetch.Request{Link: address}, func(a *fetch.Answer) (err error) {
		text, err = a.Text()
		return err
	})
	if err != nil {
		return nil, "", err
	}
	report, err := parseMicrosoft365Report(text, r.now())
	return report, tag, err
}

// origin returns scheme and host of the address of a download, if it is where downloads come from.
func (r *microsoft365Reports) origin(address string) (string, error) {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http" && r.plain) {
		for _, domain := range r.domains {
			if host := strings.ToLower(u.Hostname()); host == domain || strings.HasSuffix(host, "."+domain) {
				return u.Scheme + "://" + u.Host, nil
			}
		}
	}
	return "", cause.Errorf(cause.BadResponse, "redirects to a host that is not in download_domains")
}

// parseMicrosoft365Report reads a report. The order of its columns changes, and new ones are added.
func parseMicrosoft365Report(text string, now time.Time) (*microsoft365Report, error) {
	lines := csv.NewReader(strings.NewReader(text))
	lines.FieldsPerRecord = -1
	rows, err := lines.ReadAll()
	if err != nil || len(rows) == 0 { // the error quotes the text
		return nil, cause.Errorf(cause.BadResponse, "answered no report with columns")
	}
	report := &microsoft365Report{columns: map[string]int{}, rows: rows[1:]}
	for i, name := range rows[0] {
		report.columns[strings.TrimSpace(name)] = i
	}
	if _, ok := report.columns["Report Refresh Date"]; !ok { // a page for people, where there are no rows either
		return nil, cause.Errorf(cause.BadResponse, "answered no report with columns")
	}
	for _, row := range report.rows {
		day, err := report.day(row, "Report Refresh Date", now)
		if err != nil {
			return nil, err
		}
		if day.After(report.refresh) {
			report.refresh = day
		}
	}
	return report, nil
}

// end returns when the last day is over that the report covers.
func (r *microsoft365Report) end() time.Time { return r.refresh.Add(24 * time.Hour) }

// cell returns what stands in a column of a row, "" if nothing does.
func (r *microsoft365Report) cell(row []string, column string) (string, error) {
	i, ok := r.columns[column]
	switch {
	case !ok:
		return "", cause.Errorf(cause.BadResponse, "the report has no column %q", column)
	case i >= len(row):
		return "", cause.Errorf(cause.BadResponse, "the report ends in the middle of a row")
	}
	return strings.TrimSpace(row[i]), nil
}

// day returns the day that stands in a column.
func (r *microsoft365Report) day(row []string, column string, now time.Time) (time.Time, error) {
	text, err := r.cell(row, column)
	if err != nil {
		return time.Time{}, err
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Before(now.AddDate(-1, 0, 0)) || day.After(now.AddDate(0, 0, 1)) {
		return time.Time{}, cause.Errorf(cause.BadResponse, "the report has a date that can't be right under %q", column)
	}
	return day, nil
}

// number returns the number that stands in a column. A blank one is not known, which is not 0.
func (r *microsoft365Report) number(row []string, column string) (n float64, known bool, err error) {
	text, err := r.cell(row, column)
	if err != nil || text == "" {
		return 0, false, err
	}
	whole, err := strconv.ParseUint(text, 10, 53)
	if err != nil { // which quotes the text
		return 0, false, cause.Errorf(cause.BadResponse, "the report has no whole number under %q", column)
	}
	return float64(whole), true, nil
}

// A series is one number a day. A day that is not in it is not known.
type series map[time.Time]float64

// daily returns a column of a report by day. Where there is a row for each kind of site too, those of all of them
// together count.
func (r *microsoft365Report) daily(column string, now time.Time) (series, error) {
	var (
		days  = series{}
		whole = series{}
		seen  = map[string]bool{}
	)
	_, kinds := r.columns["Site Type"]
	for _, row := range r.rows {
		day, err := r.day(row, "Report Date", now)
		if err != nil {
			return nil, err
		}
		kind := ""
		if kinds {
			if kind, err = r.cell(row, "Site Type"); err != nil {
				return nil, err
			}
		}
		id := day.Format(time.DateOnly) + kind
		if seen[id] {
			return nil, cause.Errorf(cause.BadResponse, "the report has a day twice")
		}
		seen[id] = true
		n, known, err := r.number(row, column)
		switch {
		case err != nil:
			return nil, err
		case strings.EqualFold(kind, "All") && known:
			whole[day] = n
		case strings.EqualFold(kind, "All"):
		case known:
			days[day] += n
		default:
			days[day] = math.NaN() // which no sum with others makes known
		}
	}
	maps.Copy(days, whole)
	maps.DeleteFunc(days, func(day time.Time, n float64) bool { return math.IsNaN(n) || day.After(r.refresh) })
	return days, nil
}

// last returns the last day that is known.
func (s series) last() (last time.Time, ok bool) {
	for day := range s {
		if !ok || day.After(last) {
			last, ok = day, true
		}
	}
	return last, ok
}

// readings adds up the days of each window that ends with the last one, where all of them are known.
func (s series) readings(name string, windows []measure.Window) []Reading {
	last, ok := s.last()
	var all []Reading
	for _, w := range windows {
		r := Reading{Ref: measure.Ref{Measure: name, Window: w}, AsOf: last.Add(24 * time.Hour)}
		whole := ok
		for day := last; whole && day.After(r.AsOf.Add(-24*time.Hour-time.Duration(w))); day = day.AddDate(0, 0, -1) {
			n, known := s[day]
			r.Value += n
			whole = known
		}
		if whole {
			all = append(all, r)
		}
	}
	return all
}
