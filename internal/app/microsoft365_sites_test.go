package app

import (
	"slices"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
	"github.com/intranet-exporter/intranet_exporter/internal/tenant"
)

// TestMicrosoft365Sites polls the pages of two sites for days, hour by hour but for an outage: though each page tells its
// last change only, it makes no difference to what is counted how often that was; to people not after the next listing.
func TestMicrosoft365Sites(t *testing.T) {
	t.Parallel()
	c := &crowd{T: t}
	c.Tenant, c.keys = serve(t, tenant.Options{Users: 150, Redrafts: true, Clock: c.now})
	c.keys += "\nexclude: {guests: false}"
	sites := []string{"news", "people"}
	const keys = `product: sharepoint
licensed: false
stale_after: 20d
sites:
  - {name: news, url: https://contoso.sharepoint.com/sites/news}
  - {name: people, url: https://contoso.sharepoint.com/sites/PeopleAndCulture}`
	_, hourly := c.open(keys)
	for n := range 9 * 24 {
		if n > 100 && n < 140 {
			continue // as if it were down
		}
		at := time.Duration(n) * time.Hour
		c.passed.Store(int64(at))
		now := c.now()
		c.poll(hourly)
		told := hourly.Snapshot()

		want, end := map[measure.Ref]float64{}, now.Add(-5*time.Minute)
		add := func(name string, days, n int) {
			want[measure.Ref{Measure: name, Window: measure.Window(time.Duration(days) * oneDay)}] = float64(n)
		}
		add("pages", 0, c.Truth().Pages(now, sites...))
		add("pages_stale", 0, c.Truth().PagesStale(now, 20*oneDay, sites...))
		for _, days := range []int{1, 7, 28} {
			from := end.AddDate(0, 0, -days)
			add("pages_created", days, c.Truth().PagesCreated(now, from, end, sites...))
			add("page_edits", days, c.Truth().PagesEdited(now, from, end, sites...))
		}
		for ref, n := range want {
			if v, ok := told.Value(ref); !ok || v.Value != n {
				t.Errorf("%s: %s is %v (%t), want %v", now, ref, v.Value, ok, n)
			}
		}
		if n%6 != 0 {
			continue
		}
		_, anew := c.open(keys)
		c.passed.Store(int64(at))
		c.poll(anew)
		listed, _ := told.Value(measure.Ref{Measure: "accounts"})
		for _, v := range anew.Snapshot().Values {
			is := slices.IndexFunc(told.Values, func(o tally.Value) bool { return o.Ref == v.Ref })
			switch counting, _ := measure.Lookup(v.Measure); {
			case is < 0:
				t.Errorf("%s: there is no %s", now, v.Ref)
			case v.Basis == measure.Account && !listed.AsOf.Equal(now):
			case counting.Counting == measure.People && v.Basis == measure.Event && !listed.AsOf.Equal(now):
				// Whose change was followed by another's is known until the next listing.
				if told.Values[is].Value < v.Value {
					t.Errorf("%s: %s is %v, and %v if it is read anew", now, v.Ref, told.Values[is].Value, v.Value)
				}
			case told.Values[is].Value != v.Value:
				t.Errorf("%s: %s is %v, and %v if it is read anew", now, v.Ref, told.Values[is].Value, v.Value)
			}
		}
	}
}
