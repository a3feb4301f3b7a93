package demo

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, founded.Location())
}

// between returns what happened on the days from first until just before last.
func between(o *Organisation, first, last time.Time) []Happening {
	var all []Happening
	for day := first; day.Before(last); day = day.AddDate(0, 0, 1) {
		all = append(all, o.day(day)...)
	}
	return all
}

func digest(happenings []Happening) string {
	sum := sha256.New()
	for _, h := range happenings {
		_, _ = fmt.Fprintln(sum, h.At.Unix(), h.Who.ID, h.Who.Name, h.Who.Kind, h.What, h.Field, h.Luck)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

func TestTheSeedDecides(t *testing.T) {
	today := date(2026, 11, 23)
	of := func(seed uint64, today time.Time) string {
		return digest(between(NewOrganisation(seed, today), date(2026, 10, 1), date(2026, 11, 1)))
	}
	const golden = "0840a858af7ba09b"
	if got := of(1, today); got != golden {
		t.Errorf("seed 1 makes %s, not %s: it is another organisation", got, golden)
	}
	if of(2, today) == golden {
		t.Error("seed 2 makes the same as seed 1")
	}
	if got := of(1, today.AddDate(0, 8, 3)); got != golden {
		t.Errorf("eight months later the past is another one: %s", got)
	}
}

func TestAFeedTellsEverythingOnce(t *testing.T) {
	o := NewOrganisation(3, date(2026, 11, 23))
	end := date(2024, 3, 1)
	whole := o.Feed().Until(end)
	if !slices.IsSortedFunc(whole, byTime) || whole[len(whole)-1].At.Before(end.AddDate(0, 0, -1)) {
		t.Error("it is not in order, or not complete")
	}
	feed := o.Feed()
	var parts []Happening
	for at := founded; at.Before(end); at = at.Add(7*time.Hour + 13*time.Minute) {
		for _, h := range feed.Until(at) {
			if !h.At.Before(at) {
				t.Fatalf("told at %s what happens at %s", at, h.At)
			}
			parts = append(parts, h)
		}
	}
	if parts = append(parts, feed.Until(end)...); digest(parts) != digest(whole) {
		t.Errorf("in parts it tells %d happenings, as a whole %d", len(parts), len(whole))
	}
}

func TestLifeIsPlausible(t *testing.T) {
	o := NewOrganisation(1, date(2026, 11, 23))
	perDay := func(first, last time.Time, wanted func(time.Time) bool) float64 {
		days, n := 0, 0
		for day := first; day.Before(last); day = day.AddDate(0, 0, 1) {
			if wanted(day) {
				days, n = days+1, n+len(o.day(day))
			}
		}
		return float64(n) / float64(days)
	}
	work := func(day time.Time) bool { return !isFree(day) }
	normal := perDay(date(2026, 9, 1), date(2026, 10, 1), work)
	if normal < 1200 || normal > 2500 {
		t.Errorf("%.0f happenings on a working day in September", normal)
	}
	for _, tc := range []struct {
		what        string
		first, last time.Time
		wanted      func(time.Time) bool
		most        float64 // of a normal working day
	}{
		{"weekends", date(2026, 9, 1), date(2026, 10, 1), isFree, 0.15},
		{"King's Day", date(2026, 4, 27), date(2026, 4, 28), isFree, 0.15},
		{"August", date(2026, 7, 20), date(2026, 8, 20), work, 0.65},
		{"between the years", date(2026, 12, 28), date(2027, 1, 1), work, 0.55},
	} {
		if share := perDay(tc.first, tc.last, tc.wanted) / normal; share > tc.most || share < 0.02 {
			t.Errorf("%s: %.2f of a normal working day", tc.what, share)
		}
	}
	busy, quiet := map[*Person]int{}, map[*Person]int{}
	for _, h := range between(o, date(2026, 9, 1), date(2026, 10, 1)) {
		switch h.Who.department.name {
		case "communications":
			busy[h.Who]++
		case "warehouse":
			quiet[h.Who]++
		}
	}
	mean := func(n map[*Person]int) (sum int) {
		for _, of := range n {
			sum += of
		}
		return sum / len(n)
	}
	if mean(busy) < 2*mean(quiet) {
		t.Errorf("communications do %d, the warehouse %d", mean(busy), mean(quiet))
	}
}

func TestPeopleComeAndGo(t *testing.T) {
	o := NewOrganisation(1, date(2026, 11, 23))
	names, ids := map[string]bool{}, map[int]bool{}
	for _, p := range o.people {
		if names[p.Name] || ids[p.ID] {
			t.Errorf("%d %s is there twice", p.ID, p.Name)
		}
		names[p.Name], ids[p.ID] = true, true
		if !p.left.IsZero() && (!p.left.After(p.joined) || isFree(p.left)) || isFree(p.joined) {
			t.Errorf("%d was there from %s to %s", p.ID, p.joined, p.left)
		}
	}
	staff := func(at time.Time) (n int) {
		for _, p := range o.people {
			if p.Kind == "employee" && !p.joined.After(at) && (p.left.IsZero() || p.left.After(at)) {
				n++
			}
		}
		return n
	}
	if n := staff(date(2026, 11, 23)); n < 220 || n > 250 {
		t.Errorf("%d employees", n)
	}
	joined, left := 0, 0
	for _, h := range o.changes {
		if h.At.Year() == 2025 && h.What == Joined {
			joined++
		}
		if h.At.Year() == 2025 && h.What == Left {
			left++
		}
	}
	if joined < 20 || joined > 70 || left < 20 || left > 60 {
		t.Errorf("%d joined and %d left within a year", joined, left)
	}
	for _, h := range o.Feed().Until(date(2025, 1, 1)) {
		if h.At.Before(h.Who.joined) || !h.Who.left.IsZero() && h.At.After(h.Who.left) {
			t.Fatalf("%+v of somebody who is not there", h)
		}
	}
}

func TestPublicHolidays(t *testing.T) {
	for year, want := range map[int]string{
		2025: "01-01 04-21 04-26 05-05 05-29 06-09 12-25 12-26", // King's Day is no Sunday
		2026: "01-01 04-06 04-27 05-14 05-25 12-25 12-26",
		2030: "01-01 04-22 04-27 05-05 05-30 06-10 12-25 12-26",
	} {
		var got []string
		for day := date(year, 1, 1); day.Year() == year; day = day.AddDate(0, 0, 1) {
			if d := day.Weekday(); isFree(day) && (d != time.Saturday && d != time.Sunday) || strings.Contains(want, day.Format("01-02")) && isFree(day) {
				got = append(got, day.Format("01-02"))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%d: %s, not %s", year, s, want)
		}
	}
	for year, want := range map[int]string{1981: "04-19", 2024: "03-31", 2025: "04-20", 2038: "04-25", 2049: "04-18"} {
		if got := easter(year).Format("01-02"); got != want {
			t.Errorf("Easter %d: %s, not %s", year, got, want)
		}
	}
}

// Whenever the demo is started, one KPI warns, another is critical, and all others are well.
func TestOneWarnsAndOneIsCritical(t *testing.T) {
	for i, now := range []time.Time{
		date(2026, 1, 2).Add(8 * time.Hour), date(2026, 2, 28).Add(23 * time.Hour), date(2026, 5, 15).Add(14 * time.Hour),
		date(2026, 8, 15).Add(9 * time.Hour), date(2026, 10, 25).Add(2 * time.Hour), date(2026, 12, 27).Add(10 * time.Hour),
	} {
		t.Run(now.Format(time.DateOnly), func(t *testing.T) {
			t.Parallel()
			first := now.AddDate(0, 0, -6)
			intranet, err := Open(t.Context(), uint64(i+1), now, first.AddDate(0, 0, -29))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := intranet.Close(); err != nil {
					t.Error(err)
				}
			}()
			var end Moment
			if err := intranet.Relive(t.Context(), nil, Every(24*time.Hour, first, now), func(m Moment) error { end = m; return nil }); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range end.KPIs {
				if !s.Known {
					t.Errorf("%s has no value", s.KPI.Name)
				}
				for _, l := range s.Limits {
					if l.Breached {
						got = append(got, s.KPI.Name+" "+l.Severity)
					}
					if l.Breached == l.Start.IsZero() {
						t.Errorf("%s at %g is since %s on the wrong side of %g and breached %t", s.KPI.Name, s.Value, l.Start, l.At, l.Breached)
					}
				}
			}
			want := []string{"searches_without_result warning", "searches_without_result critical", "profiles_complete_ratio warning"}
			if !slices.Equal(got, want) {
				t.Errorf("breached are %q, not %q", got, want)
			}
			if len(end.Config.Objectives) != 3 || len(end.KPIs) != 7 {
				t.Errorf("objectives %d, KPIs %d", len(end.Config.Objectives), len(end.KPIs))
			}
		})
	}
}

// Dates in the config file lie ahead, and nothing in it is to be looked at.
func TestTheConfigIsUpToDate(t *testing.T) {
	now := time.Now()
	intranet, err := Open(t.Context(), 1, now, now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := intranet.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = intranet.Relive(t.Context(), nil, Every(time.Hour, founded, founded), func(m Moment) error {
		if len(m.Config.Warnings) > 0 {
			t.Error(m.Config.Warnings)
		}
		for _, k := range m.Config.KPIs() {
			if !k.Review.After(now) || k.Target == nil || !k.Target.By.IsZero() && !k.Target.By.After(now) {
				t.Errorf("%s: review %s, target %+v", k.Name, k.Review, k.Target)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
