package tenant

import (
	"net/url"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/internal/csdl"
	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// TestDescription holds the answers of the tenant, with all its oddities, against the published description of Graph.
func TestDescription(t *testing.T) {
	description, err := csdl.Open(need.Contract(t, "microsoft-graph-v1.0.csdl.xml"))
	if err != nil {
		t.Fatal(err)
	}
	tenant := New(5, Options{Check: description, Redrafts: true, NullUserTypes: true})
	tenant.Set(func(s *Switches) { s.AnalyticsTimes, s.Incomplete, s.OddTimes = true, true, true })
	c := newClient(t, tenant)
	c.list("/v1.0/users?$top=20")
	c.list("/v1.0/users?$select=id,accountEnabled,assignedLicenses,businessPhones,city,companyName,createdDateTime,department,displayName,jobTitle,mail,mobilePhone,officeLocation,userPrincipalName,userType,signInActivity&$top=50")
	c.list("/v1.0/users?$count=true&$filter="+url.QueryEscape("assignedLicenses/$count ne 0 and city ne null")+"&$orderby=displayName&$top=20", "ConsistencyLevel", "eventual")
	c.get("/v1.0/users/$count?$filter=userType%20eq%20'Guest'", "ConsistencyLevel", "eventual")
	c.list("/v1.0/auditLogs/signIns?$top=500&$filter=status/errorCode eq 0 and createdDateTime ge 2026-11-01T00:00:00Z")
	c.list("/beta/auditLogs/signInEventsSummary") // which the description does not have
	c.read(c.get("/v1.0/admin/reportSettings"), 200, nil)
	for name := range reports {
		c.report(name + "(period='D7')")
	}
	for _, s := range tenant.sites {
		c.read(c.get("/v1.0/sites/"+s.id+"?$select=id,webUrl"), 200, nil)
		c.list("/v1.0/sites/" + s.id + "/pages/microsoft.graph.sitePage?$top=10&$select=id,createdBy")
		c.list("/v1.0/sites/" + s.id + "/pages/microsoft.graph.sitePage")
		c.read(c.get("/v1.0/sites/"+s.id+"/analytics/lastSevenDays"), 200, nil)
	}
	c.read(c.get("/v1.0/sites/contoso.sharepoint.com:/sites/news"), 200, nil)
	c.clean()
}
