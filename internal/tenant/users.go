package tenant

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A property of a user in a listing.
type property struct {
	filterable
	standard bool // comes without $select
	basic    bool // may be read with User.ReadBasic.All
	value    func(*account, time.Time) any
}

func field(operators string, standard, basic bool, get func(*account) string) property {
	return property{filterable{operators, text}, standard, basic, func(a *account, _ time.Time) any { return null(get(a)) }}
}

// userProperties are those that are played, with what the documentation says of each.
var userProperties = map[string]property{
	"accountEnabled":  {filterable{"daaaad--", boolean}, false, false, func(a *account, at time.Time) any { return a.enabled(at) }},
	"businessPhones":  {filterable{"--------", text}, true, false, func(a *account, _ time.Time) any { return append([]string{}, a.phones...) }},
	"city":            field("daad-dda", false, false, func(a *account) string { return a.city }),
	"companyName":     field("aaaaaaaa", false, false, func(a *account) string { return a.company }),
	"createdDateTime": {filterable{"daadda--", instant}, false, false, func(a *account, _ time.Time) any { return a.created.Truncate(time.Second) }},
	"department":      field("daadddda", false, false, func(a *account) string { return a.department }),
	"displayName":     field("daa--dda", true, true, func(a *account) string { return a.name }),
	"givenName":       field("da-dddda", true, true, func(a *account) string { return a.given }),
	"id":              field("daa-----", true, true, func(a *account) string { return a.id }),
	"jobTitle":        field("da-ddd-a", true, false, func(a *account) string { return a.title }),
	"mail":            field("da-dddd-", true, true, func(a *account) string { return a.mail }),
	"mobilePhone":     field("aa-aaaaa", true, false, func(a *account) string { return a.mobile }),
	"officeLocation":  field("aa-aaaaa", true, false, func(a *account) string { return a.office }),
	"onPremisesSyncEnabled": {filterable{"da-aad--", boolean}, false, false, func(a *account, _ time.Time) any {
		if a.synced {
			return true
		}
		return nil
	}},
	"preferredLanguage": field("aa-aaaaa", true, false, func(*account) string { return "" }),
	"surname":           field("da-dddda", true, true, func(a *account) string { return a.surname }),
	"userPrincipalName": field("da--ddd-", true, true, func(a *account) string { return a.upn }),
	"userType": field("daa--d-a", false, false, func(a *account) string {
		switch {
		case a.guest:
			return "Guest"
		case a.untyped:
			return ""
		}
		return "Member"
	}),
	"assignedLicenses": {filterable{"--------", text}, false, false, func(a *account, at time.Time) any {
		licences := []object{}
		if a.licence.holds(at) {
			licences = append(licences, object{{"disabledPlans", append([]string{}, a.plan.disabled...)}, {"skuId", a.plan.sku}})
		}
		return licences
	}},
}

// userOrder is the order of the properties in an entry.
var userOrder = sortedKeys(userProperties)

// aloneOnly are properties of a user that a listing cannot have.
var aloneOnly = []string{"aboutMe", "birthday", "hireDate", "interests", "mySite", "pastProjects", "preferredName", "responsibilities", "schools", "skills", "mailboxSettings"}

// userFilters is what users can be filtered by.
var userFilters = func() map[string]filterable {
	known := map[string]filterable{
		"assignedLicenses/$count":           {"aa------", integer},
		"signInActivity/lastSignInDateTime": {"da-dd---", instant}, "signInActivity/lastSuccessfulSignInDateTime": {"da-dd---", instant},
	}
	for name, p := range userProperties {
		known[name] = p.filterable
	}
	return known
}()

func sortedKeys(of map[string]property) (names []string) {
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (q *request) advanced() bool {
	return q.r.Header.Get("ConsistencyLevel") == "eventual" && (q.query.Get("$count") == "true" || strings.HasSuffix(q.r.URL.Path, "/$count"))
}

// mayReadUsers says whether users may be read; basic, whether only a little of them.
func (t *Tenant) mayReadUsers(q *request) (basic, ok bool) {
	if q.roles["User.Read.All"] || q.roles["Directory.Read.All"] {
		return false, true
	}
	if q.roles["User.ReadBasic.All"] {
		return true, true
	}
	t.refuse(q, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	return false, false
}

// matching finds the accounts that $filter asks for.
func (t *Tenant) matching(q *request, basic bool) (found []int32, f filter, ok bool) {
	f = filter{match: func(func(string) any) bool { return true }}
	if q.query.Has("$filter") {
		var err error
		if f, err = parseFilter(q.query.Get("$filter"), userFilters); err != nil {
			t.mistake(q, 400, "Request_UnsupportedQuery", err.Error())
			return nil, f, false
		}
		if f.advanced && !q.advanced() {
			t.mistake(q, 400, "Request_UnsupportedQuery", fmt.Sprintf("Unsupported or invalid query filter clause specified for property '%s' of resource 'User'.", strings.Join(f.properties, ",")))
			return nil, f, false
		}
	}
	for _, name := range f.properties {
		if strings.HasPrefix(name, "signInActivity/") {
			if len(slices.Compact(slices.Clone(f.properties))) > 1 {
				t.mistake(q, 400, "BadRequest", "signInActivity cannot be filtered with other properties.")
				return nil, f, false
			}
			if !t.mayReadSignIns(q) {
				return nil, f, false
			}
		} else if basic && !userProperties[name].basic {
			t.refuse(q, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
			return nil, f, false
		}
	}
	now := t.now()
	last := t.lastSignIns(f.properties)
	for i := range t.accounts {
		a := &t.accounts[i]
		if a.exists(now) && f.match(func(name string) any {
			switch name {
			case "assignedLicenses/$count":
				if a.licence.holds(now) {
					return 1
				}
				return 0
			case "signInActivity/lastSignInDateTime":
				return orNull(last[int32(i)].any)
			case "signInActivity/lastSuccessfulSignInDateTime":
				return orNull(last[int32(i)].success)
			}
			return userProperties[name].value(a, now)
		}) {
			found = append(found, int32(i))
		}
	}
	return found, f, true
}

func orNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at
}

// countUsers answers with plain text, which begins with a byte order mark.
func (t *Tenant) countUsers(q *request) {
	basic, ok := t.mayReadUsers(q)
	if !ok || !t.options(q, "$filter") {
		return
	}
	if q.r.Header.Get("ConsistencyLevel") != "eventual" {
		t.mistake(q, 400, "Request_BadRequest", "$count is not currently supported.")
		return
	}
	found, _, ok := t.matching(q, basic)
	if !ok {
		return
	}
	q.w.Header().Set("Content-Type", "text/plain")
	q.w.Header().Set("x-ms-resource-unit", "1")
	fmt.Fprintf(q.w, "\ufeff%d", len(found))
}

func (t *Tenant) listUsers(q *request) {
	basic, ok := t.mayReadUsers(q)
	if !ok || !t.options(q, "$select", "$filter", "$top", "$count", "$orderby", "$skiptoken") {
		return
	}
	q.w.Header().Set("x-ms-resource-unit", "1")
	if t.resume(q) {
		return
	}
	names := q.names()
	for _, name := range names {
		if slices.Contains(aloneOnly, name) {
			t.mistake(q, 501, "NotImplemented", "This operation target is not yet supported.")
			return
		}
		if _, known := userProperties[name]; !known && name != "signInActivity" {
			t.mistake(q, 400, "BadRequest", fmt.Sprintf("Could not find a property named '%s' on type 'microsoft.graph.user', or it is not played.", name))
			return
		}
	}
	size, ok := t.top(q, 100, 999)
	if !ok {
		return
	}
	signIns := slices.Contains(names, "signInActivity")
	if signIns && !t.mayReadSignIns(q) {
		return
	}
	found, f, ok := t.matching(q, basic)
	if !ok || !t.order(q, found) {
		return
	}
	if signIns || slices.ContainsFunc(f.properties, func(name string) bool { return strings.HasPrefix(name, "signInActivity/") }) {
		size = min(size, 500)
	}
	now, last := t.now(), t.lastSignIns(names)
	context := "users"
	if len(names) > 0 {
		context += "(" + strings.Join(names, ",") + ")"
	}
	t.startPage(q, cursor{
		context: context, count: q.advanced(), length: len(found), size: size,
		advanced: f.advanced || q.query.Has("$orderby") && q.query.Has("$filter"),
		entry:    func(i int) object { return t.user(found[i], names, basic, now, last) },
	})
}

// order sorts by $orderby.
func (t *Tenant) order(q *request, found []int32) bool {
	if !q.query.Has("$orderby") {
		return true
	}
	by, direction, _ := strings.Cut(q.query.Get("$orderby"), " ")
	if by != "displayName" && by != "userPrincipalName" || direction != "" && direction != "asc" && direction != "desc" {
		t.mistake(q, 400, "Request_UnsupportedQuery", "Unsupported sort property for 'User'.")
		return false
	}
	if q.query.Has("$filter") && !q.advanced() {
		t.mistake(q, 400, "Request_UnsupportedQuery", "Sorting not supported for current query.")
		return false
	}
	get := userProperties[by].value
	slices.SortStableFunc(found, func(a, b int32) int {
		order := compare(get(&t.accounts[a], time.Time{}), get(&t.accounts[b], time.Time{}))
		if direction == "desc" {
			return -order
		}
		return order
	})
	return true
}

// user is an entry of the listing. What may not be read is not there.
func (t *Tenant) user(i int32, names []string, basic bool, at time.Time, last map[int32]activity) object {
	a := &t.accounts[i]
	var o object
	for _, name := range userOrder {
		p := userProperties[name]
		if basic && !p.basic || len(names) == 0 && !p.standard || len(names) > 0 && name != "id" && !slices.Contains(names, name) {
			continue
		}
		value := p.value(a, at)
		if moment, ok := value.(time.Time); ok {
			if t.s.OddTimes && i%3 > 0 {
				moment = oddTime(int(i))
			}
			value = stamp(moment)
		}
		o = append(o, member{name, value})
	}
	if seen := last[i]; !seen.any.IsZero() && !basic {
		activity := object{{"lastSignInDateTime", stamp(seen.any)}, {"lastSignInRequestId", a.id}, {"lastNonInteractiveSignInDateTime", "0001-01-01T00:00:00Z"}, {"lastNonInteractiveSignInRequestId", ""}}
		if !seen.success.IsZero() {
			activity = append(activity, member{"lastSuccessfulSignInDateTime", stamp(seen.success)})
		}
		o = append(o, member{"signInActivity", activity})
	}
	return o
}

func oddTime(i int) time.Time {
	if i%2 == 0 {
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
}

// activity is when somebody last tried to sign in, and last did.
type activity struct{ any, success time.Time }

// lastSignIns is empty where none of the properties asks for it.
func (t *Tenant) lastSignIns(properties []string) map[int32]activity {
	last := map[int32]activity{}
	if !slices.ContainsFunc(properties, func(name string) bool { return strings.HasPrefix(name, "signInActivity") }) {
		return last
	}
	t.signedIn(t.first, t.now().Add(time.Second), func(s *signIn) {
		seen := last[s.who]
		seen.any = s.at
		if s.code == 0 {
			seen.success = s.at
		}
		last[s.who] = seen
	})
	return last
}
