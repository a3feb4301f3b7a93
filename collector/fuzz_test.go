package collector

import (
	"bufio"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// planted stands in what the fuzzer starts from, wherever a platform may name somebody. No error may show it.
const planted = "Jansen"

// mediawikiModules are what a wiki can be asked for, with the call that asks it and answers to begin with.
var mediawikiModules = []struct{ name, call, seed string }{
	{"userinfo", "probe", `{"query":{"userinfo":{"id":3,"name":"Jansen","rights":["read","Jansen"]}}}`},
	{"tokens", "probe", `{"query":{"tokens":{"logintoken":"Jansen+\\"}}}`},
	{"login", "probe", `{"login":{"result":"Jansen","lguserid":3,"lgusername":"Jansen"}}`},
	{"allmessages", "accounts", `{"query":{"allmessages":[{"name":"sorbs","content":"Jansen"}]}}`},
	{"allusers", "accounts", `{"continue":{"aufrom":"Jansen"},"query":{"allusers":[{"userid":7,"name":"Jansen","groups":["Jansen"],"blockid":-1}]}}`},
	{"users", "accounts", `{"query":{"users":[{"userid":7,"name":"Jansen","emailable":true}]}}`},
	{"allpages", "readings", `{"continue":{"apcontinue":"Jansen"},"query":{"allpages":[{"pageid":7,"title":"Jansen"}]}}`},
	{"allrevisions", "events", `{"batchcomplete":true,"continue":{"garvcontinue":1e999},"query":{"pages":[{"pageid":7,"title":"Jansen","revisions":[` +
		`{"revid":9223372036854775807,"parentid":0,"user":"Jansen","timestamp":"2026-11-01T00:00:00Z"}]}]}}`},
}

// FuzzMediawiki has a wiki answer one kind of request with whatever the fuzzer makes up. What comes of it is
// facts that can be, no more of them than bytes, or an error that says nothing of the answer.
func FuzzMediawiki(f *testing.F) {
	for i, module := range mediawikiModules {
		f.Add(uint8(i), []byte(module.seed))
		f.Add(uint8(i), []byte(`{"error":{"code":"Jansen","info":"Jansen"}}`))
	}
	recorded, err := filepath.Glob("testdata/mediawiki/recorded/*.http")
	if err != nil || len(recorded) == 0 {
		f.Fatal(recorded, err)
	}
	for _, name := range recorded {
		file, err := os.Open(name)
		if err != nil {
			f.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(file), nil)
		if err != nil {
			f.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			f.Fatal(err)
		}
		_ = file.Close()
		for i := range mediawikiModules {
			f.Add(uint8(i), body)
		}
	}
	w := newWiki(f)
	f.Fuzz(func(t *testing.T, i uint8, body []byte) {
		module := mediawikiModules[int(i)%len(mediawikiModules)]
		w.set(func() {
			w.asked, w.sessions = nil, map[string]bool{}
			w.fault = func(rw http.ResponseWriter, _ *http.Request, params url.Values) bool {
				if module.name != listOf(params) {
					return false
				}
				_, _ = rw.Write(body)
				return true
			}
		})
		p := &platform{collector: w.open(t, Options{}, ""), from: wikiStart, to: wikiStart.Add(28 * 24 * time.Hour)}
		n := 0
		f, err := told(t.Context(), p, module.call)
		if err == nil {
			n = plausible(t, p, f)
		}
		if n > len(body)+len(w.users)+len(w.pages) {
			t.Errorf("%d facts from %d bytes", n, len(body))
		}
		if err != nil && (cause.Of(err) == cause.Other || strings.Contains(err.Error(), planted)) {
			t.Errorf("cause %s: %v", cause.Of(err), err)
		}
	})
}

// plausible fails for facts that can't be, and returns how many they are.
func plausible(t *testing.T, p *platform, f facts) (n int) {
	t.Helper()
	ids := map[string]bool{}
	for _, a := range f.Accounts {
		if a.ID == "" || ids[a.ID] {
			t.Errorf("empty or repeated account id: %+v", a)
		}
		ids[a.ID] = true
	}
	for _, e := range f.Events {
		if e.At.Before(p.from) || !e.At.Before(p.to) || !slices.Contains(measure.EventKinds, e.Kind) {
			t.Errorf("event does not fit: %+v", e)
		}
	}
	for _, r := range f.Readings {
		if n += int(r.Value); math.IsNaN(r.Value) || math.IsInf(r.Value, 0) || r.Value < 0 || r.AsOf.IsZero() {
			t.Errorf("reading does not fit: %+v", r)
		}
	}
	return n + len(f.Accounts) + len(f.Events)
}

// FuzzSQLValue hands every driver's conversion the values that the driver may come with. What comes out is what
// the column holds, within its bounds, or an error without the value.
func FuzzSQLValue(f *testing.F) {
	sorts := []sqlSort{sqlText, sqlBoolean, sqlMoment, sqlNumber}
	drivers := slices.Sorted(maps.Keys(sqlDrivers))
	types := map[string][]string{
		"mariadb":  {"", "TINYINT", "BIGINT", "DECIMAL", "DOUBLE", "BIT", "VARCHAR", "TEXT", "TIMESTAMP", "DATETIME"},
		"postgres": {"BOOL", "INT8", "FLOAT8", "NUMERIC", "TEXT", "BPCHAR", "UUID", "TIMESTAMPTZ", "16999"},
		"sqlite":   {"", "INTEGER", "TEXT", "DATE", "DATETIME"},
	}
	texts := []string{"", planted, planted + "\xff", "NaN", "-Infinity", "1e999", "-1", "\x00", "\x01", "2026-03-10 08:00:00Z", "0000-00-00 00:00:00", "9999-12-31T23:59:59.999999999-12:00"}
	for driver := range drivers {
		for sort := range sorts {
			for typ := range 10 {
				text := texts[(driver+sort+typ)%len(texts)]
				f.Add(uint8(driver), uint8(sort), uint8(typ), uint8(typ), text, int64(1773129600)<<(typ*4), math.Inf(typ-1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, driver, sort, typ, kind uint8, text string, whole int64, fraction float64) {
		name := drivers[int(driver)%len(drivers)]
		d := sqlDrivers[name]
		called := types[name][int(typ)%len(types[name])]
		values := []any{nil, text, whole, fraction, []byte(text)}
		isTime := called == "TIMESTAMP" || strings.HasPrefix(called, "DATE")
		switch name {
		case "mariadb":
			if values = append(values, uint64(whole), float32(fraction)); isTime {
				values = []any{nil, time.Unix(whole, 0)}
			}
		case "sqlite":
			if isTime { // the driver makes one of a text that it can read
				values = append(values, time.Unix(whole, 0))
			}
		case "postgres": // in which the type decides
			switch called {
			case "BOOL":
				values = []any{nil, whole > 0}
			case "INT8":
				values = []any{nil, whole}
			case "FLOAT8":
				values = []any{nil, fraction}
			case "TIMESTAMPTZ":
				values = []any{nil, time.Unix(whole, 0), text}
			default:
				values = []any{nil, text}
			}
		}
		column := sqlColumn{name: "x", sort: sorts[int(sort)%len(sorts)], null: whole%2 == 0}
		if d.check(column, called) != nil {
			return
		}
		for _, zone := range []*time.Location{nil, time.UTC} {
			got, err := (&sqlCollector{driver: d, zone: zone}).value(column, called, values[int(kind)%len(values)])
			if err != nil {
				if strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), "parsing") {
					t.Error(err)
				}
				continue
			}
			fits := got == nil && column.null
			switch v := got.(type) {
			case string:
				fits = column.sort == sqlText
			case bool:
				fits = column.sort == sqlBoolean
			case time.Time:
				fits = column.sort == sqlMoment && v.Year() > 1970 && v.Year() <= 9999
			case float64:
				fits = column.sort == sqlNumber && !math.IsNaN(v) && !math.IsInf(v, 0)
			}
			if !fits {
				t.Errorf("%s, %s: %#v of %#v for %s", name, called, got, values[int(kind)%len(values)], column.sort)
			}
		}
	})
}

// FuzzSQLQuery reads queries as people write them. One that is taken keeps every token but its bounds, each of
// which gets its value, and none is left over.
func FuzzSQLQuery(f *testing.F) {
	drivers := slices.Sorted(maps.Keys(sqlDrivers))
	for i := range drivers {
		for _, query := range []string{
			"SELECT at, who AS account FROM logins WHERE at >= $1 AND at < $2;",
			"WITH l AS (SELECT '$1 ; ''' AS \"$2\") SELECT $1, $2, $$;$3$$, E'\\'', `$3`, [$3] /* ? */ -- $3\nFROM l # ?",
		} {
			f.Add(uint8(i), query)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, query string) {
		name := drivers[int(i)%len(drivers)]
		d := sqlDrivers[name]
		for _, column := range d.selectList(query) {
			if !strings.Contains(strings.ToLower(query), strings.ToLower(strings.Trim(column, sqlQuotes))) {
				t.Errorf("%s: column %q of %q", name, column, query)
			}
		}
		if d.checkQuery("events.login", query, true) != nil {
			return
		}
		want := d.tokens(query)
		bounds := 0
		for i, token := range want {
			if sqlParameter.MatchString(token) {
				if bounds++; !d.numbered {
					want[i] = "?"
				}
			}
		}
		text, args := d.bind(query, []any{1, 2})
		if got := d.tokens(text); !slices.Equal(got, want) || len(args) != map[bool]int{true: 2, false: bounds}[d.numbered] {
			t.Errorf("%s: %q became %q, with %v", name, query, text, args)
		}
	})
}

// FuzzWallClock compares the bounds of a span, as a clock shows them, with what is read of such a clock: what
// lies before or behind a bound as text does so as a moment.
func FuzzWallClock(f *testing.F) {
	zones := []string{"UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"}
	for i, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			f.Fatal(err)
		}
		_, change := time.Date(2026, 7, 1, 0, 0, 0, 0, zone).ZoneBounds()
		for _, minutes := range []int64{-60, -30, 0, 29, 60} {
			f.Add(uint8(i), change.Unix()+minutes*60, int64(5), int64(1800))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, seconds, micros, apart int64) {
		zone, err := time.LoadLocation(zones[int(i)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		bound := time.Unix(seconds%(1<<32), micros%1e6*1000)
		event := bound.Add(time.Duration(apart%(1<<43)) * time.Microsecond)
		if bound.Year() < 1971 || event.Year() < 1971 { // which no event is from
			return
		}
		const layout = "2006-01-02 15:04:05.999999"
		shown := event.In(zone).Format(layout)
		read, err := time.ParseInLocation(layout, shown, zone)
		if err != nil {
			t.Fatal(err)
		}
		if wall := wallClock(bound, zone).(string); (shown >= wall) == read.Before(bound) {
			t.Errorf("%s: %s is written as %s; %s is read as %s", zone, bound.UTC(), wall, shown, read.UTC())
		}
	})
}
