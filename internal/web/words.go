package web

import "time"

// A moment is a time for people and for machines.
type moment struct{ Text, Machine string }

func (v View) moment(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	layout := "2 January 2006, 15:04"
	if t.Year() == v.Now.In(v.Config.TimeZone).Year() {
		layout = "2 January, 15:04"
	}
	return moment{t.Format(layout), t.Format(time.RFC3339)}
}

func (v View) day(t time.Time) moment {
	t = t.In(v.Config.TimeZone)
	return moment{t.Format("2 January 2006"), t.Format(time.DateOnly)}
}

// known returns nil for the zero time.
func (v View) known(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	m := v.moment(t)
	return &m
}
