package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/exposition"
	"github.com/intranet-exporter/intranet_exporter/internal/kpi"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/people"
	"github.com/intranet-exporter/intranet_exporter/internal/poll"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

var (
	// errPoll says that a platform could not be polled; why was said.
	errPoll = errors.New("not every platform told all that was due")

	errInterrupted = errors.New("interrupted; nothing of the poll is kept")
)

// Poll polls the named platform, or all for "", once and in memory, and writes the outcome as a table or as
// metrics. It returns an error if anything that was due failed.
func (c Console) Poll(ctx context.Context, file, platform, format string) error {
	s, err := c.open(file)
	if err != nil {
		return err
	}
	if platform != "" {
		if err := s.only(platform); err != nil {
			return err
		}
	}
	statuses := s.poll(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	now := time.Now()
	together := new(people.Joiner).Snapshot(now, s.cfg, poll.Snapshots(statuses))
	if format == "metrics" {
		if err := c.metrics(now, s.cfg, statuses, together); err != nil {
			return err
		}
	} else {
		c.values(statuses, together)
	}
	return outcome(statuses)
}

// A session is a config file and what polls its platforms once. All of it is in memory.
type session struct {
	Console
	cfg     *config.Config
	poller  *poll.Poller
	watches []*watch // in the order of the config file
}

func (c Console) open(file string) (*session, error) {
	s := &session{Console: c}
	logger := c.Logger
	if c.Interactive {
		logger = onOwnLine(c.Err, logger)
	}
	s.poller = poll.New(nil, []byte("kept nowhere"), logger, func() {})
	var err error
	s.cfg, err = load(file, c.Types, s.poller.CountRequest)
	return s, err
}

// only leaves out all platforms but one, and the KPIs of the others.
func (s *session) only(platform string) error {
	var names []string
	for _, p := range s.cfg.Platforms {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, platform) {
		return UsageError(fmt.Sprintf("there is no platform %q; there is %s", platform, strings.Join(names, ", ")))
	}
	s.cfg.Platforms = slices.DeleteFunc(s.cfg.Platforms, func(p *config.Platform) bool { return p.Name != platform })
	s.cfg.People = nil
	for _, o := range s.cfg.Objectives {
		o.KPIs = slices.DeleteFunc(o.KPIs, func(k *config.KPI) bool { return k.Platform != platform })
	}
	return nil
}

// poll polls every platform once, and tells who waits how far it is.
func (s *session) poll(ctx context.Context) []poll.Status {
	for _, p := range s.cfg.Platforms {
		w := &watch{Collector: p.Collector, platform: p}
		p.Collector = w
		s.watches = append(s.watches, w)
	}
	if err := s.poller.Configure(s.cfg); err != nil {
		panic(err) // only a storage folder can fail
	}
	if s.Interactive {
		defer s.report()()
	}
	s.poller.Once(ctx)
	return s.poller.Statuses()
}

// outcome is an error if anything that was due failed.
func outcome(statuses []poll.Status) error {
	if slices.ContainsFunc(statuses, func(s poll.Status) bool { return !s.Success }) {
		return errPoll
	}
	return nil
}

// states are the KPIs as they would be exposed after a first poll.
func states(now time.Time, cfg *config.Config, statuses []poll.Status, together *tally.Snapshot) ([]kpi.State, error) {
	engine, _, err := kpi.Open(nil)
	if err != nil {
		return nil, err
	}
	engine.Configure(cfg.KPIs())
	return engine.Update(now, kpi.Sources(cfg, poll.Snapshots(statuses), together)), nil
}

func (c Console) metrics(now time.Time, cfg *config.Config, statuses []poll.Status, together *tally.Snapshot) error {
	kpis, err := states(now, cfg, statuses, together)
	if err != nil {
		return err
	}
	for _, family := range exposition.Build(now, statuses, together, kpis, cfg, &url.URL{}) {
		if _, err := expfmt.MetricFamilyToText(c.Out, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

func (c Console) values(statuses []poll.Status, together *tally.Snapshot) {
	rows := [][]string{{"PLATFORM", "MEASURE", "WINDOW", "VALUE", "BASIS", "DATA UNTIL"}}
	add := func(platform string, values []tally.Value) {
		for _, v := range values {
			rows = append(rows, []string{
				platform, measure.Ref{Measure: v.Measure, Label: v.Label}.String(), v.Window.String(),
				strconv.FormatFloat(v.Value, 'f', -1, 64), string(v.Basis), v.AsOf.UTC().Format(time.RFC3339),
			})
		}
	}
	for _, s := range statuses {
		add(s.Platform.Name, s.Snapshot.Values)
	}
	if together != nil {
		add(config.People, together.Values)
	}
	c.table(rows...)
}
