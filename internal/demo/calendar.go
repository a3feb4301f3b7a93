package demo

import (
	"slices"
	"time"
	_ "time/tzdata" // the organisation's zone, on machines that have none
)

// founded is when the organisation opened its intranet. People, pages and habits follow from the seed alone, so
// that it is the same organisation on whatever day somebody looks.
var founded = time.Date(2024, time.January, 1, 0, 0, 0, 0, amsterdam())

// isFree tells whether a date is a weekend or a public holiday in the Netherlands.
func isFree(midnight time.Time) bool {
	year, month, day := midnight.Date()
	on := func(m time.Month, d int) bool { return month == m && day == d }
	king := 27
	if time.Date(year, time.April, king, 0, 0, 0, 0, time.UTC).Weekday() == time.Sunday {
		king = 26
	}
	afterEaster := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Sub(easter(year)) / (24 * time.Hour))
	return midnight.Weekday() == time.Saturday || midnight.Weekday() == time.Sunday ||
		on(time.January, 1) || on(time.April, king) || on(time.December, 25) || on(time.December, 26) ||
		on(time.May, 5) && year%5 == 0 || slices.Contains([]int{1, 39, 50}, afterEaster) // Ascension is the 39th day, Whit Monday the 50th
}

// easter returns Easter Sunday as the Gregorian calendar has it.
func easter(year int) time.Time {
	century, golden := year/100, year%19
	epact := (century - century/4 - (8*century+13)/25 + 19*golden + 15) % 30
	epact -= epact / 28 * (1 - epact/28*(29/(epact+1))*((21-golden)/11))
	weekday := (year + year/4 + epact + 2 - century + century/4) % 7
	return time.Date(year, time.March, 28+epact-weekday, 0, 0, 0, 0, time.UTC)
}

// workday returns the midnight of the first working day from so many days after the foundation.
func workday(days float64) time.Time {
	t := founded.AddDate(0, 0, int(days))
	for isFree(t) {
		t = t.AddDate(0, 0, 1)
	}
	return t
}

// clock returns the moment at which clocks show a time of day.
func clock(midnight time.Time, at time.Duration) time.Time {
	y, m, d := midnight.Date()
	return time.Date(y, m, d, 0, 0, int(at/time.Second), 0, midnight.Location())
}

func amsterdam() *time.Location {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err) // it is compiled in
	}
	return zone
}
