package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// The permissions that a wiki knows them by.
const (
	mediawikiRead  = "read"
	mediawikiLimit = "apihighlimits"
)

// mediawikiFields are the profile fields: the API of MediaWiki tells no more of a person.
var mediawikiFields = []string{"emailable", "user_page"}

// mediawikiReserved are the names that MediaWiki keeps for itself. Some more are in the wiki's language.
var (
	mediawikiReserved = []string{
		"MediaWiki default", "Conversion script", "Maintenance script", "Template namespace initialisation script",
		"ScriptImporter", "Delete page script", "Move page script", "Command line script", "Unknown user",
	}
	mediawikiReservedMessages = []string{
		"double-redirect-fixer", "usermessage-editor", "proxyblocker", "sorbs", "spambot_username", "autochange-username",
	}
)

// errMediawikiSession says that the wiki does not know our session any more.
var errMediawikiSession = cause.Errorf(cause.Auth, "the wiki does not take us for logged in; are the credentials valid?")

// A mediawikiConfig holds the keys of type mediawiki.
type mediawikiConfig struct {
	URL          string `yaml:"url"`
	Namespaces   []int  `yaml:"namespaces"`
	fetch.Config `yaml:",inline"`
}

// A mediawiki reads a wiki through its action API.
type mediawiki struct {
	client      *fetch.Client
	description Description
	namespaces  []string
	profile     []string
	now         func() time.Time

	user     bool // we are somebody there, so every request asserts it
	username func() (string, error)
	password func() (string, error)

	loggedIn bool // by bot password
	high     bool // the wiki gives us ten times as much per request
}

func newMediawiki(decode func(any) error, o Options) (Collector, error) {
	cfg := mediawikiConfig{Namespaces: []int{0}, Config: fetch.DefaultConfig()}
	if err := decode(&cfg); err != nil {
		return nil, err
	}
	if err := cfg.check(o.Profile); err != nil {
		return nil, err
	}
	m := &mediawiki{profile: o.Profile, now: o.Now}
	if m.now == nil {
		m.now = time.Now
	}
	if m.profile == nil {
		m.profile = mediawikiFields
	}
	for _, n := range cfg.Namespaces {
		m.namespaces = append(m.namespaces, strconv.Itoa(n))
	}
	auth := cfg.HTTPClient.BasicAuth
	m.user = auth != nil || cfg.HTTPClient.Authorization != nil || cfg.HTTPClient.OAuth2 != nil
	if auth != nil { // a bot password: it logs in, and is no basic authentication
		cfg.HTTPClient.BasicAuth = nil
		auth.SetDirectory(o.Dir)
		m.username = secret(auth.Username, auth.UsernameFile)
		m.password = secret(string(auth.Password), auth.PasswordFile)
	}
	client, key, err := fetch.New(cfg.URL, cfg.Config, fetch.Options{UserAgent: o.UserAgent, Dir: o.Dir, OnRequest: o.OnRequest, Wait: o.Wait, Session: true})
	if err != nil {
		return nil, &KeyError{key, err}
	}
	m.client = client
	m.description = cfg.describe(m.profile)
	return m, nil
}

func (cfg mediawikiConfig) check(profile []string) error {
	var problems []error
	wrong := func(key, format string, args ...any) { problems = append(problems, keyErrorf(key, format, args...)) }
	for i, f := range profile {
		if !slices.Contains(mediawikiFields, f) {
			wrong(fmt.Sprintf("profile.fields[%d]", i), "is no profile field of MediaWiki; there are %s", strings.Join(mediawikiFields, " and "))
		}
	}
	if len(cfg.Namespaces) == 0 {
		wrong("namespaces", "is empty; write the numbers of the namespaces with content, such as [0]")
	}
	for i, n := range cfg.Namespaces {
		if n < 0 || n%2 == 1 {
			wrong("namespaces", "%d has no content pages; numbers of content namespaces are even, such as 0", n)
		} else if slices.Contains(cfg.Namespaces[:i], n) {
			wrong("namespaces", "%d is there twice", n)
		}
	}
	if auth := cfg.HTTPClient.BasicAuth; auth != nil {
		if auth.Username == "" && auth.UsernameFile == "" || auth.UsernameFile == "" && !strings.Contains(auth.Username, "@") {
			wrong("http_client.basic_auth.username", `is not that of a bot password; write one such as "Kpibot@exporter", made on the wiki's page Special:BotPasswords`)
		}
		if auth.Password == "" && auth.PasswordFile == "" {
			wrong("http_client.basic_auth", "has no password; write the bot password to a file, and its name as password_file")
		}
	}
	return errors.Join(problems...)
}

// describe says what any wiki delivers, whose profiles have these fields.
func (cfg mediawikiConfig) describe(profile []string) Description {
	revisions := "generator=allrevisions"
	return Description{
		Events:   []EventSource{{Kind: measure.PageCreated, Source: revisions}, {Kind: measure.PageEdit, Source: revisions}},
		Accounts: &AccountSource{Source: "list=allusers", Profile: profile},
		Readings: []ReadingSource{{Ref: measure.Ref{Measure: "pages"}, Source: "list=allpages", Unit: "pages"}},
		Permissions: []Permission{
			{Name: mediawikiRead, Required: true, Lost: "everything"},
			{Name: mediawikiLimit, Lost: "nothing but time: lists come in pages of 500 instead of 5000, so that it takes ten times as many requests"},
		},
		Undelivered: map[string]string{
			"activated_accounts":      "The API of MediaWiki does not tell when somebody last logged in.",
			"active_users":            "The API of MediaWiki does not tell who reads, and active are also those who only read.",
			"logged_in_users":         "The API of MediaWiki tells no logins.",
			"logins":                  "The API of MediaWiki tells no logins.",
			"page_views":              "MediaWiki does not count views; a web analytics platform or the web server's log does.",
			"pages_visited":           "MediaWiki does not count views; a web analytics platform or the web server's log does.",
			"site_page_views":         "MediaWiki does not count views; a web analytics platform or the web server's log does.",
			"site_visitors":           "MediaWiki does not count views; a web analytics platform or the web server's log does.",
			"pages_stale":             "The API of MediaWiki lists no pages by the time of their last edit.",
			"comments":                "What people write on talk pages is a page to MediaWiki, not a comment.",
			"reactions":               "MediaWiki has no reactions.",
			"searches":                "MediaWiki does not record searches.",
			"searches_without_result": "MediaWiki does not record searches.",
		},
		Interval: 15 * time.Minute,
		Settle:   time.Minute, // replicas of the database may lag
		Overlap:  time.Hour,
		// One span for all windows: a page of merged histories has several first revisions, and is created once.
		Step:       measure.Longest,
		Reread:     true,
		Definition: fmt.Sprint(cfg.URL, cfg.Namespaces),
	}
}

func (m *mediawiki) Describe() Description { return m.description }

func (m *mediawiki) Probe(ctx context.Context) (Access, error) {
	var me struct {
		ID     *int64   `json:"id"`
		Rights []string `json:"rights"`
	}
	denied := map[string]bool{mediawikiRead: false, mediawikiLimit: false}
	params := url.Values{"meta": {"userinfo"}, "uiprop": {"rights"}}
	_, err := m.query(ctx, params, "userinfo", func(dec *jsontext.Decoder) error { return json.UnmarshalDecode(dec, &me) })
	switch {
	case cause.Of(err) == cause.Permission:
		return Access{Granted: denied}, fmt.Errorf("read rights: %w", err)
	case err != nil:
		return Access{}, fmt.Errorf("read rights: %w", err)
	case me.ID == nil || m.user && *me.ID <= 0:
		return Access{}, cause.Errorf(cause.BadResponse, "read rights: the wiki does not tell who we are")
	case !slices.Contains(me.Rights, mediawikiRead):
		return Access{Granted: denied}, cause.Errorf(cause.Permission, "read rights: the right to read is missing")
	}
	m.high = slices.Contains(me.Rights, mediawikiLimit)
	access := Access{Granted: map[string]bool{mediawikiRead: true, mediawikiLimit: m.high}}
	if m.user {
		access.Account = strconv.FormatInt(*me.ID, 10)
	}
	return access, nil
}

// A mediawikiUser is a row of list=allusers.
type mediawikiUser struct {
	ID           int64           `json:"userid"`
	Name         string          `json:"name"`
	Groups       mediawikiGroups `json:"groups"`
	Block        int64           `json:"blockid"`
	BlockPartial bool            `json:"blockpartial"`
}

// mediawikiGroups are those that matter of the groups of a user. All accounts are in several, and a list of their
// names for each would take as long to make as all the rest of the row.
type mediawikiGroups struct{ told, bot, temp bool }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (g *mediawikiGroups) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	g.told = true
	var name [32]byte
	return fetch.Array(dec, func() error {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		group, err := jsontext.AppendUnquote(name[:0], value)
		switch string(group) {
		case "bot":
			g.bot = true
		case "temp": // made for a visitor's first edit
			g.temp = true
		}
		return err
	})
}

func (m *mediawiki) Accounts(ctx context.Context, emit func(Account)) error {
	reserved, err := m.reserved(ctx)
	if err != nil {
		return fmt.Errorf("list reserved names: %w", err)
	}
	var pages hashed
	if slices.Contains(m.profile, "user_page") {
		if pages, err = m.userPages(ctx); err != nil {
			return fmt.Errorf("list user pages: %w", err)
		}
	}
	seen := idSet{}
	var users []mediawikiUser // of one answer
	params := url.Values{"list": {"allusers"}, "auprop": {"groups|blockinfo"}, "aulimit": {"max"}}
	return m.walk(ctx, params, "allusers", func(dec *jsontext.Decoder) error {
		var u mediawikiUser
		if err := json.UnmarshalDecode(dec, &u); err != nil {
			return err
		}
		if u.ID <= 0 || u.Name == "" || !u.Groups.told {
			return cause.Errorf(cause.BadResponse, "listed an account without id, name or groups")
		}
		if !seen.add(u.ID) {
			return cause.Errorf(cause.BadResponse, "listed an account twice")
		}
		users = append(users, u)
		return nil
	}, func() error {
		emailable, err := m.emailable(ctx, users)
		if err != nil {
			return err
		}
		// Field by field, so that the processor looks for many names at once: they are far apart in memory.
		n := len(m.profile)
		filled := make([]bool, n*len(users))
		for f, field := range m.profile {
			for i, u := range users {
				switch field {
				case "emailable":
					filled[i*n+f] = emailable[u.ID]
				case "user_page":
					filled[i*n+f] = pages.has(u.Name)
				}
			}
		}
		for i, u := range users {
			a := Account{ID: strconv.FormatInt(u.ID, 10), Name: u.Name, Kind: Person, Enabled: u.Block == 0 || u.BlockPartial, Filled: filled[i*n : (i+1)*n : (i+1)*n]}
			switch {
			case u.Groups.bot, reserved[u.Name]:
				a.Kind = Service
			case u.Groups.temp, strings.HasPrefix(u.Name, "~"):
				a.Kind = Guest
			}
			emit(a)
		}
		users = users[:0]
		return nil
	})
}

// reserved returns the names of accounts by which MediaWiki itself edits.
func (m *mediawiki) reserved(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	for _, name := range mediawikiReserved {
		names[name] = true
	}
	params := url.Values{"meta": {"allmessages"}, "ammessages": {strings.Join(mediawikiReservedMessages, "|")}, "uselang": {"content"}}
	err := m.walk(ctx, params, "allmessages", func(dec *jsontext.Decoder) error {
		var message struct {
			Content string `json:"content"`
		}
		err := json.UnmarshalDecode(dec, &message)
		names[message.Content] = true // a missing one adds the empty name, which nobody has
		return err
	}, nil)
	return names, err
}

// userPages returns the names of those who have a page about themselves. A redirect, as left behind by a
// renaming, is none; names of subpages are nobody's.
func (m *mediawiki) userPages(ctx context.Context) (hashed, error) {
	names := newHashed()
	err := m.pages(ctx, "2", func(title string) {
		_, name, _ := strings.Cut(title, ":")
		names.add(name)
	})
	return names, err
}

// emailable tells which of the users have a confirmed address and take mail from colleagues.
func (m *mediawiki) emailable(ctx context.Context, users []mediawikiUser) (map[int64]bool, error) {
	all := make(map[int64]bool, len(users))
	if !slices.Contains(m.profile, "emailable") {
		return all, nil
	}
	batch := 50
	if m.high {
		batch = 500
	}
	for chunk := range slices.Chunk(users, batch) {
		ids := make([]string, len(chunk))
		for i, u := range chunk {
			ids[i] = strconv.FormatInt(u.ID, 10)
		}
		params := url.Values{"list": {"users"}, "ususerids": {strings.Join(ids, "|")}, "usprop": {"emailable"}}
		err := m.walk(ctx, params, "users", func(dec *jsontext.Decoder) error {
			var u struct {
				ID        int64 `json:"userid"`
				Emailable bool  `json:"emailable"`
			}
			err := json.UnmarshalDecode(dec, &u)
			all[u.ID] = u.Emailable
			return err
		}, nil)
		if err != nil {
			return nil, err
		}
		for _, u := range chunk {
			if _, told := all[u.ID]; !told {
				return nil, cause.Errorf(cause.BadResponse, "told the profiles of other accounts than asked for")
			}
		}
	}
	return all, nil
}

// A mediawikiPage is a page with those of its revisions that belong to the answer.
type mediawikiPage struct {
	ID        int64               `json:"pageid"`
	Redirect  bool                `json:"redirect"`
	Revisions []mediawikiRevision `json:"revisions"`
}

type mediawikiRevision struct {
	ID     int64     `json:"revid"`
	Parent *int64    `json:"parentid"`
	User   int64     `json:"userid"` // 0: not logged in, not known here, or hidden
	At     time.Time `json:"timestamp"`
}

// after is the order in which the wiki lists revisions.
func (r mediawikiRevision) after(s mediawikiRevision) bool {
	return r.At.After(s.At) || r.At.Equal(s.At) && r.ID > s.ID
}

// Events walks over the revisions of all pages that are there now, which covers imported pages and pages
// older than the wiki's own log of creations. Memory grows with the pages created in the span, not with
// the revisions.
func (m *mediawiki) Events(ctx context.Context, from, to time.Time, emit func(Event)) error {
	// The wiki's bounds are whole seconds and both inclusive.
	first := from.Add(time.Second - 1).Truncate(time.Second)
	last := to.Add(-1).Truncate(time.Second)
	if last.Before(first) {
		return nil
	}
	params := url.Values{
		"generator": {"allrevisions"}, "garvnamespace": {strings.Join(m.namespaces, "|")}, "garvlimit": {"max"}, "garvdir": {"newer"},
		"garvstart": {first.UTC().Format(time.RFC3339)}, "garvend": {last.UTC().Format(time.RFC3339)},
		"prop": {"info|revisions"}, "rvprop": {"ids|timestamp|userid"},
	}
	created := map[int64]Event{}
	var before, latest mediawikiRevision // of the answers before, of this one too
	answer := map[int64]bool{}           // the revisions of this answer
	err := m.walk(ctx, params, "pages", func(dec *jsontext.Decoder) error {
		var p mediawikiPage
		if err := json.UnmarshalDecode(dec, &p); err != nil {
			return err
		}
		if p.ID <= 0 || len(p.Revisions) == 0 {
			return cause.Errorf(cause.BadResponse, "listed a page without id or revisions")
		}
		for _, r := range p.Revisions {
			switch {
			case r.ID <= 0 || r.Parent == nil:
				return cause.Errorf(cause.BadResponse, "listed a revision without id or parent")
			case r.At.Before(first) || r.At.After(last):
				return cause.Errorf(cause.BadResponse, "listed a revision from outside the time asked for")
			case answer[r.ID] || !r.after(before):
				return cause.Errorf(cause.BadResponse, "listed a revision twice")
			}
			answer[r.ID] = true
			if r.after(latest) {
				latest = r
			}
			if p.Redirect {
				continue
			}
			e := Event{Kind: measure.PageEdit, At: r.At}
			if r.User > 0 {
				e.Actor = strconv.FormatInt(r.User, 10)
			}
			if *r.Parent == 0 { // the first of the page, or of a history that was merged into it
				earliest, again := created[p.ID]
				if !again || e.At.Before(earliest.At) {
					created[p.ID], e = e, earliest
				}
				if !again {
					continue
				}
			}
			emit(e)
		}
		return nil
	}, func() error {
		before = latest
		clear(answer)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list revisions: %w", err)
	}
	for _, e := range created {
		e.Kind = measure.PageCreated
		emit(e)
	}
	return nil
}

func (m *mediawiki) Readings(ctx context.Context, full bool, emit func(Reading)) error {
	if !full {
		return nil
	}
	r := Reading{Ref: measure.Ref{Measure: "pages"}, AsOf: m.now()}
	for _, namespace := range m.namespaces {
		if err := m.pages(ctx, namespace, func(string) { r.Value++ }); err != nil {
			return fmt.Errorf("list pages: %w", err)
		}
	}
	emit(r)
	return nil
}

// pages tells the title of each page of a namespace that is no redirect.
func (m *mediawiki) pages(ctx context.Context, namespace string, tell func(title string)) error {
	params := url.Values{"list": {"allpages"}, "apnamespace": {namespace}, "apfilterredir": {"nonredirects"}, "aplimit": {"max"}}
	seen := idSet{}
	return m.walk(ctx, params, "allpages", func(dec *jsontext.Decoder) error {
		var p struct {
			ID    int64  `json:"pageid"`
			Title string `json:"title"`
		}
		if err := json.UnmarshalDecode(dec, &p); err != nil {
			return err
		}
		if p.ID <= 0 || p.Title == "" {
			return cause.Errorf(cause.BadResponse, "listed a page without id or title")
		}
		if !seen.add(p.ID) {
			return cause.Errorf(cause.BadResponse, "listed a page twice")
		}
		tell(p.Title)
		return nil
	}, nil)
}

// An idSet holds ids of rows. The wiki numbers these one after the other, so 64 of them share an entry.
type idSet map[int64]uint64

// add tells whether the id is new.
func (s idSet) add(id int64) bool {
	entry, bit := id>>6, uint64(1)<<(id&63)
	if s[entry]&bit != 0 {
		return false
	}
	s[entry] |= bit
	return true
}

// walk asks for a list until its end. row is called at each element, and page after each answer.
func (m *mediawiki) walk(ctx context.Context, params url.Values, list string, row func(*jsontext.Decoder) error, page func() error) error {
	var pages fetch.Pages
	next := url.Values{}
	for {
		asked := maps.Clone(params)
		maps.Copy(asked, next)
		var err error
		next, err = m.query(ctx, asked, list, func(dec *jsontext.Decoder) error {
			return fetch.Array(dec, func() error { return row(dec) })
		})
		if err != nil {
			return err
		}
		if page != nil {
			if err := page(); err != nil {
				return err
			}
		}
		if len(next) == 0 {
			return nil
		}
		if err := pages.Next(next.Encode()); err != nil {
			return err
		}
	}
}

// query asks once, and logs in before where that is needed. take is called at the member of the answer
// that is called name; next holds the parameters that ask for the rest.
func (m *mediawiki) query(ctx context.Context, params url.Values, name string, take func(*jsontext.Decoder) error) (next url.Values, err error) {
	for {
		fresh := !m.loggedIn
		if err := m.login(ctx); err != nil {
			return nil, err
		}
		next, err = m.ask(ctx, params, name, take)
		if !errors.Is(err, errMediawikiSession) || m.password == nil || fresh {
			return next, err
		}
		m.loggedIn = false // the session has expired: once more, with a new one
	}
}

func (m *mediawiki) ask(ctx context.Context, params url.Values, name string, take func(*jsontext.Decoder) error) (url.Values, error) {
	params = maps.Clone(params)
	maps.Copy(params, url.Values{"action": {"query"}, "maxlag": {"5"}})
	if m.user {
		params.Set("assert", "user") // else a lost session gets what everybody may see
	}
	next := url.Values{}
	taken, complete := false, false
	err := m.call(ctx, fetch.Request{Query: params}, func(dec *jsontext.Decoder, field string) error {
		switch field {
		case "query":
			return fetch.Object(dec, func(member string) error {
				if member != name {
					return dec.SkipValue()
				}
				taken = true
				return take(dec)
			})
		case "continue":
			return fetch.Object(dec, func(key string) error {
				value, err := dec.ReadToken() // a string or a number
				next.Set(key, value.String())
				return err
			})
		case "batchcomplete":
			complete = true
		}
		return dec.SkipValue()
	})
	switch {
	case err != nil:
		return nil, err
	case !taken && !params.Has("generator"): // a generator that finds nothing says nothing
		return nil, cause.Errorf(cause.BadResponse, "the answer has no %s", name)
	case !complete && params.Has("generator"):
		return nil, cause.Errorf(cause.BadResponse, "the answer is cut short; is $wgAPIMaxResultSize too small?")
	}
	return next, nil
}

// call sends one request. member is called at each member of the answer but the error.
func (m *mediawiki) call(ctx context.Context, r fetch.Request, member func(*jsontext.Decoder, string) error) error {
	for _, params := range []url.Values{r.Query, r.Form} {
		if params != nil {
			maps.Copy(params, url.Values{"format": {"json"}, "formatversion": {"2"}})
		}
	}
	err := m.client.Do(ctx, r, fetch.JSON(func(dec *jsontext.Decoder) error {
		var failed struct {
			Code string `json:"code"`
		}
		data := false
		err := fetch.Object(dec, func(field string) error {
			switch field {
			case "error": // with HTTP status 200
				return json.UnmarshalDecode(dec, &failed)
			case "query", "continue", "login":
				data = true
			}
			return member(dec, field)
		})
		switch {
		case err != nil || failed.Code == "":
			return err
		case data:
			return cause.Errorf(cause.BadResponse, "answered data and an error at once")
		}
		return mediawikiFailure(failed.Code)
	}))
	if errors.Is(err, fetch.ErrHTML) {
		return cause.Errorf(cause.BadResponse, "%w: is url the address of api.php?", err)
	}
	return err
}

// mediawikiFailure translates the code of an error. An unknown one is not repeated: it is the platform's text.
func mediawikiFailure(code string) error {
	switch code {
	case "assertuserfailed":
		return errMediawikiSession
	case "readapidenied", "permissiondenied":
		return cause.Errorf(cause.Permission, "the wiki does not let us read")
	case "toomanyvalues":
		return cause.Errorf(cause.Permission, "the wiki does not give us %s any more", mediawikiLimit)
	case "maxlag":
		return fetch.Again(cause.Errorf(cause.Unavailable, "the wiki's database lags behind"))
	case "ratelimited":
		return fetch.Again(cause.Errorf(cause.RateLimited, "the wiki limits our requests"))
	}
	switch {
	case strings.HasPrefix(code, "mwoauth-"):
		return cause.Errorf(cause.Auth, "the wiki refuses the OAuth credentials")
	case strings.HasPrefix(code, "internal_api_error"):
		return fetch.Again(cause.Errorf(cause.Unavailable, "the wiki has an internal error"))
	}
	return cause.Errorf(cause.BadResponse, "the wiki refuses the request with an error that is not known here")
}

// login starts a session by bot password, where one is configured and there is no session.
func (m *mediawiki) login(ctx context.Context) error {
	if m.password == nil || m.loggedIn {
		return nil
	}
	if err := m.client.Forget(); err != nil {
		return err
	}
	username, err := m.username()
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	password, err := m.password()
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	for range 2 { // the token may have been outlived by its session
		var query struct {
			Tokens struct {
				Login string `json:"logintoken"`
			} `json:"tokens"`
		}
		token := url.Values{"action": {"query"}, "meta": {"tokens"}, "type": {"login"}}
		err := m.call(ctx, fetch.Request{Query: token}, func(dec *jsontext.Decoder, field string) error {
			if field != "query" {
				return dec.SkipValue()
			}
			return json.UnmarshalDecode(dec, &query)
		})
		if err != nil {
			return fmt.Errorf("log in: %w", err)
		}
		var login struct {
			Result string `json:"result"`
		}
		form := url.Values{"action": {"login"}, "lgname": {username}, "lgpassword": {password}, "lgtoken": {query.Tokens.Login}}
		err = m.call(ctx, fetch.Request{Form: form}, func(dec *jsontext.Decoder, field string) error {
			if field != "login" {
				return dec.SkipValue()
			}
			return json.UnmarshalDecode(dec, &login)
		})
		switch {
		case err != nil:
			return fmt.Errorf("log in: %w", err)
		case login.Result == "Success":
			m.loggedIn = true
			return nil
		case login.Result == "":
			return cause.Errorf(cause.BadResponse, "log in: the answer has no result")
		case login.Result != "WrongToken" && login.Result != "NeedToken":
			return cause.Errorf(cause.Auth, "log in: the wiki refuses the bot password; are name and password those of its page Special:BotPasswords?")
		}
	}
	return cause.Errorf(cause.Auth, "log in: the wiki refuses its own login token; does it keep sessions?")
}
