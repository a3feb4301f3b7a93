package tenant

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// mayReadSignIns says whether sign-ins may be read, for which the tenant must have paid, too.
func (t *Tenant) mayReadSignIns(q *request) bool {
	if !q.roles["AuditLog.Read.All"] {
		t.refuse(q, 403, "Authentication_MSGraphPermissionMissing", "Calling principal does not have required MSGraph permissions AuditLog.Read.All")
		return false
	}
	if t.s.NoPremium {
		t.refuse(q, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or tenant doesn't have premium license")
		return false
	}
	return true
}

// signInFilters are those that the documentation names: of the times neither lt nor gt.
var signInFilters = map[string]filterable{
	"createdDateTime": {"d--dd---", instant}, "appId": {"d-------", text}, "appDisplayName": {"d-----d-", text}, "id": {"d-------", text},
	"userId": {"d-------", text}, "userPrincipalName": {"d-----d-", text}, "userDisplayName": {"d-----d-", text}, "status/errorCode": {"d-------", integer},
}

// listSignIns lists the newest first.
func (t *Tenant) listSignIns(q *request) {
	if !t.mayReadSignIns(q) || !t.options(q, "$filter", "$top", "$skiptoken") || t.resume(q) {
		return
	}
	size, ok := t.top(q, 1000, 1000)
	if !ok {
		return
	}
	f := filter{match: func(func(string) any) bool { return true }}
	if q.query.Has("$filter") {
		var err error
		if f, err = parseFilter(q.query.Get("$filter"), signInFilters); err != nil {
			t.mistake(q, 400, "BadRequest", err.Error())
			return
		}
	}
	var found []*signIn
	now := t.now()
	t.signedIn(now.Add(-t.s.Retention), now.Add(time.Second), func(s *signIn) {
		if s.listed && t.known(s) && f.match(func(name string) any { return t.signInProperty(s, name) }) {
			found = append(found, s)
		}
	})
	t.startPage(q, cursor{
		context: "auditLogs/signIns", length: len(found), size: size,
		entry: func(i int) object { return t.signInEntry(found[len(found)-1-i]) },
	})
}

// known says whether a sign-in has reached the log.
func (t *Tenant) known(s *signIn) bool {
	return !s.at.Add(t.s.SignInDelay * time.Duration(s.delay) / 1000).After(t.now())
}

const nobody = "00000000-0000-0000-0000-000000000000"

func (t *Tenant) signInProperty(s *signIn, name string) any {
	user, upn, display := nobody, "stranger@"+t.o.Domain, "stranger"
	if s.who >= 0 {
		a := &t.accounts[s.who]
		user, upn, display = a.id, strings.ToLower(a.upn), a.name
	}
	switch name {
	case "createdDateTime":
		return s.at
	case "appId":
		return s.app
	case "appDisplayName":
		return appNames[s.app]
	case "id":
		return s.id
	case "userId":
		return user
	case "userPrincipalName":
		return upn
	case "userDisplayName":
		return display
	}
	return s.code
}

const elsewhere = "0f1e2d3c-4b5a-4697-8877-665544332211"

// signInEntry is as long as true ones are.
func (t *Tenant) signInEntry(s *signIn) object {
	home, resource := t.o.TenantID, t.o.TenantID
	if s.guest {
		home = elsewhere
	}
	if s.abroad {
		resource = elsewhere
	}
	var failure any
	if s.code != 0 {
		failure = "The user could not be signed in."
	}
	return object{
		{"id", s.id},
		{"createdDateTime", stamp(s.at)},
		{"userDisplayName", t.signInProperty(s, "userDisplayName")},
		{"userPrincipalName", t.signInProperty(s, "userPrincipalName")},
		{"userId", t.signInProperty(s, "userId")},
		{"appId", s.app},
		{"appDisplayName", appNames[s.app]},
		{"ipAddress", "198.51.100.7"},
		{"clientAppUsed", "Browser"},
		{"correlationId", s.id},
		{"conditionalAccessStatus", "notApplied"},
		{"isInteractive", s.interactive},
		{"riskDetail", "none"},
		{"riskLevelAggregated", "none"},
		{"riskLevelDuringSignIn", "none"},
		{"riskState", "none"},
		{"riskEventTypes_v2", []string{}},
		{"resourceDisplayName", appNames[s.app]},
		{"resourceId", s.app},
		{"homeTenantId", home},
		{"resourceTenantId", resource},
		{"status", object{{"errorCode", s.code}, {"failureReason", failure}, {"additionalDetails", nil}}},
		{"deviceDetail", object{{"deviceId", ""}, {"displayName", nil}, {"operatingSystem", "Windows 10"}, {"browser", "Edge 142.0.0"}, {"isCompliant", nil}, {"isManaged", nil}, {"trustType", nil}}},
		{"location", object{{"city", "Utrecht"}, {"state", "Utrecht"}, {"countryOrRegion", "NL"}, {"geoCoordinates", object{{"altitude", nil}, {"latitude", 52.09}, {"longitude", 5.12}}}}},
		{"appliedConditionalAccessPolicies", []string{}},
	}
}

// signInSummary counts all sign-ins of each day, with those that failed, those without a person, and those of today so far.
func (t *Tenant) signInSummary(q *request) {
	if !q.roles["AuditLog.Read.All"] {
		t.mayReadSignIns(q)
		return
	}
	if !t.options(q, "$filter", "$top", "$skiptoken") || t.resume(q) {
		return
	}
	size, ok := t.top(q, 1000, 1000)
	if !ok {
		return
	}
	if q.query.Has("$filter") { // the documentation says eq, and shows gt with a time in quotes
		t.mistake(q, http.StatusNotImplemented, "NotImplemented", "Filtering signInEventsSummary is not played.")
		return
	}
	counts := map[time.Time]int{}
	now := t.now()
	t.signedIn(midnight(now.Add(-t.s.Retention)), now.Add(time.Second), func(s *signIn) {
		if t.known(s) {
			counts[midnight(s.at)]++
		}
	})
	var days []time.Time
	for d := midnight(now); !d.Before(midnight(now.Add(-t.s.Retention))); d = d.Add(-day) {
		if counts[d] > 0 {
			days = append(days, d)
		}
	}
	t.startPage(q, cursor{
		context: "auditLogs/signInEventsSummary", length: len(days), size: size,
		entry: func(i int) object {
			id := guid(rand.New(rand.NewPCG(t.seed, uint64(days[i].Unix()))))
			return object{{"id", id}, {"signInCount", counts[days[i]]}, {"activityDateTime", fmt.Sprint(days[i].Format(time.DateOnly), "T00:00:00Z")}}
		},
	})
}
