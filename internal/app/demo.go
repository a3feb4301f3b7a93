package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/demo"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

const (
	demoPast = 35 * 24 * time.Hour // as far back as the record of KPI values has each hour
	demoStep = 6 * time.Hour
	demoTick = 10 * time.Second
)

// DemoOptions are the flags of demo.
type DemoOptions struct {
	ServeOptions
	Seed    uint64
	History model.Duration // 0 = serve
	Output  string         // file of the history; - = standard output
}

// Demo serves a simulated intranet until ctx ends, or writes its history. What to look at goes to out.
func Demo(ctx context.Context, o DemoOptions, out io.Writer) (err error) {
	now := time.Now()
	if o.History > 0 {
		return demoHistory(ctx, o, now)
	}
	address, err := demoAddress((*o.Web.WebListenAddresses)[0])
	if err != nil {
		return err
	}
	intranet, err := demo.Open(ctx, o.Seed, now, now.Add(-demoPast-measure.Longest))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, intranet.Close()) }()
	o.ConfigFile, o.StoragePath, o.EnableLifecycle = intranet.ConfigFile, filepath.Join(intranet.Dir, "data"), true
	o.ExternalURL = cmp.Or(o.ExternalURL, address)
	if err := relive(ctx, intranet, o.StoragePath, now); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, demoText, address, o.ConfigFile)

	ctx, stop := context.WithCancel(ctx)
	var advancing sync.WaitGroup
	advancing.Go(func() { advance(ctx, intranet, o.Logger) })
	defer advancing.Wait()
	defer stop()
	return Serve(ctx, o.ServeOptions)
}

const demoText = `
A simulated organisation of some 240 people, its wiki, its portal, and the exporter that polls both.

  %[1]s
      the scorecard: two KPIs are beyond a limit; since when, and what was agreed for that?
  %[1]smetrics
      what Prometheus gets
  %[2]s
      what is measured and agreed; after an edit: curl -X POST %[1]s-/reload

What people do is counted within some minutes, and they do most of it on working days. Ctrl-C ends the demo.

`

// relive fills the record of KPI values with the recent past, so that the page can say since when.
func relive(ctx context.Context, intranet *demo.Intranet, storagePath string, now time.Time) (err error) {
	dir, err := storage.Open(storagePath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return intranet.Relive(ctx, dir, demo.Every(demoStep, now.Add(-demoPast), now), func(demo.Moment) error { return nil })
}

// advance lets time pass on the platforms until ctx ends.
func advance(ctx context.Context, intranet *demo.Intranet, logger log.Logger) {
	tick := time.NewTicker(demoTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := intranet.Advance(ctx, now); err != nil && ctx.Err() == nil {
				level.Error(logger).Log("msg", "Platforms of the demo stand still", "err", err)
			}
		}
	}
}

// demoAddress is where a browser on this machine finds what listens on an address.
func demoAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("read --web.listen-address: %w", err)
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(cmp.Or(host, "localhost"), port), Path: "/"}).String(), nil
}

// demoHistory writes the history and logs how far it is.
func demoHistory(ctx context.Context, o DemoOptions, now time.Time) (err error) {
	out := os.Stdout
	if o.Output != "-" {
		if out, err = os.Create(o.Output); err != nil {
			return fmt.Errorf("create history: %w", err)
		}
		defer func() {
			if err = errors.Join(err, out.Close()); err != nil {
				_ = os.Remove(o.Output) // half a history is none
			}
		}()
	}
	length, told := time.Duration(o.History), int64(0)
	err = demo.WriteHistory(ctx, out, o.Seed, length, now, func(at time.Time) {
		if tenths := 10 * int64(at.Sub(now.Add(-length))) / int64(length); tenths > told {
			told = tenths
			level.Info(o.Logger).Log("msg", "Writing history", "percent", 10*tenths, "until", at.UTC().Format(time.DateOnly))
		}
	})
	if err == nil {
		level.Info(o.Logger).Log("msg", "Wrote history", "file", o.Output)
	}
	return err
}
