package kpi

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// BenchmarkPoll measures what one poll costs when the record is as full as it gets: 400 days.
func BenchmarkPoll(b *testing.B) {
	for _, n := range []int{12, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := b.TempDir()
			dir, err := storage.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = dir.Close() }()
			e, _, err := Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			var kpis []*config.KPI
			for i := range n {
				k := *weekly(drop(0.3, 28*day, day))
				k.Name = fmt.Sprint("kpi_", i)
				k.Critical = below(-1, day)
				kpis = append(kpis, &k)
			}
			e.Configure(kpis)
			at := t0
			show := func(d time.Duration) {
				at = at.Add(d)
				e.Update(at, wiki(value(created, float64(rand.IntN(1000)), at)))
			}
			show(0)
			full := &record{}
			for ; at.Sub(t0) < 400*day; at = at.Add(time.Hour) {
				full.add(at.Unix(), 0, false)
			}
			for _, r := range e.records {
				r.Buckets = slices.Clone(full.Buckets)
				for i := range r.Buckets {
					v := float64(rand.IntN(1000))
					r.Buckets[i].Value, r.Buckets[i].All, r.Buckets[i].Last = v, span{Min: v - 1, Max: v + 1}, span{Min: v, Max: v}
				}
			}
			show(14*time.Hour + 30*time.Minute) // to the last hour of a day
			if err := e.Save(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				show(time.Second)
				if err := e.Save(); err != nil {
					b.Fatal(err)
				}
			}
			for _, file := range []string{newestFile, pastFile} {
				info, err := os.Stat(filepath.Join(path, file))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/1e6, file+"-MB")
			}
		})
	}
}
