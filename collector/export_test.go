package collector

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
)

// A Faulty is a platform that one fault can happen to, for the test of the tally. That one stands outside of this
// package, because the tally imports it.
type Faulty struct {
	Collector Collector
	End       time.Time // of what there is to read

	Cause    cause.Cause // as those of fault
	Passes   bool
	Lasts    bool
	Overseen bool
	Inject   func(n int, once bool)  // has it happen to the n-th request, and else to all that follow too
	Mend     func() (asked, met int) // ends it
	Pass     func()                  // lets some time pass
	Discreet func(*testing.T, error)
}

// EachFault has test look at each fault of each platform.
func EachFault(t *testing.T, test func(t *testing.T, p Faulty)) {
	for name, open := range contracts {
		for _, fault := range slices.Sorted(maps.Keys(open(t, time.Minute).every(t))) {
			t.Run(name+" "+fault, func(t *testing.T) {
				p := open(t, time.Minute)
				f := p.every(t)[fault]
				if f.lasts {
					p = open(t, hurried)
				}
				test(t, Faulty{
					Collector: p.collector, End: p.to,
					Cause: f.cause, Passes: f.passes, Lasts: f.lasts, Overseen: f.overseen || p.apart,
					Inject: func(n int, once bool) {
						if once {
							p.inject(f, n, n)
						} else {
							p.inject(f, n, forever)
						}
					},
					Mend: p.mend,
					Pass: func() {
						if p.pass != nil {
							p.pass()
						}
					},
					Discreet: func(t *testing.T, err error) { discreet(t, p, err) },
				})
			})
		}
	}
}
