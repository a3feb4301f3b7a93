package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// A crowd is a tenant with many accounts, which platforms are polled of one after the other.
type crowd struct {
	*testing.T
	*tenant.Tenant
	keys   string
	passed atomic.Int64 // since began
}

func newCrowd(t *testing.T, accounts int) *crowd {
	c := &crowd{T: t}
	// Of 100 accounts that a tenant ever has, some four are not there yet, or not any more.
	c.Tenant, c.keys = serve(t, tenant.Options{Users: accounts * 104 / 100, Clock: c.now})
	if n := len(c.Truth().Directory(c.now())); n < accounts*999/1000 || n > accounts*1001/1000 {
		t.Fatalf("%d accounts instead of %d", n, accounts)
	}
	return c
}

func (c *crowd) now() time.Time { return began.Add(time.Duration(c.passed.Load())) }

// open returns a platform that was never polled, and what counts for it.
func (c *crowd) open(keys string) (*config.Platform, *tally.Tally) {
	dir := c.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m365.secret"), []byte(c.Secret()), 0o600); err != nil {
		c.Fatal(err)
	}
	text := "platforms:\n  - name: platform\n    type: microsoft365\n    " + strings.ReplaceAll(keys, "\n", "\n    ") + "\n    " + c.keys + "\n"
	cfg, err := config.Parse(filepath.Join(dir, "intranet.yml"), []byte(text), collector.Types, func(string) collector.Options {
		return collector.Options{Now: c.now, Wait: func(ctx context.Context, d time.Duration) error {
			c.passed.Add(int64(d))
			return ctx.Err()
		}}
	})
	if err != nil {
		c.Fatal(err)
	}
	opened, _, err := tally.Open(nil, []byte("kept nowhere"), cfg.Platforms[0])
	if err != nil {
		c.Fatal(err)
	}
	return cfg.Platforms[0], opened
}

// requests are those that something needs.
func (c *crowd) requests(do func()) int {
	count := func() (n int) {
		for _, of := range c.Requests() {
			n += of
		}
		return n
	}
	before := count()
	do()
	return count() - before
}

func (c *crowd) poll(t *tally.Tally) {
	if errs := t.Update(c.Context(), c.now()).Errors; len(errs) > 0 {
		c.Error(errs)
	}
}

// TestMicrosoft365Requests counts the requests of polls. The documentation has the same table.
func TestMicrosoft365Requests(t *testing.T) {
	t.Parallel()
	documented, err := os.ReadFile("../../docs/collectors/microsoft365.md")
	if err != nil {
		t.Fatal(err)
	}
	crowds := []*crowd{newCrowd(t, 1000), newCrowd(t, 10_000), newCrowd(t, 100_000)}
	for _, tc := range []struct {
		name, keys  string
		first       [3]int // poll, by the size of the crowd
		soon, later int    // in ten minutes, and in an hour
	}{
		{"`sharepoint`, `accounts: report`", "product: sharepoint\naccounts: report", [3]int{14, 14, 14}, 2, 9},
		{"`sharepoint`, `accounts: count`", "product: sharepoint\naccounts: count", [3]int{23, 23, 23}, 3, 10},
		{"`sharepoint`, `accounts: list`", "product: sharepoint", [3]int{17, 26, 116}, 3, 10},
		{"the same with one site", "product: sharepoint\nsites: [{name: news, url: https://contoso.sharepoint.com/sites/news}]", [3]int{20, 29, 119}, 5, 13},
		{"`viva_engage`, `accounts: report`", "product: viva_engage\naccounts: report", [3]int{12, 12, 12}, 2, 8},
		{"`viva_engage`, `accounts: list`", "product: viva_engage", [3]int{15, 24, 114}, 3, 9},
		{"`entra`, `accounts: count`", "product: entra\naccounts: count", [3]int{10, 10, 10}, 1, 2},
		{"the same with `sign_ins: {source: summary}`", "product: entra\naccounts: count\nsign_ins: {source: summary}", [3]int{12, 12, 12}, 2, 4},
		{"`entra`, `accounts: list`", "product: entra", [3]int{4, 13, 103}, 1, 2},
		{"the same with `sign_ins: {source: log, …}`", "product: entra\nsign_ins: {source: log, application: " + tenant.SharePointApp + "}", [3]int{33, 42, 132}, 3, 4},
	} {
		row := fmt.Sprintf("\n| %s | %d | %d | %d | %d | %d |\n", tc.name, tc.first[0], tc.first[1], tc.first[2], tc.soon, tc.later)
		if !strings.Contains(string(documented), row) {
			t.Error("the documentation has not this row:", row)
		}
		for i, c := range crowds {
			c.passed.Add(int64(time.Hour)) // the limits of the platform before are over
			_, tally := c.open(tc.keys)
			for _, poll := range []struct {
				what  string
				after time.Duration
				want  int
			}{{"first", 0, tc.first[i]}, {"second", 10 * time.Minute, tc.soon}, {"third", 50 * time.Minute, tc.later}} {
				c.passed.Add(int64(poll.after))
				if got := c.requests(func() { c.poll(tally) }); got != poll.want {
					t.Errorf("%s, crowd %d: the %s poll takes %d requests, want %d", tc.name, i, poll.what, got, poll.want)
				}
			}
		}
	}
}

// TestMicrosoft365Memory holds what stays in memory of an account between polls. What is not used any more below is
// freed, and the tenant stays until the end.
func TestMicrosoft365Memory(t *testing.T) {
	const accounts = 100_000
	c := newCrowd(t, accounts)
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // pools are emptied by the second one
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, tc := range []struct {
		keys             string
		tally, collector int64 // bytes for each account
	}{
		{"product: entra\nsign_ins: {source: log, application: " + tenant.SharePointApp + "}", 64, 4},
		{"product: sharepoint\nsites: [{name: news, url: https://contoso.sharepoint.com/sites/news}]", 64, 128},
	} {
		c.passed.Add(int64(time.Hour))
		platform, tally := c.open(tc.keys)
		c.poll(tally)
		both := heap()
		runtime.KeepAlive(tally)
		alone := heap()
		runtime.KeepAlive(platform)
		none := heap()
		if got := (both - alone) / accounts; got > tc.tally || got < 8 {
			t.Errorf("%s: the tally keeps %d bytes of an account, want no more than %d", tc.keys, got, tc.tally)
		}
		if got := (alone - none) / accounts; got > tc.collector {
			t.Errorf("%s: the collector keeps %d bytes of an account, want no more than %d", tc.keys, got, tc.collector)
		}
	}
	runtime.KeepAlive(c)
}
