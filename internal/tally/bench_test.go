package tally

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A crowd is a platform of n accounts, each of which signs in once in the last 28 days.
type crowd struct{ n int }

func (c crowd) Describe() collector.Description {
	return collector.Description{
		Events:   []collector.EventSource{{Kind: measure.Login}},
		Accounts: &collector.AccountSource{},
		Step:     7 * day, Definition: "crowd",
	}
}

func (c crowd) Probe(context.Context) (collector.Access, error) { return collector.Access{}, nil }

func (c crowd) Accounts(_ context.Context, emit func(collector.Account)) error {
	for i := range c.n {
		emit(collector.Account{ID: strconv.Itoa(i), Kind: collector.Person, Enabled: true})
	}
	return nil
}

func (c crowd) Events(_ context.Context, from, to time.Time, emit func(collector.Event)) error {
	each := time.Duration(int(measure.Longest) / c.n)
	for i := range c.n {
		if at := start.Add(-time.Duration(i+1) * each); !at.Before(from) && at.Before(to) {
			emit(collector.Event{Kind: measure.Login, At: at, Actor: strconv.Itoa(i)})
		}
	}
	return nil
}

func (c crowd) Readings(context.Context, bool, func(collector.Reading)) error { return nil }

func crowded(b *testing.B, n int) *Tally {
	b.Helper()
	c := crowd{n}
	t, _, err := Open(nil, secret, &config.Platform{Name: "crowd", Collector: c, Description: c.Describe(), AccountsInterval: day, CompleteAt: 1})
	if err != nil {
		b.Fatal(err)
	}
	if r := t.Update(b.Context(), start); len(r.Errors) > 0 {
		b.Fatal(r.Errors)
	}
	return t
}

// The first poll: listing, events, and all that is kept of them.
func BenchmarkFirstPoll(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				crowded(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/account")
		})
	}
}

// What a poll without news costs: the windows.
func BenchmarkSnapshot(b *testing.B) {
	t := crowded(b, 1_000_000)
	for b.Loop() {
		t.Snapshot()
	}
}

func BenchmarkFile(b *testing.B) {
	t := crowded(b, 1_000_000)
	var file bytes.Buffer
	if err := t.live.encode(&file); err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		for b.Loop() {
			if err := t.live.encode(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		for b.Loop() {
			if _, err := decode(bytes.NewReader(file.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}
