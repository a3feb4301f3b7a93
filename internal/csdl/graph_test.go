package csdl

import (
	"strings"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// TestGraph holds what is known to work against the description of Microsoft Graph itself, and mistakes that are easily made.
func TestGraph(t *testing.T) {
	d := load(t, need.Contract(t, "microsoft-graph-v1.0.csdl.xml"))
	const site = "/sites/contoso.sharepoint.com,00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002"
	for _, test := range []struct{ request, want string }{
		{"/reports/getOffice365ServicesUserCounts(period='D7')", ""},
		{"/reports/getOffice365ActiveUserCounts(period='D30')", ""},
		{"/reports/getSharePointSiteUsagePages(period='D30')", ""},
		{"/reports/getSharePointActivityUserDetail(date=2026-11-01)", ""},
		{"/users?$select=id,userPrincipalName,accountEnabled,userType,assignedLicenses,jobTitle,department,officeLocation,mobilePhone&$top=999", ""},
		{"/users/$count", ""},
		{"/users/$count?$filter=accountEnabled eq true and userType eq 'Member' and assignedLicenses/$count ne 0 and jobTitle ne null", ""},
		{"/users?$filter=assignedLicenses/any(l:l/skuId eq 00000000-0000-0000-0000-000000000001)&$count=true", ""},
		{"/users/ann@contoso.com?$select=displayName", ""},
		{"/auditLogs/signIns?$filter=createdDateTime ge 2026-11-01T00:00:00Z and createdDateTime lt 2026-11-02T00:00:00Z and status/errorCode eq 0&$top=1000", ""},
		{"/admin/reportSettings", ""},
		{"/sites/contoso.sharepoint.com", ""},
		{"/sites/contoso.sharepoint.com:/sites/news", ""},
		{site + "/pages/microsoft.graph.sitePage?$select=createdDateTime,createdBy,lastModifiedBy,lastModifiedDateTime,publishingState", ""},
		{site + "/analytics/lastSevenDays", ""},

		{"/reports/getOffice365ServicesUserCount(period='D7')", `path: microsoft.graph.reportRoot has no "getOffice365ServicesUserCount"`},
		{"/reports/getOffice365ServicesUserCounts(date=2026-11-01)", `path: getOffice365ServicesUserCounts has no parameter "date"`},
		{"/reports/getOffice365ServicesUserCounts(period=D7)", "path: the parameter period of getOffice365ServicesUserCounts is of type Edm.String"},
		{"/reports/getOffice365ServicesUserCounts", "path: getOffice365ServicesUserCounts needs the parameter period"},
		{"/user", `path: the API has no "user"`},
		{"/users?$select=mail,phone", `query: $select: microsoft.graph.user has no property "phone"`},
		{"/users?$filter=licensed eq true", `query: $filter: microsoft.graph.user has no property "licensed"`},
		{"/auditLogs/signIn", `path: microsoft.graph.auditLogRoot has no "signIn"`},
		{"/auditLogs/signInEventsSummary", `path: microsoft.graph.auditLogRoot has no "signInEventsSummary"`}, // beta only
		{"/auditLogs/signIns?$filter=status eq 0", "query: $filter: what is of type microsoft.graph.signInStatus is compared with another kind of value"},
		{"/auditLogs/signIns?$filter=createdDateTime ge '2026-11-01T00:00:00Z'", "query: $filter: what is of type Edm.DateTimeOffset is compared with another kind of value"},
		{"/admin/reportsettings", `path: microsoft.graph.admin has no "reportsettings"`},
		{site + "/pages/microsoft.graph.newsPage", `path: a collection of microsoft.graph.baseSitePage has no "newsPage"`},
		{site + "/pages?$select=promotionKind", `query: $select: microsoft.graph.baseSitePage has no property "promotionKind"`},
		{site + "/analytics/lastThirtyDays", `path: microsoft.graph.itemAnalytics has no "lastThirtyDays"`},
		{"/users/1/assignLicense", "method: what the path leads to takes POST"},
	} {
		path, query, _ := strings.Cut(test.request, "?")
		t.Run(test.request, func(t *testing.T) {
			says(t, d.Request("GET", "/v1.0"+path, strings.ReplaceAll(query, " ", "%20")), test.want)
		})
	}

	for _, test := range []struct{ path, body, want string }{
		{"/users", `{"@odata.context":"x","@odata.nextLink":"x","value":[{"id":"1","accountEnabled":true,"userType":"Member","jobTitle":null,` +
			`"assignedLicenses":[{"disabledPlans":[],"skuId":"00000000-0000-0000-0000-000000000001"}]}]}`, ""},
		{"/users/$count", "893", ""},
		{"/auditLogs/signIns", `{"value":[{"createdDateTime":"2026-11-01T00:00:00Z","userId":"1","status":{"errorCode":0}}]}`, ""},
		{"/admin/reportSettings", `{"displayConcealedNames":false}`, ""},
		{site + "/pages/microsoft.graph.sitePage", `{"value":[{"@odata.type":"#microsoft.graph.sitePage","id":"1","createdBy":{"user":{"displayName":"x"}},` +
			`"publishingState":{"level":"published","versionId":"1.0"}}]}`, ""},
		{site + "/analytics/lastSevenDays", `{"startDateTime":"2026-11-01T00:00:00Z","access":{"actionCount":5,"actorCount":2}}`, ""},

		{"/users", `{"value":[{"accountEnabled":"true"}]}`, "answer: value/accountEnabled is not of type Edm.Boolean"},
		{"/users", `{"value":[{"assignedLicenses":null}]}`, "answer: value/assignedLicenses is not a list"},
		{"/users", `{"value":[{"assignedLicenses":[{"sku":"x"}]}]}`, `answer: microsoft.graph.assignedLicense has no property "sku"`},
		{"/auditLogs/signIns", `{"value":[{"createdDateTime":"2026-11-01"}]}`, "answer: value/createdDateTime is not of type Edm.DateTimeOffset"},
		{"/auditLogs/signIns", `{"value":[{"status":{"errorCode":"0"}}]}`, "answer: value/status/errorCode is not of type Edm.Int32"},
		{"/auditLogs/signIns", `{"value":[{"user":"1"}]}`, `answer: microsoft.graph.signIn has no property "user"`},
		{"/admin/reportSettings", `{"displayConcealedNames":null}`, "answer: microsoft.graph.adminReportSettings/displayConcealedNames is null"},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) { says(t, d.Answer("/v1.0"+test.path, []byte(test.body)), test.want) })
	}
}
