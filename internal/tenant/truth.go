package tenant

import (
	"slices"
	"time"
)

// Truth counts from the history, and not as the reports do. Times are those before which a window ends, and days are its length.
type Truth struct{ t *Tenant }

// Truth tells what really happened.
func (t *Tenant) Truth() Truth { return Truth{t} }

func (t Truth) lock() func() {
	t.t.mu.Lock()
	return t.t.mu.Unlock
}

func (t Truth) acts(end time.Time, days int, call func(*act, *account)) {
	t.t.happened(end.Add(-time.Duration(days)*day), end, func(a *act) { call(a, &t.t.accounts[a.who]) })
}

// ActiveUsers is how many did anything in a product while they had a licence for it.
func (t Truth) ActiveUsers(p Product, end time.Time, days int) int {
	defer t.lock()()
	return len(t.active(p, end, days))
}

func (t Truth) active(p Product, end time.Time, days int) map[string]bool {
	who := map[string]bool{}
	t.acts(end, days, func(a *act, by *account) {
		if a.verb.product() == p && by.licensed(p, a.at) {
			who[by.id] = true
		}
	})
	return who
}

// Licensed is how many have a licence for a product.
func (t Truth) Licensed(p Product, at time.Time) (n int) {
	defer t.lock()()
	for i := range t.t.accounts {
		if t.t.accounts[i].licensed(p, at) {
			n++
		}
	}
	return n
}

// ReportedUsers is how many were active or have a licence at the end: the active and inactive users of the report together.
func (t Truth) ReportedUsers(p Product, end time.Time, days int) int {
	defer t.lock()()
	who := t.active(p, end, days)
	for i := range t.t.accounts {
		if a := &t.t.accounts[i]; a.licensed(p, end) {
			who[a.id] = true
		}
	}
	return len(who)
}

// PageViews is how often anybody looked at any page.
func (t Truth) PageViews(end time.Time, days int) int { return t.did(viewed, end, days, false) }

// PagesVisited is how many pages somebody with a licence looked at.
func (t Truth) PagesVisited(end time.Time, days int) int {
	defer t.lock()()
	seen := map[string]bool{}
	t.acts(end, days, func(a *act, by *account) {
		if a.verb == viewed && by.licensed(SharePoint, a.at) {
			seen[t.t.pages[a.page].id] = true
		}
	})
	return len(seen)
}

// Posted is how many messages were posted.
func (t Truth) Posted(end time.Time, days int) int { return t.did(posted, end, days, true) }

// Read is how many conversations were read.
func (t Truth) Read(end time.Time, days int) int { return t.did(read, end, days, true) }

// Liked is how many messages were liked.
func (t Truth) Liked(end time.Time, days int) int { return t.did(liked, end, days, true) }

func (t Truth) did(v verb, end time.Time, days int, licensed bool) (n int) {
	defer t.lock()()
	t.acts(end, days, func(a *act, by *account) {
		if a.verb == v && (!licensed || by.licensed(v.product(), a.at)) {
			n++
		}
	})
	return n
}

// An Account is what the directory knows of one.
type Account struct {
	ID, Name, UserPrincipalName, Mail string
	Guest, Enabled, Licensed          bool
	Created                           time.Time
	Fields                            map[string]string // by Graph's names; those that are filled in
}

// Kind is the kind of an account, one of the four that Accounts counts: guest; service, which has no licence; disabled; person.
func (a Account) Kind() string {
	switch {
	case a.Guest:
		return "guest"
	case !a.Licensed:
		return "service"
	case !a.Enabled:
		return "disabled"
	}
	return "person"
}

// Directory has all accounts that there are.
func (t Truth) Directory(at time.Time) (all []Account) {
	defer t.lock()()
	for i := range t.t.accounts {
		a := &t.t.accounts[i]
		if at.Before(a.created) || !a.deleted.IsZero() && !at.Before(a.deleted) {
			continue
		}
		fields := map[string]string{}
		for name, value := range map[string]string{
			"jobTitle": a.title, "department": a.department, "officeLocation": a.office, "mobilePhone": a.mobile, "companyName": a.company, "city": a.city,
		} {
			if value != "" {
				fields[name] = value
			}
		}
		licensed := !a.licence.from.IsZero() && !a.licence.from.After(at) && (a.licence.to.IsZero() || a.licence.to.After(at))
		all = append(all, Account{
			ID: a.id, Name: a.name, UserPrincipalName: a.upn, Mail: a.mail, Guest: a.guest, Enabled: a.disabled.IsZero() || a.disabled.After(at),
			Licensed: licensed, Created: a.created, Fields: fields,
		})
	}
	return all
}

// Accounts counts the accounts by Kind.
func (t Truth) Accounts(at time.Time) map[string]int {
	kinds := map[string]int{}
	for _, a := range t.Directory(at) {
		kinds[a.Kind()]++
	}
	return kinds
}

// FieldFilled is how many persons have filled in all of these fields.
func (t Truth) FieldFilled(at time.Time, fields ...string) (n int) {
	for _, a := range t.Directory(at) {
		if a.Kind() == "person" && !slices.ContainsFunc(fields, func(name string) bool { return a.Fields[name] == "" }) {
			n++
		}
	}
	return n
}

// A SignIn is an attempt to sign in that the log has.
type SignIn struct {
	At            time.Time
	ID, UserID    string // no UserID where there is no such account
	App           string
	Succeeded     bool
	Interactive   bool
	Guest, Abroad bool // by somebody of another tenant; by one of ours to another tenant
}

// SignIns has the sign-ins that v1.0 lists sooner or later.
func (t Truth) SignIns(from, to time.Time) (all []SignIn) {
	defer t.lock()()
	t.t.signedIn(from, to, func(s *signIn) {
		if !s.listed {
			return
		}
		user := ""
		if s.who >= 0 {
			user = t.t.accounts[s.who].id
		}
		all = append(all, SignIn{s.at, s.id, user, s.app, s.code == 0, s.interactive, s.guest, s.abroad})
	})
	return all
}

// Logins counts who of us signed in to an application of this tenant: how often, and how many people.
func (t Truth) Logins(app string, from, to time.Time) (events, users int) {
	who := map[string]bool{}
	for _, s := range t.SignIns(from, to) {
		if s.App == app && s.Succeeded && !s.Guest && !s.Abroad {
			events++
			who[s.UserID] = true
		}
	}
	return events, len(who)
}

// SignInEvents is how many sign-ins of any kind there were, as the summary counts them.
func (t Truth) SignInEvents(end time.Time, days int) (n int) {
	defer t.lock()()
	t.t.signedIn(end.Add(-time.Duration(days)*day), end, func(*signIn) { n++ })
	return n
}

// A Page is a page of a site with what happened to it.
type Page struct {
	ID        string
	Published bool // readers see it, though perhaps not the newest version
	Created   time.Time
	First     time.Time // when it was published first; zero = never
	Modified  time.Time
	AuthorID  string // none for an application
}

// PagesOf has the pages of a site, drafts and all.
func (t Truth) PagesOf(site string, at time.Time) (all []Page) {
	defer t.lock()()
	s := t.t.named(site)
	for i := range t.t.pages {
		p := &t.t.pages[i]
		if p.site != s || p.created.After(at) || !p.deleted.IsZero() && !p.deleted.After(at) {
			continue
		}
		author := ""
		if p.author >= 0 {
			author = t.t.accounts[p.author].id
		}
		published := !p.published.IsZero() && !p.published.After(at)
		all = append(all, Page{p.id, published, p.created, p.published, p.modified(at), author})
	}
	return all
}

// Pages is how many pages of the sites are published.
func (t Truth) Pages(at time.Time, sites ...string) int {
	return t.pages(at, sites, func(Page) bool { return true })
}

// PagesStale is how many of those were last saved longer ago than after.
func (t Truth) PagesStale(at time.Time, after time.Duration, sites ...string) int {
	return t.pages(at, sites, func(p Page) bool { return p.Modified.Before(at.Add(-after)) })
}

// PagesCreated is how many of those that are published at that time were created in [from, to).
func (t Truth) PagesCreated(at, from, to time.Time, sites ...string) int {
	return t.pages(at, sites, func(p Page) bool { return !p.Created.Before(from) && p.Created.Before(to) })
}

// PagesEdited is how many of those that are published at that time were last saved in [from, to), after they were published first.
func (t Truth) PagesEdited(at, from, to time.Time, sites ...string) int {
	return t.pages(at, sites, func(p Page) bool {
		return p.Modified.After(p.First) && !p.Modified.Before(from) && p.Modified.Before(to)
	})
}

func (t Truth) pages(at time.Time, sites []string, counts func(Page) bool) (n int) {
	for _, site := range sites {
		for _, p := range t.PagesOf(site, at) {
			if p.Published && counts(p) {
				n++
			}
		}
	}
	return n
}

// SiteViews is how often anybody looked at a page of a site in the seven days before end.
func (t Truth) SiteViews(site string, end time.Time) int {
	views, _ := t.site(site, end)
	return views
}

// SiteVisitors is how many people did.
func (t Truth) SiteVisitors(site string, end time.Time) int {
	_, visitors := t.site(site, end)
	return visitors
}

func (t Truth) site(site string, end time.Time) (views, visitors int) {
	defer t.lock()()
	s, who := t.t.named(site), map[string]bool{}
	t.acts(end, 7, func(a *act, by *account) {
		if a.verb == viewed && t.t.pages[a.page].site == s {
			views++
			who[by.id] = true
		}
	})
	return views, len(who)
}
