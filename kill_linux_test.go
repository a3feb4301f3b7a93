package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestKillsLoseNothing kills the exporter with SIGKILL at random moments, half of them while it writes, and starts it
// again on the same folder. Whatever is shown in between is the truth as of its data time, and nothing that was shown
// once is lost. INTRANET_TEST_KILLS says how often, INTRANET_E2E_SEED repeats a run as far as a machine can.
func TestKillsLoseNothing(t *testing.T) {
	const chains = 4 // exporters at the same time, for load
	kills, seed := 3*chains, uint64(time.Now().UnixNano())
	for variable, set := range map[string]func(string) error{
		"INTRANET_TEST_KILLS": func(s string) (err error) { kills, err = strconv.Atoi(s); return err },
		"INTRANET_E2E_SEED":   func(s string) (err error) { seed, err = strconv.ParseUint(s, 10, 64); return err },
	} {
		if s := os.Getenv(variable); s != "" {
			if err := set(s); err != nil {
				t.Fatalf("%s: %s", variable, err)
			}
		}
	}
	t.Logf("%d kills with INTRANET_E2E_SEED=%d", kills, seed)
	var halves atomic.Int64 // files that were half written
	t.Cleanup(func() { t.Logf("%d files were half written at a kill", halves.Load()) })
	for chain := range chains {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, uint64(chain)))
			i := newIntranet(t, rand.New(rand.NewPCG(seed, uint64(chains+chain))))
			e := newExporter(t, i)
			for n := range (kills + chains - 1 - chain) / chains {
				// Half of the lives begin with a listing and a re-read: others count, by name.
				e.configure(t, fmt.Sprintf("^nobody-%d$", rnd.IntN(2)))
				e.start(t)
				e.check(t)
				for range rnd.IntN(3) {
					i.grow(t, 1+rnd.IntN(3), 2+rnd.IntN(8), late)
				}
				if n%10 == 9 {
					e.caughtUp(t, false)
				} else {
					e.waitForTheMoment(rnd, time.Second)
				}
				e.check(t)
				e.waitForTheMoment(rnd, 200*time.Millisecond)
				e.kill()
				halves.Add(int64(len(e.halfWritten())))
				for line := range strings.Lines(e.log.String()) {
					if strings.Contains(line, "level=error") || strings.Contains(line, "set aside") {
						t.Error(line)
					}
				}
			}
			e.configure(t, "^nobody-at-last$")
			e.start(t)
			e.caughtUp(t, true)
		})
	}
}

// waitForTheMoment waits for a random time, or until something is being written.
func (e *exporter) waitForTheMoment(rnd *rand.Rand, longest time.Duration) {
	writing := rnd.IntN(2) == 0
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	end := time.After(time.Duration(rnd.Int64N(int64(longest))))
	for {
		select {
		case <-end:
			return
		case <-tick.C:
			if writing && len(e.halfWritten()) > 0 {
				<-time.After(time.Duration(rnd.Int64N(int64(3 * time.Millisecond))))
				return
			}
		}
	}
}

func (e *exporter) halfWritten() []string {
	names, _ := filepath.Glob(filepath.Join(e.data, "*.tmp*"))
	return names
}
