package collector_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// TestFaultyPolls has a fault happen to a poll, between two in good order: at one of its requests, or at that and all
// that follow. Nothing moves on the platform meanwhile, so that whatever were applied in part, twice or not at all would
// show as another number.
func TestFaultyPolls(t *testing.T) {
	collector.EachFault(t, func(t *testing.T, p collector.Faulty) {
		d := p.Collector.Describe()
		now := p.End.Add(d.Settle)
		known, _, err := tally.Open(nil, []byte("key"), &config.Platform{Name: "platform", Collector: p.Collector, Description: d, CompleteAt: 1})
		if err != nil {
			t.Fatal(err)
		}
		poll := func(when string, want map[measure.Ref]float64) (map[measure.Ref]float64, []error) {
			p.Pass()
			errors := known.Update(t.Context(), now).Errors
			numbers := map[measure.Ref]float64{}
			for _, v := range known.Snapshot().Values {
				numbers[v.Ref] = v.Value
			}
			if diff := cmp.Diff(want, numbers); want != nil && diff != "" {
				t.Errorf("%s, with %v (-want +got):\n%s", when, errors, diff)
			}
			if success, _ := known.Health(); success != (len(errors) == 0) {
				t.Errorf("%s: success %t with %v", when, success, errors)
			}
			return numbers, errors
		}
		truth, errors := poll("before", nil)
		if len(errors) > 0 || len(truth) < len(d.Measures()) {
			t.Fatalf("before: %v, %v", errors, truth)
		}

		failed := false
		for n, asked := 1, 1; n <= asked; n += 1 + n/3 {
			met := 0
			for _, once := range []bool{true, false} {
				when := fmt.Sprintf("at request %d, once %t", n, once)
				p.Inject(n, once)
				_, errors := poll(when, truth)
				asked, met = p.Mend()
				failed = failed || len(errors) > 0
				mayPass := met == 0 || p.Cause == "" || p.Overseen
				mustPass := met == 0 || p.Cause == "" || p.Passes && once
				if len(errors) == 0 && !mayPass && !mustPass || len(errors) > 0 && mustPass {
					t.Errorf("%s: %v", when, errors)
				}
				for _, err := range errors {
					if c := cause.Of(err); c != p.Cause {
						t.Errorf("%s: cause %q of %v, want %q", when, c, err, p.Cause)
					}
					p.Discreet(t, err)
				}
				if _, errors := poll("after "+when, truth); len(errors) > 0 {
					t.Errorf("after %s: %v", when, errors)
				}
			}
			if p.Lasts && met > 0 {
				break
			}
		}
		if !failed && p.Cause != "" {
			t.Error("it happened to no poll")
		}
	})
}
