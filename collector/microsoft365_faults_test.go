package collector

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

func startSharePoint(t *testing.T, timeout time.Duration) *platform {
	return startMicrosoft365(t, timeout, sharePoint, func(c *cloud) string { return c.siteKeys("news", "people") })
}

func startEngage(t *testing.T, timeout time.Duration) *platform {
	p := startMicrosoft365(t, timeout, vivaEngage, func(*cloud) string { return "accounts: count\n" })
	for _, name := range []string{"NaN", "numbers out of range", "page loop", "page repeated", "duplicate ids"} {
		p.faults[name] = fault{never: "Nothing is listed, and all numbers are texts."}
	}
	return p
}

func startEntra(t *testing.T, timeout time.Duration) *platform {
	p := startMicrosoft365(t, timeout, entra, func(*cloud) string { return "sign_ins: {source: log, application: " + newsApp + "}\n" })
	p.faults["sentinel numbers"] = fault{never: "No number is told, but for codes."}
	return p
}

func startMicrosoft365(t *testing.T, timeout time.Duration, product string, keys func(*cloud) string) *platform {
	c := newCloud(t, 1, tenant.Options{Users: 40})
	c.faulty = true
	repair := func() {
		c.Set(func(s *tenant.Switches) {
			s.Unlimited, s.PageSize, s.RepeatedPage, s.DuplicateIDs, s.OddTimes = true, 15, 0, false, false
		})
	}
	repair()
	to := c.Now().Add(-signInSettle)
	return &platform{
		collector: c.open(t, product, keys(c)+fmt.Sprintf("request_timeout: %dms\n", timeout.Milliseconds())),
		from:      to.Add(-28 * oneDay), to: to,
		secrets: []string{c.Secret(), c.ClientID(), "skiptoken", "contoso", "Authorization", "Bearer", "/download", "$filter"},
		front:   c.front,
		faults:  c.faults(),
		repair:  repair,
		apart:   true,
		pass: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.skew += freshFor + time.Minute
		},
	}
}

// faults are those that can't happen without knowledge of Microsoft 365.
func (c *cloud) faults() map[string]fault {
	switched := func(why cause.Cause, change func(*tenant.Switches)) fault { // before the tenant answers
		return fault{cause: why, http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
			c.Set(change)
			platform.ServeHTTP(w, r)
			return true
		}}
	}
	denied := func() fault { // by Graph: sign-in and downloads know no rights
		return fault{cause: cause.Permission, overseen: true, http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
			if !strings.HasPrefix(r.URL.Path, "/v1.0/") && !strings.HasPrefix(r.URL.Path, "/beta/") {
				platform.ServeHTTP(w, r)
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"error":{"code":"accessDenied","message":%q}}`, planted)
			return true
		}}
	}
	number := regexp.MustCompile(`"actionCount":\d+|(\d{4}-\d\d-\d\d,)\d+,`)
	return map[string]fault{
		// A token that is refused is renewed once.
		"401": unread(status(http.StatusUnauthorized, cause.Auth)),
		"403": unread(status(http.StatusForbidden, cause.Permission)),

		"page loop": unread(fault{cause: cause.BadResponse, http: func(w http.ResponseWriter, r *http.Request, platform http.Handler) bool {
			next := regexp.MustCompile(`"@odata.nextLink":"[^"]*"`)
			return rewrite(w, r, platform, func(body []byte) []byte {
				if !next.Match(body) {
					return body
				}
				this := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
				return next.ReplaceAllLiteral(body, []byte(`"@odata.nextLink":"`+this.String()+`"`))
			})
		}}),
		"page repeated":       unread(switched(cause.BadResponse, func(s *tenant.Switches) { s.RepeatedPage = 1 })),
		"page size changed":   switched("", func(s *tenant.Switches) { s.PageSize = 7 }),
		"right lost half-way": denied(),
		"right lost":          denied(),
		"error that looks like success": {cause: cause.BadResponse, http: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			_, _ = fmt.Fprintf(w, `{"error":{"code":"UnknownError","message":%q}}`, planted)
			return true
		}},
		"wrong password that still answers": {never: "Microsoft Entra gives no token for a wrong secret."},

		"duplicate ids": unread(switched(cause.BadResponse, func(s *tenant.Switches) { s.DuplicateIDs = true })),
		"year 0":        unread(replaced(cause.BadResponse, "2026-", "0000-")),
		"year 9999":     unread(replaced(cause.BadResponse, "2026-", "9999-")),
		"sentinel numbers": unread(changed(cause.BadResponse, func(body []byte) []byte {
			return number.ReplaceAllFunc(body, func(found []byte) []byte {
				if i := bytes.IndexByte(found, ':'); i >= 0 {
					return append(bytes.Clone(found[:i+1]), "-1"...)
				}
				return append(bytes.Clone(found[:11]), "-1,"...)
			})
		})),

		"null":                    changed(cause.BadResponse, func([]byte) []byte { return []byte("null") }),
		"garbage":                 changed(cause.BadResponse, func([]byte) []byte { return []byte("Person 009") }),
		"a list without elements": unread(changed(cause.BadResponse, func([]byte) []byte { return []byte(`{"value":7}`) })),
	}
}
