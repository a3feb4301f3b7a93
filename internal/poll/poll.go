// Package poll decides when collectors run. Each platform is polled in the background, on its own schedule
// and never twice at once; whoever asks gets what the last poll left.
package poll

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// retryAfter is the wait after a first failure that may pass by itself; it doubles up to the poll interval.
const retryAfter = time.Minute

// A Poller polls all platforms of a configuration.
type Poller struct {
	dir     *storage.Dir
	secret  []byte
	logger  log.Logger
	publish func() // called after each poll, and not under a lock

	mu       sync.Mutex
	runners  []*runner                    // in the order of the config file
	requests map[string]map[string]uint64 // by platform and code; survives reloads
	errors   map[string]map[cause.Cause]uint64
}

// New returns a Poller that polls nothing yet. publish is called after each poll.
func New(dir *storage.Dir, secret []byte, logger log.Logger, publish func()) *Poller {
	return &Poller{
		dir: dir, secret: secret, logger: logger, publish: publish,
		requests: map[string]map[string]uint64{}, errors: map[string]map[cause.Cause]uint64{},
	}
}

// CountRequest counts one request to a platform; it is what collectors report to.
func (p *Poller) CountRequest(platform, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requests[platform] == nil {
		p.requests[platform] = map[string]uint64{}
	}
	p.requests[platform][code]++
}

// Configure puts cfg in force: platforms that are new or changed are loaded, those that are gone are
// stopped, and all others go on undisturbed. Nothing is polled before Start. When the state of a new
// platform can't be read, nothing changes.
func (p *Poller) Configure(cfg *config.Config) error {
	p.mu.Lock()
	old := p.runners
	p.mu.Unlock()
	find := func(name string) *runner {
		if i := slices.IndexFunc(old, func(r *runner) bool { return r.platform.Name == name }); i >= 0 {
			return old[i]
		}
		return nil
	}

	tallies := map[string]*tally.Tally{} // of new platforms
	for _, platform := range cfg.Platforms {
		if find(platform.Name) != nil {
			continue
		}
		t, warning, err := tally.Open(p.dir, p.secret, platform)
		if err != nil {
			return fmt.Errorf("load platform %s: %w", platform.Name, err)
		}
		if warning != "" {
			level.Warn(p.logger).Log("msg", "State can't be used", "platform", platform.Name, "warning", warning)
		}
		tallies[platform.Name] = t
	}

	var runners []*runner
	for _, platform := range cfg.Platforms {
		before := find(platform.Name)
		switch {
		case before == nil:
			runners = append(runners, p.newRunner(platform, tallies[platform.Name], Status{}))
		case before.platform.Fingerprint == platform.Fingerprint:
			runners = append(runners, before)
		default:
			before.halt()
			before.tally.Configure(platform)
			p.mu.Lock()
			status := before.status
			p.mu.Unlock()
			runners = append(runners, p.newRunner(platform, before.tally, status))
		}
	}
	for _, r := range old {
		if !slices.Contains(runners, r) {
			r.halt()
		}
	}

	p.mu.Lock()
	p.runners = runners
	for _, r := range runners {
		if p.errors[r.platform.Name] == nil {
			p.errors[r.platform.Name] = map[cause.Cause]uint64{}
			for _, c := range cause.All {
				p.errors[r.platform.Name][c] = 0
			}
		}
	}
	p.mu.Unlock()
	p.prune()
	return nil
}

// prune deletes what is on disk of people on platforms that have not been configured for as long as anything
// of a person is kept, and what was set aside of any platform and is that old. A platform that comes back earlier
// goes on. The record of KPI values has nothing of people: what was set aside of it stays.
func (p *Poller) prune() {
	p.mu.Lock()
	runners := p.runners
	p.mu.Unlock()
	err := p.dir.Prune(time.Now().Add(-measure.Longest), func(file string) bool {
		file, aside := strings.CutSuffix(file, storage.Aside)
		name, suffix, _ := strings.Cut(file, ".")
		return !slices.Contains(tally.Suffixes, "."+suffix) || !aside && slices.ContainsFunc(runners, func(r *runner) bool { return r.platform.Name == name })
	})
	if err != nil {
		level.Error(p.logger).Log("msg", "Old state not deleted", "err", err)
	}
}

// Start begins to poll what is configured and not polled yet.
func (p *Poller) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runners {
		if r.stop == nil {
			var ctx context.Context
			ctx, r.stop = context.WithCancel(context.Background())
			r.done.Go(func() { r.run(ctx) })
		}
	}
}

// Stop ends all polling and returns when nothing runs any more.
func (p *Poller) Stop() {
	p.mu.Lock()
	runners := p.runners
	p.mu.Unlock()
	for _, r := range runners {
		r.halt()
	}
}

// Once polls every platform once, one after the other, and returns when all are done.
func (p *Poller) Once(ctx context.Context) {
	for _, r := range p.runners {
		r.poll(ctx)
	}
}

// Statuses returns what is known of each platform, in the order of the config file.
func (p *Poller) Statuses() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	statuses := make([]Status, len(p.runners))
	for i, r := range p.runners {
		statuses[i] = r.status
		statuses[i].Requests = maps.Clone(p.requests[r.platform.Name])
		statuses[i].Errors = maps.Clone(p.errors[r.platform.Name])
	}
	return statuses
}

// A runner polls one platform.
type runner struct {
	poller   *Poller
	platform *config.Platform
	logger   log.Logger
	tally    *tally.Tally // used by one goroutine at a time
	status   Status       // under Poller.mu

	stop context.CancelFunc // nil = not started
	done sync.WaitGroup
}

// newRunner returns a runner that goes on from what was known of the platform before.
func (p *Poller) newRunner(platform *config.Platform, t *tally.Tally, before Status) *runner {
	r := &runner{poller: p, platform: platform, tally: t, logger: log.With(p.logger, "platform", platform.Name), status: before}
	r.status.Platform, r.status.Snapshot = platform, t.Snapshot()
	r.status.Success, r.status.LastSuccess = t.Health()
	return r
}

func (r *runner) halt() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
}

// run polls until ctx ends. The first poll comes at once, give or take what keeps many platforms apart.
func (r *runner) run(ctx context.Context) {
	wait := jitter(min(time.Second, r.platform.PollInterval))
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		began := time.Now()
		failed := r.poll(ctx)
		if failed == "" {
			failures = 0
		} else {
			failures++
		}
		// Intervals run from start to start, but a platform that is slower than its interval gets some rest.
		next := r.wait(failed, failures)
		wait = max(next-time.Since(began), next/10)
	}
}

// wait returns the time until the next poll begins. What may pass by itself is tried again sooner; what
// needs somebody to act is not: a wrong password sent every minute locks the account.
func (r *runner) wait(failed cause.Cause, failures int) time.Duration {
	wait := r.platform.PollInterval
	switch failed {
	case cause.Timeout, cause.Unavailable, cause.Other:
		wait = min(wait, retryAfter<<min(failures-1, 10))
	}
	return wait - wait/20 + jitter(wait/10)
}

func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// poll polls once and publishes what came of it. It returns the cause of the first failure, or "".
func (r *runner) poll(ctx context.Context) cause.Cause {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.platform.Timeout)
	report := r.update(limited, began)
	cancel()
	if ctx.Err() != nil {
		return "" // we were stopped: no failure of the platform
	}
	for _, err := range report.Errors {
		level.Warn(r.logger).Log("msg", "Poll failed", "cause", cause.Of(err), "err", err)
	}
	if report.Storage != nil {
		level.Error(r.logger).Log("msg", "State not written", "err", report.Storage)
	}
	level.Debug(r.logger).Log("msg", "Polled", "errors", len(report.Errors), "duration", time.Since(began))
	failed := r.record(report, time.Since(began), began)
	r.poller.prune()
	r.poller.publish()
	return failed
}

// update guards the rest of the house against a collector that panics.
func (r *runner) update(ctx context.Context, now time.Time) (report tally.Report) {
	defer func() {
		if p := recover(); p != nil {
			// The value may quote what a platform answered; the stack names only our own code.
			level.Error(r.logger).Log("msg", "Collector panicked", "stack", string(debug.Stack()))
			report = tally.Report{Errors: []error{errors.New("the collector panicked; the log has where")}, Storage: r.tally.Panicked(now)}
		}
	}()
	return r.tally.Update(ctx, now)
}

// record keeps what came of a poll, and returns the cause of the first failure, or "".
func (r *runner) record(report tally.Report, took time.Duration, began time.Time) cause.Cause {
	snapshot := r.tally.Snapshot()
	_, lastSuccess := r.tally.Health()
	p := r.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &r.status
	s.Snapshot, s.Duration, s.Failures = snapshot, took, report.Errors
	s.Success, s.LastSuccess = len(report.Errors) == 0, lastSuccess
	if report.Access.Granted != nil {
		s.Granted = report.Access.Granted
	}
	if len(report.Errors) == 0 {
		s.Failing, s.FailingSince = "", time.Time{}
		return ""
	}
	for _, err := range report.Errors {
		p.errors[r.platform.Name][cause.Of(err)]++
	}
	if s.Failing == "" {
		s.FailingSince = began
	}
	s.Failing = cause.Of(report.Errors[0])
	return s.Failing
}
