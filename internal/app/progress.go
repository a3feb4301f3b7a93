package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/words"
)

const (
	progressInterval = 500 * time.Millisecond
	clearLine        = "\r\x1b[K"
)

// A watch is a collector that remembers what passed through it, for people who wait.
type watch struct {
	collector.Collector
	platform *config.Platform

	mu               sync.Mutex
	begun            bool   // to be polled
	account          string // our own, as the last probe told
	accounts, events int
	from, reached    time.Time // the history: where it begins, and until when it is read
	began, paced     time.Time // when that began, and when reached was reached
}

func (w *watch) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

// Probe notes who we are.
func (w *watch) Probe(ctx context.Context) (collector.Access, error) {
	w.note(func() { w.begun = true })
	access, err := w.Collector.Probe(ctx)
	w.note(func() { w.account = access.Account })
	return access, err
}

// Accounts counts the accounts.
func (w *watch) Accounts(ctx context.Context, emit func(collector.Account)) error {
	return w.Collector.Accounts(ctx, func(a collector.Account) {
		w.note(func() { w.accounts++ })
		emit(a)
	})
}

// Events counts the events, and notes how far the history is read: until the beginning of the span that is asked for.
func (w *watch) Events(ctx context.Context, from, to time.Time, emit func(collector.Event)) error {
	w.note(func() {
		if w.began.IsZero() {
			w.began, w.from = time.Now(), from
		}
		w.reached, w.paced = from, time.Now()
	})
	return w.Collector.Events(ctx, from, to, func(e collector.Event) {
		w.note(func() { w.events++ })
		emit(e)
	})
}

// progress says how far the poll is, in one line, or "" before it began.
func (w *watch) progress(now time.Time, zone *time.Location, requests uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.begun {
		return ""
	}
	said := []string{w.platform.Name + ": accounts " + words.Decimal(float64(w.accounts), 0)}
	if !w.began.IsZero() {
		said = append(said, "events "+words.Decimal(float64(w.events), 0)+" until "+w.reached.In(zone).Format(date))
	}
	said = append(said, "requests "+words.Decimal(float64(requests), 0))
	if left := w.left(now).Round(time.Second); left > 0 {
		said = append(said, "about "+model.Duration(left).String()+" left")
	}
	return strings.Join(said, "; ")
}

// left is how long the rest of the history will take at the pace so far, and not more than 0 if that is not known.
func (w *watch) left(now time.Time) time.Duration {
	read := w.reached.Sub(w.from)
	if read <= 0 {
		return 0
	}
	rest := now.Add(-w.platform.Description.Settle).Sub(w.reached)
	return time.Duration(float64(w.paced.Sub(w.began))*float64(rest)/float64(read)) - now.Sub(w.paced)
}

// report shows on Err how far the polls are, in one line, until the function that it returns is called.
func (s *session) report() (stop func()) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				_, _ = io.WriteString(s.Err, clearLine)
				return
			case now := <-tick.C:
				_, _ = io.WriteString(s.Err, clearLine+cut(s.progress(now), s.Width-1))
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
	}
}

// progress is that of the platform which is being polled: the last that began.
func (s *session) progress(now time.Time) string {
	line := ""
	for i, status := range s.poller.Statuses() {
		var requests uint64
		for _, n := range status.Requests {
			requests += n
		}
		if p := s.watches[i].progress(now, s.cfg.TimeZone, requests); p != "" {
			line = fmt.Sprintf("%s (%d of %d)", p, i+1, len(s.watches))
		}
	}
	return line
}

// onOwnLine returns a logger that clears the line of the progress first.
func onOwnLine(w io.Writer, logger log.Logger) log.Logger {
	return log.LoggerFunc(func(keyvals ...any) error {
		_, _ = io.WriteString(w, clearLine)
		return logger.Log(keyvals...)
	})
}
