package config

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

const (
	day         = 24 * time.Hour
	maxFileSize = 1 << 20
	maxText     = 500 // characters
	maxSlug     = 60
	maxFields   = 64 // of a profile

	defaultPollInterval     = 15 * time.Minute
	defaultAccountsInterval = day
	defaultMaxAge           = 2 * day
	defaultTimeout          = time.Hour
)

// The keys of the file, as they are written.
type (
	fileKeys struct {
		PollInterval     *model.Duration `yaml:"poll_interval"`
		AccountsInterval *model.Duration `yaml:"accounts_interval"`
		MaxAge           *model.Duration `yaml:"max_age"`
		TimeZone         *string         `yaml:"time_zone"`
		Exclude          excludeKeys     `yaml:"exclude"`
		Links            linkKeys        `yaml:"links"`
		People           *peopleKeys     `yaml:"people"`
		Platforms        []yaml.Node     `yaml:"platforms"`
		Objectives       []objectiveKeys `yaml:"objectives"`
		Notes            []noteKeys      `yaml:"notes"`
	}
	excludeKeys struct {
		Accounts []string `yaml:"accounts"`
		Guests   *bool    `yaml:"guests"`
	}
	linkKeys struct {
		Dashboard *string `yaml:"dashboard"`
	}
	platformKeys struct {
		Name             *string         `yaml:"name"`
		Type             *string         `yaml:"type"`
		PollInterval     *model.Duration `yaml:"poll_interval"`
		AccountsInterval *model.Duration `yaml:"accounts_interval"`
		MaxAge           *model.Duration `yaml:"max_age"`
		Settle           *model.Duration `yaml:"settle"`
		Timeout          *model.Duration `yaml:"timeout"`
		Exclude          excludeKeys     `yaml:"exclude"`
		Identity         *string         `yaml:"identity"`
		Profile          profileKeys     `yaml:"profile"`
	}
	profileKeys struct {
		Fields     []string `yaml:"fields"`
		CompleteAt *float64 `yaml:"complete_at"`
	}
)

// Load reads the config file. options gives what the collector of a platform gets besides its keys; Load
// itself fills in Name, Dir and Profile. The error is Problems unless the file can't be read at all.
func Load(file string, types map[string]collector.New, options func(platform string) collector.Options) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return Parse(file, content, types, options)
}

// Parse does what Load does, for a file whose content is at hand.
func Parse(file string, content []byte, types map[string]collector.New, options func(platform string) collector.Options) (*Config, error) {
	return load(file, content, types, options, time.Now())
}

func load(file string, content []byte, types map[string]collector.New, options func(string) collector.Options, now time.Time) (*Config, error) {
	l := &loader{
		document: document{file: file, lines: map[string]int{}, wrong: map[string]bool{}},
		types:    types,
		options:  options,
		now:      now,
		config:   &Config{TimeZone: time.UTC},
		slugs:    map[string]string{},
		broken:   map[string]bool{},
	}
	if len(content) > maxFileSize {
		l.notYAML(0, "is larger than 1 MiB, which no config file should be")
	} else if root := l.parse(content); root != nil && l.decode(root, &l.keys, "") {
		l.globals()
		for i := range l.keys.Platforms {
			l.platform(fmt.Sprintf("platforms[%d]", i), &l.keys.Platforms[i])
		}
		l.people()
		for i := range l.keys.Objectives {
			l.objective(fmt.Sprintf("objectives[%d]", i), &l.keys.Objectives[i])
		}
		l.lookAtKPIs()
		l.notes()
	}
	byLine := func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) }
	if len(l.problems) > 0 {
		slices.SortStableFunc(l.problems, byLine)
		return nil, l.problems
	}
	slices.SortStableFunc(l.config.Warnings, byLine)
	return l.config, nil
}

// A loader turns the keys of the file into a Config.
type loader struct {
	document
	types   map[string]collector.New
	options func(string) collector.Options
	now     time.Time

	keys   fileKeys
	config *Config
	slugs  map[string]string // names in use, such as "KPI logins": the key that took it
	broken map[string]bool   // platforms with problems of their own; what refers to them is not checked

	peopleless string // why no people are counted across platforms, "" = they are, or that is not known

	// What holds for platforms that say nothing else.
	pollInterval     time.Duration // 0 = not written
	accountsInterval time.Duration
	maxAge           time.Duration
	exclude          Exclude
}

// decode checks a mapping and fills the struct v. It returns false only if the node is no mapping.
func (l *loader) decode(n *yaml.Node, v any, key string, others ...string) bool {
	if !l.mapping(n, reflect.TypeOf(v).Elem(), key, others...) {
		return false
	}
	if err := n.Decode(v); err != nil {
		l.problem(key, "can't be read") // check lets nothing through that does not decode
		return false
	}
	return true
}

func (l *loader) globals() {
	l.pollInterval = l.duration("poll_interval", l.keys.PollInterval, pollIntervals, 0)
	l.accountsInterval = l.duration("accounts_interval", l.keys.AccountsInterval, accountsIntervals, defaultAccountsInterval)
	l.maxAge = l.duration("max_age", l.keys.MaxAge, maxAges, defaultMaxAge)
	if zone := l.keys.TimeZone; zone != nil {
		if location, err := time.LoadLocation(*zone); err != nil || *zone == "" || *zone == "Local" {
			l.problem("time_zone", "is not a time zone; write a name such as Europe/Amsterdam or UTC")
		} else {
			l.config.TimeZone = location
		}
	}
	l.exclude = l.excluded("exclude", l.keys.Exclude, Exclude{Guests: true})
	if link := l.keys.Links.Dashboard; link != nil {
		u, err := url.Parse(strings.ReplaceAll(*link, "{kpi}", "kpi"))
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			l.problem("links.dashboard", "must be an address such as https://grafana.example.org/d/intranet-kpi?var-kpi={kpi}, without password")
		}
		l.config.Dashboard = *link
	}
	if len(l.keys.Platforms) == 0 {
		l.problem("platforms", "there is none; give at least one platform, with name and type")
	}
}

func (l *loader) platform(key string, n *yaml.Node) {
	var k platformKeys
	common, rest, names := split(n, reflect.TypeOf(k))
	sum := sha256.New()
	digest(sum, n)
	before := len(l.problems)
	name := ""
	defer func() { l.broken[name] = l.broken[name] || len(l.problems) > before }()
	if !l.decode(common, &k, key) {
		return
	}
	name = l.slug(key+".name", "platform", k.Name)
	if name == People {
		l.problem(key+".name", "%s stands for all platforms together; choose another name", People)
	}
	p := &Platform{Name: name, Type: l.text(key+".type", k.Type), Identity: l.text(key+".identity", k.Identity)}
	if k.Type == nil {
		l.problem(key+".type", "is missing; write one of: %s", l.typeNames())
	}
	if k.Identity != nil && strings.Count(p.Identity, "{name}") != 1 {
		l.problem(key+".identity", "must hold {name} once, such as '{name}@example.org'")
	}
	p.Exclude = l.excluded(key+".exclude", k.Exclude, l.exclude)
	p.CompleteAt = l.profile(key+".profile", k.Profile)
	c := l.collector(key, p, k.Profile.Fields, rest, names)
	if c == nil {
		return
	}
	p.Collector, p.Description = c, c.Describe()
	if a := p.Description.Accounts; a != nil && len(a.Profile) > maxFields {
		l.problem(key+".profile.fields", "the platform tells %d profile fields, and at most %d can count; name those that should", len(a.Profile), maxFields)
		return
	}
	if a := p.Description.Accounts; a != nil && a.Nameless && len(p.Exclude.Accounts) > 0 {
		l.warn(key, "the names of its accounts are not told, so that no pattern of exclude.accounts matches any")
	}
	l.schedule(key, p, k)
	_, _ = fmt.Fprintf(sum, "%s %s %s %s %s %q", p.PollInterval, p.AccountsInterval, p.Timeout, p.MaxAge, p.Description.Settle, p.Counting())
	p.Fingerprint = fmt.Sprintf("%x", sum.Sum(nil))
	l.config.Platforms = append(l.config.Platforms, p)
}

// collector makes the collector of a platform from the keys of its type, or returns nil after noting why not.
func (l *loader) collector(key string, p *Platform, profile []string, keys *yaml.Node, common []string) collector.Collector {
	create, known := l.types[p.Type]
	if !known {
		if p.Type != "" {
			l.problem(key+".type", "unknown platform type%s (known types: %s)", suggest(p.Type, slices.Sorted(maps.Keys(l.types))), l.typeNames())
		}
		return nil
	}
	o := l.options(p.Name)
	o.Name, o.Dir, o.Profile = p.Name, filepath.Dir(l.file), profile
	c, err := create(func(v any) error {
		before := len(l.problems)
		if !l.decode(keys, v, key, common...) || len(l.problems) > before {
			return errNoted
		}
		return nil
	}, o)
	if err != nil {
		l.refused(key, err)
		return nil
	}
	return c
}

// errNoted is what a collector's decode returns when the problems are noted already.
var errNoted = errors.New("the keys of the platform have mistakes")

// refused notes why a collector could not be made.
func (l *loader) refused(key string, err error) {
	if errors.Is(err, errNoted) {
		return
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // this walks the chain itself, to see all errors that were joined
		case *collector.KeyError:
			l.problem(key+"."+e.Key, "%s", e.Err)
			return
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				l.refused(key, err)
			}
			return
		}
	}
	l.problem(key, "%s", err)
}

// split parts a platform's mapping into the keys that every platform has, which it names too, and those of its type.
func split(n *yaml.Node, t reflect.Type) (common, rest *yaml.Node, names []string) {
	f := fieldsOf(t)
	if n.Kind != yaml.MappingNode {
		return n, n, f.names
	}
	common, rest = &yaml.Node{Kind: n.Kind, Line: n.Line}, &yaml.Node{Kind: n.Kind, Line: n.Line}
	for i := 0; i+1 < len(n.Content); i += 2 {
		to := rest
		if slices.Contains(f.names, n.Content[i].Value) {
			to = common
		}
		to.Content = append(to.Content, n.Content[i], n.Content[i+1])
	}
	return common, rest, f.names
}

// digest adds what a node says to a sum; comments, quotes and line breaks do not matter.
func digest(sum hash.Hash, n *yaml.Node) {
	_, _ = fmt.Fprintf(sum, "%d %s %q %d\n", n.Kind, n.Tag, n.Value, len(n.Content))
	for _, c := range n.Content {
		digest(sum, c)
	}
}

// A span is the least and the most that a duration may be.
type span struct{ least, most time.Duration }

var (
	pollIntervals     = span{10 * time.Second, day}
	accountsIntervals = span{10 * time.Second, 28 * day}
	maxAges           = span{time.Minute, 365 * day}
	settles           = span{0, 7 * day}
	timeouts          = span{time.Second, day}
	sustains          = span{0, 28 * day}
	withins           = span{time.Minute, 365 * day}
)

// schedule sets the durations of a platform: its own, else the file's, else the platform's, else the default.
func (l *loader) schedule(key string, p *Platform, k platformKeys) {
	d := &p.Description
	d.Settle = l.duration(key+".settle", k.Settle, settles, d.Settle)
	p.PollInterval = l.duration(key+".poll_interval", k.PollInterval, pollIntervals, cmp.Or(l.pollInterval, d.Interval, defaultPollInterval))
	p.AccountsInterval = l.duration(key+".accounts_interval", k.AccountsInterval, accountsIntervals, l.accountsInterval)
	p.Timeout = l.duration(key+".timeout", k.Timeout, timeouts, defaultTimeout)
	maxAge := l.duration(key+".max_age", k.MaxAge, maxAges, l.maxAge)
	p.MaxAge = maxAge + d.Lag

	if p.AccountsInterval < p.PollInterval {
		l.problem(key+".accounts_interval", "%s is shorter than poll_interval (%s), and accounts are listed by a poll", show(p.AccountsInterval), show(p.PollInterval))
	}
	if p.MaxAge <= p.AccountsInterval {
		l.problem(key+".max_age", "%s is not longer than accounts_interval (%s): the numbers would vanish between two listings", show(maxAge), show(p.AccountsInterval))
	}
	if p.MaxAge <= p.PollInterval+d.Settle {
		l.problem(key+".max_age", "%s is not longer than poll_interval (%s) and settle (%s) together: the numbers would vanish between two polls", show(maxAge), show(p.PollInterval), show(d.Settle))
	}
}

// duration returns a duration of the file, or otherwise where none is written that is allowed.
func (l *loader) duration(key string, v *model.Duration, allowed span, otherwise time.Duration) time.Duration {
	if v == nil {
		return otherwise
	}
	d := time.Duration(*v)
	if d < allowed.least || d > allowed.most {
		l.problem(key, "must be from %s to %s, not %s", show(allowed.least), show(allowed.most), show(d))
		return otherwise
	}
	return d
}

func show(d time.Duration) string { return model.Duration(d).String() }

// excluded adds a platform's exclusions to those of the whole file.
func (l *loader) excluded(key string, k excludeKeys, global Exclude) Exclude {
	e := Exclude{Accounts: slices.Clone(global.Accounts), Guests: global.Guests}
	if k.Guests != nil {
		e.Guests = *k.Guests
	}
	for i, pattern := range k.Accounts {
		sub := fmt.Sprintf("%s.accounts[%d]", key, i)
		re, err := regexp.Compile(pattern)
		switch {
		case err != nil:
			l.problem(sub, "is not a regular expression%s", reason(err))
		case re.MatchString("a") && re.MatchString("Ж") && re.MatchString("7"):
			l.problem(sub, "matches every account; narrow it")
		default:
			e.Accounts = append(e.Accounts, re)
		}
	}
	return e
}

// reason says what is wrong with a regular expression, without the expression.
func reason(err error) string {
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return ""
	}
	return ": " + wrong.Code.String()
}

// profile checks what makes a profile complete, and returns the share of fields that does.
func (l *loader) profile(key string, k profileKeys) float64 {
	if k.Fields != nil && len(k.Fields) == 0 {
		l.problem(key+".fields", "is empty; name the fields that count, or remove the key")
	}
	if n := len(k.Fields); n > maxFields {
		l.problem(key+".fields", "has %d fields; at most %d can count", n, maxFields)
		return 1
	}
	for i, field := range k.Fields {
		sub := fmt.Sprintf("%s.fields[%d]", key, i)
		if strings.TrimSpace(field) == "" {
			l.problem(sub, "is empty")
		}
		if slices.Contains(k.Fields[:i], field) {
			l.problem(sub, "is in the list twice")
		}
	}
	if k.CompleteAt == nil {
		return 1
	}
	if *k.CompleteAt <= 0 || *k.CompleteAt > 1 {
		l.problem(key+".complete_at", "must be more than 0 and at most 1, which is all fields")
	}
	return *k.CompleteAt
}

// text returns a text that people read.
func (l *loader) text(key string, v *string) string {
	if v == nil {
		return ""
	}
	s := strings.TrimSpace(*v)
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		l.problem(key, "is empty; write a text")
	case n > maxText:
		l.problem(key, "has %d characters; at most %d are shown in full everywhere", n, maxText)
	}
	return s
}

var slug = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// slug returns a name that must be there, be a slug, and belong to nothing else of its sort.
func (l *loader) slug(key, sort string, v *string) string {
	if v == nil {
		l.problem(key, "is missing; write a short name of lower-case letters, digits, _ and -")
		return ""
	}
	if !slug.MatchString(*v) || len(*v) > maxSlug {
		l.problem(key, "is not a name; write at most %d lower-case letters, digits, _ and -, beginning with a letter", maxSlug)
		return *v
	}
	if taken, ok := l.slugs[sort+" "+*v]; ok {
		l.problem(key, "is the name of another %s too, in line %d", sort, l.lines[taken])
		return *v
	}
	l.slugs[sort+" "+*v] = key
	return *v
}

// words makes a title of a slug.
func words(slug string) string {
	s := strings.NewReplacer("_", " ", "-", " ").Replace(slug)
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}

func (l *loader) typeNames() string {
	return strings.Join(slices.Sorted(maps.Keys(l.types)), ", ")
}

func (l *loader) warn(key, format string, args ...any) {
	l.config.Warnings = append(l.config.Warnings, l.at(key, format, args...))
}
