package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A crowd is a platform that tells what it is asked without any work of its own: events of every kind.
type crowd struct {
	accounts int
	events   int // in the span that is asked for
}

// id is made anew each time, as by a collector that reads it.
func (c *crowd) id(i int) string { return strconv.Itoa(100_000 + i%c.accounts) }

func (c *crowd) Describe() collector.Description {
	d := collector.Description{Accounts: &collector.AccountSource{}, Interval: time.Hour, Step: measure.Longest, Definition: "crowd"}
	for _, kind := range measure.EventKinds {
		d.Events = append(d.Events, collector.EventSource{Kind: kind})
	}
	return d
}

func (c *crowd) Probe(context.Context) (collector.Access, error) { return collector.Access{}, nil }

func (c *crowd) Accounts(_ context.Context, emit func(collector.Account)) error {
	for i := range c.accounts {
		emit(collector.Account{ID: c.id(i), Kind: collector.Person, Enabled: true})
	}
	return nil
}

func (c *crowd) Events(_ context.Context, from, to time.Time, emit func(collector.Event)) error {
	for i := range c.events {
		at := from.Add(time.Duration(float64(to.Sub(from)) * float64(i) / float64(c.events)))
		emit(collector.Event{Kind: measure.EventKinds[i%len(measure.EventKinds)], At: at, Actor: c.id(i * 7919)})
	}
	return nil
}

func (c *crowd) Readings(context.Context, bool, func(collector.Reading)) error { return nil }

// tally measures what is done with facts, whoever told them: on one core, and with every kind of event.
func (b *bench) tally(ctx context.Context) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := &crowd{accounts: b.accounts}
	platform, err := c.platform()
	if err != nil {
		return err
	}
	rate := func(seconds float64) string { return grouped(int(float64(b.events)/seconds)) + "/s" }
	applied, hashed, onDisk := sample{write: rate}, sample{write: rate}, sample{write: bytesEach}
	write, plainWrite, start, plainRead := sample{write: seconds}, sample{write: seconds}, sample{write: seconds}, sample{write: seconds}
	for round := range b.rounds {
		say("tally: round %d of %d", round+1, b.rounds)
		path, err := b.folder()
		if err != nil {
			return err
		}
		dir, err := storage.Open(path)
		if err != nil {
			return err
		}
		now, key := time.Now(), make([]byte, 32)
		t, _, err := tally.Open(dir, key, platform)
		if err != nil {
			return err
		}
		update := func() error {
			r := t.Update(ctx, now)
			return errors.Join(append(r.Errors, r.Storage)...)
		}
		if err := update(); err != nil { // the listing
			return err
		}
		now, c.events = now.Add(12*time.Hour), b.events
		d, err := took(update)
		if err != nil {
			return err
		}
		applied.add(d.Seconds())
		d, err = took(func() error {
			mac, sum := hmac.New(sha256.New, key), make([]byte, 0, sha256.Size)
			for i := range b.events {
				mac.Reset()
				_, _ = io.WriteString(mac, c.id(i*7919))
				_ = mac.Sum(sum)
			}
			return nil
		})
		if err != nil {
			return err
		}
		hashed.add(d.Seconds())

		c.events = 0
		if d, err = took(update); err != nil {
			return err
		}
		write.add(d.Seconds())
		content, err := os.ReadFile(filepath.Join(path, "crowd.tally"))
		if err != nil {
			return err
		}
		onDisk.add(float64(len(content)) / float64(b.accounts))
		if d, err = took(func() error {
			return dir.Replace("copy", func(w io.Writer) error { _, err := w.Write(content); return err })
		}); err != nil {
			return err
		}
		plainWrite.add(d.Seconds())
		if d, err = took(func() error { _, _, err := tally.Open(dir, key, platform); return err }); err != nil {
			return err
		}
		start.add(d.Seconds())
		if d, err = took(func() error {
			return dir.Read("copy", func(r io.Reader) error { _, err := io.Copy(sha256.New(), r); return err })
		}); err != nil {
			return err
		}
		plainRead.add(d.Seconds())
		if err := errors.Join(dir.Close(), os.RemoveAll(path)); err != nil {
			return err
		}
	}
	of := fmt.Sprintf("of %s accounts", grouped(b.accounts))
	b.table.compare(fmt.Sprintf("%s events %s applied and written, on one core", grouped(b.events), of), "1,000,000/s", applied, hashed, "hashing who acted")
	b.table.add("state "+of+", every kind, per account", "64 bytes", onDisk)
	b.table.compare("to load it, CPU", "1s", start, plainRead, "SHA-256 of the file")
	b.table.compare("a poll without news that writes it, CPU", "", write, plainWrite, "writing these bytes")
	return nil
}

// platform is what a config file would say of the crowd.
func (c *crowd) platform() (*config.Platform, error) {
	types := map[string]collector.New{"crowd": func(decode func(any) error, _ collector.Options) (collector.Collector, error) {
		return c, decode(&struct{}{})
	}}
	cfg, err := config.Parse("intranet.yml", []byte("platforms: [{name: crowd, type: crowd}]"), types, func(string) collector.Options { return collector.Options{} })
	if err != nil {
		return nil, err
	}
	return cfg.Platforms[0], nil
}

// took returns the CPU time that this process needs to do something, and to clean up after it.
func took(do func() error) (time.Duration, error) {
	runtime.GC()
	before, err := used()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := used()
	return after - before, err
}

func used() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
