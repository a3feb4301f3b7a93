package demo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/people"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// requestTime is how long each request is said to have taken: a simulated clock measures nothing.
const requestTime = 40 * time.Millisecond

// A Moment is what an exporter knows at one time.
type Moment struct {
	Now      time.Time
	Config   *config.Config
	Statuses []poll.Status
	People   *tally.Snapshot // across platforms
	KPIs     []kpi.State
}

// Relive polls the platforms at each of the moments as an exporter would that ran then, with the same collectors,
// tallies and KPI record. The record stays in dir; nil = nowhere.
func (i *Intranet) Relive(ctx context.Context, dir *storage.Dir, moments iter.Seq[time.Time], each func(Moment) error) error {
	var now time.Time
	requests := map[string]map[string]uint64{}
	cfg, err := config.Load(i.ConfigFile, collector.Types, func(platform string) collector.Options {
		codes := map[string]uint64{}
		requests[platform] = codes
		return collector.Options{
			UserAgent: "intranet_exporter/demo",
			Now:       func() time.Time { return now },
			OnRequest: func(code string) { codes[code]++ },
		}
	})
	if err != nil {
		return err
	}
	engine, _, err := kpi.Open(dir)
	if err != nil {
		return err
	}
	engine.Configure(cfg.KPIs())
	var joiner people.Joiner
	runs := make([]*run, len(cfg.Platforms))
	for n, p := range cfg.Platforms {
		t, _, err := tally.Open(nil, []byte("kept nowhere"), p)
		if err != nil {
			return err
		}
		runs[n] = &run{tally: t, Status: poll.Status{Platform: p, Requests: requests[p.Name]}}
	}
	for now = range moments {
		if err := i.Advance(ctx, now); err != nil {
			return err
		}
		var polls sync.WaitGroup
		for _, r := range runs {
			polls.Go(func() { r.poll(ctx, now) })
		}
		polls.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m := Moment{Now: now, Config: cfg}
		for _, r := range runs {
			if r.failed != nil {
				return fmt.Errorf("poll %s as of %s: %w", r.Platform.Name, now.Format(time.RFC3339), r.failed)
			}
			m.Statuses = append(m.Statuses, r.Status)
		}
		snapshots := poll.Snapshots(m.Statuses)
		m.People = joiner.Snapshot(now, cfg, snapshots)
		m.KPIs = engine.Update(now, kpi.Sources(cfg, snapshots, m.People))
		if err := each(m); err != nil {
			return err
		}
	}
	return engine.Save()
}

// A run is one platform that is polled at simulated times.
type run struct {
	poll.Status
	tally  *tally.Tally
	failed error
}

func (r *run) poll(ctx context.Context, now time.Time) {
	before := sum(r.Requests)
	report := r.tally.Update(ctx, now)
	r.Snapshot, r.Granted = r.tally.Snapshot(), report.Access.Granted
	r.Success, r.LastSuccess = r.tally.Health()
	r.Duration = time.Duration(sum(r.Requests)-before) * requestTime
	r.failed = errors.Join(report.Errors...)
}

func sum(requests map[string]uint64) uint64 {
	n := uint64(0)
	for _, of := range requests {
		n += of
	}
	return n
}

// Every returns the moments from first to last, a step apart; last is one of them.
func Every(step time.Duration, first, last time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for t := first; t.Before(last); t = t.Add(step) {
			if !yield(t) {
				return
			}
		}
		yield(last)
	}
}
