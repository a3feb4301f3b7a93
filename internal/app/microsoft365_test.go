package app

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// number is one in the column of values.
var number = regexp.MustCompile(`\b[0-9][0-9,.]*\b`)

// On Microsoft 365 many things are missing for many reasons, and each of them is said.
func TestCheckLiveOfMicrosoft365(t *testing.T) {
	for _, tc := range []struct {
		name, keys string // of the platform
		change     func(*tenant.Tenant)
		want       error
		lines      []string // with single spaces; … stands for a number
	}{
		{"all is well", "product: sharepoint\naccounts: report\n", func(*tenant.Tenant) {}, nil, []string{
			"office (microsoft365): works.", "Reports.Read.All yes everything", "active_users 30d … users getOffice365ServicesUserCounts", "page_views 28d … views getSharePointSiteUsagePages",
			"custom.usage_names_concealed … flag admin/reportSettings",
		}},
		{"the product is not used", "product: viva_engage\naccounts: report\n", func(o *tenant.Tenant) {
			o.Set(func(s *tenant.Switches) { s.Without = map[tenant.Product]bool{tenant.Engage: true} })
		}, nil, []string{
			"office (microsoft365): works.", "Reports.Read.All yes everything", "active_users 30d none: nothing is there yet getOffice365ServicesUserCounts",
		}},
		{"may not read the settings", "product: sharepoint\naccounts: report\n", func(o *tenant.Tenant) { o.Revoke("ReportSettings.Read.All") }, nil, []string{
			"office (microsoft365): works.", "ReportSettings.Read.All no only whether", "custom.usage_names_concealed none: ReportSettings.Read.All is missing admin/reportSettings",
		}},
		{"may not read users", "product: sharepoint\n", func(o *tenant.Tenant) { o.Revoke("User.Read.All") }, errPoll, []string{
			"office (microsoft365): fails.", "User.Read.All no accounts and profiles", "accounts none: User.Read.All is missing users", "active_users 30d … users getOffice365ServicesUserCounts",
		}},
		{"may not read sign-ins", "product: entra\nsign_ins: {source: log, application: 00000003-0000-0ff1-ce00-000000000000, retention: 7d}\n", func(o *tenant.Tenant) { o.Revoke("AuditLog.Read.All") }, errPoll, []string{
			"office (microsoft365): fails.", "AuditLog.Read.All no logins", "logins 28d none: AuditLog.Read.All is missing auditLogs/signIns", "accounts … accounts users",
		}},
		{"may not read reports", "product: sharepoint\naccounts: report\n", func(o *tenant.Tenant) { o.Revoke("Reports.Read.All") }, errPoll, []string{
			"office (microsoft365): fails.", "Reports.Read.All no everything", "ReportSettings.Read.All yes only whether",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := tenant.New(1, tenant.Options{Users: 60, Clock: time.Now})
			tc.change(o)
			serve := func() string {
				server := httptest.NewServer(o.Handler())
				t.Cleanup(server.Close)
				return server.URL
			}
			login, graph := serve(), serve()
			o.SetAddresses(login, graph, serve())
			file := write(t, fmt.Sprintf("platforms:\n  - name: office\n    type: microsoft365\n    tenant: %s\n    client_id: %s\n    client_secret_file: secret\n    login_url: %s\n    graph_url: %s\n    download_domains: [127.0.0.1]\n    %s",
				o.TenantID(), o.ClientID(), login, graph, strings.ReplaceAll(strings.TrimSpace(tc.keys), "\n", "\n    ")))
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), "secret"), []byte(o.Secret()), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newStand()
			s.Types, s.Width = collector.Types, 1000
			if err := s.Check(t.Context(), file, CheckOptions{Live: true}); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			var lines []string
			for line := range strings.Lines(s.shown(file)) {
				lines = append(lines, strings.Join(strings.Fields(number.ReplaceAllString(line, "…")), " "))
			}
			shown := strings.Join(lines, "\n")
			for _, want := range tc.lines {
				if !strings.Contains("\n"+shown, "\n"+want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(s.shown(file))
			}
		})
	}
}
