package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// fakeTypes are platform types that read nothing: a wiki that knows no logins, and a portal that can do much. Microsoft 365 is
// the real one: so many of its keys hang together that what it says of mistakes is worth a file each.
var fakeTypes = map[string]collector.New{"mediawiki": newWiki, "microsoft365": collector.Types["microsoft365"], "sql": newPortal}

type fake struct {
	collector.Collector // none of its other methods is called
	description         collector.Description
	options             collector.Options
	keys                any
}

func (f *fake) Describe() collector.Description { return f.description }

type wikiKeys struct {
	URL        string `yaml:"url"`
	Namespaces []int  `yaml:"namespaces"`
	HTTPKeys   `yaml:",inline"`
}

// HTTPKeys are inlined, as those of the real types are.
type HTTPKeys struct {
	HTTPClient     promconfig.HTTPClientConfig `yaml:"http_client"`
	RequestTimeout model.Duration              `yaml:"request_timeout"`
	Rate           float64                     `yaml:"requests_per_second"`
}

func defaultHTTPKeys() HTTPKeys {
	return HTTPKeys{HTTPClient: promconfig.DefaultHTTPClientConfig, RequestTimeout: model.Duration(30 * time.Second), Rate: 5}
}

func newWiki(decode func(any) error, o collector.Options) (collector.Collector, error) {
	k := wikiKeys{Namespaces: []int{0}, HTTPKeys: defaultHTTPKeys()}
	if err := decode(&k); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if k.URL == "" {
		return nil, &collector.KeyError{Key: "url", Err: errors.New("is missing; write the address of api.php")}
	}
	if strings.Contains(k.URL, "down") {
		return nil, errors.New("can't be made")
	}
	return &fake{keys: k, options: o, description: collector.Description{
		Events:   []collector.EventSource{{Kind: measure.PageCreated, Source: "list=allrevisions"}, {Kind: measure.PageEdit, Source: "list=allrevisions"}},
		Accounts: &collector.AccountSource{Source: "list=allusers", Profile: []string{"emailable", "user_page"}},
		Readings: []collector.ReadingSource{{Ref: measure.Ref{Measure: "pages"}, Source: "list=allpages"}},
		Undelivered: map[string]string{
			"page_views": "MediaWiki's API tells no views.",
			"logins":     "MediaWiki's API tells no logins.",
		},
		Interval: 5 * time.Minute, Settle: time.Minute, Step: day, Lag: 2 * time.Hour,
	}}, nil
}

type portalKeys struct {
	Driver   string            `yaml:"driver"`
	DSNFile  string            `yaml:"dsn_file"`
	Accounts string            `yaml:"accounts"`
	Events   map[string]string `yaml:"events"`
	Readings []readingKeys     `yaml:"readings"`
	Claims   map[string]any    `yaml:"claims"`
}

type readingKeys struct {
	Measure string `yaml:"measure"`
	Window  string `yaml:"window"`
	Name    string `yaml:"name"`
	Unit    string `yaml:"unit"`
	Full    bool   `yaml:"full"`
}

func newPortal(decode func(any) error, o collector.Options) (collector.Collector, error) {
	var k portalKeys
	if err := decode(&k); err != nil {
		return nil, err
	}
	d := collector.Description{Step: day}
	if k.Accounts != "none" {
		d.Accounts = &collector.AccountSource{
			Source: "accounts query", Profile: o.Profile,
			Nameless:  k.Accounts == "no names",
			Identity:  strings.Contains(k.Accounts, "identity"),
			LastLogin: !strings.Contains(k.Accounts, "no logins"),
		}
	}
	var problems []error
	if k.DSNFile == "" {
		problems = append(problems, &collector.KeyError{Key: "dsn_file", Err: errors.New("is missing; write the name of the file that holds the connection string")})
	}
	for _, kind := range measure.EventKinds {
		if _, ok := k.Events[string(kind)]; ok {
			d.Events = append(d.Events, collector.EventSource{Kind: kind, Source: "events." + string(kind)})
			delete(k.Events, string(kind))
		}
	}
	for kind := range k.Events {
		problems = append(problems, &collector.KeyError{Key: "events." + kind, Err: errors.New("is no kind of event")})
	}
	for i, r := range k.Readings {
		ref := measure.Ref{Measure: r.Measure, Label: r.Name}
		if r.Window != "" {
			w, err := measure.ParseWindow(r.Window)
			if err != nil {
				problems = append(problems, &collector.KeyError{Key: fmt.Sprintf("readings[%d].window", i), Err: err})
			}
			ref.Window = w
		}
		d.Readings = append(d.Readings, collector.ReadingSource{Ref: ref, Source: "reading", Unit: measure.Unit(r.Unit)})
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return &fake{keys: k, options: o, description: d}, nil
}

func fakeOptions(platform string) collector.Options {
	return collector.Options{UserAgent: "test of " + platform}
}
