package app

import (
	"errors"
	"fmt"
	"slices"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// costs writes what a reload would read and judge anew, compared with the file that is in force.
func (c Console) costs(file string, cfg *config.Config) error {
	old, err := load(file, c.Types, func(string, string) {})
	var problems config.Problems
	if errors.As(err, &problems) {
		return fmt.Errorf("compare with %s, which does not load: %w", file, problems[0])
	}
	if err != nil {
		return err
	}
	said := append(costsOfPlatforms(old.Platforms, cfg.Platforms), costsOfKPIs(measuredKPIs(old), measuredKPIs(cfg))...)
	if said == nil {
		said = []string{"nothing: history and verdicts go on"}
	}
	c.print("\nWhat the edit costs, compared with %s:\n", file)
	for _, s := range said {
		for i, line := range wrap(s, max(c.Width-2, 20)) {
			c.print("%s%s\n", []string{"- ", "  "}[min(i, 1)], line)
		}
	}
	return nil
}

func costsOfPlatforms(old, now []*config.Platform) []string {
	var said []string
	for _, p := range now {
		i := slices.IndexFunc(old, func(o *config.Platform) bool { return o.Name == p.Name })
		switch {
		case i < 0:
			said = append(said, "platform "+p.Name+" is new: it is read from as far back as it remembers, at most 28 days")
		case old[i].Type != p.Type || old[i].Description.Definition != p.Description.Definition:
			said = append(said, "platform "+p.Name+" has another source: it is read anew; the present values stay until that is done")
		case !slices.Equal(old[i].Counting(), p.Counting()) && p.Description.Remembers(measure.Longest):
			said = append(said, "platform "+p.Name+" counts others: its accounts are listed with the next poll, and 28 days are read anew")
		case !slices.Equal(old[i].Counting(), p.Counting()):
			said = append(said, "platform "+p.Name+" counts others: its accounts are listed with the next poll; events that were counted stay as they are")
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(now, func(p *config.Platform) bool { return p.Name == o.Name }) {
			said = append(said, "platform "+o.Name+" is gone: its metrics end")
		}
	}
	return said
}

func costsOfKPIs(old, now []*config.KPI) []string {
	var said []string
	for _, k := range now {
		i := slices.IndexFunc(old, func(o *config.KPI) bool { return o.Name == k.Name })
		switch {
		case i < 0:
			said = append(said, "KPI "+k.Name+" is new: its record begins, and limits count after their sustain")
		case old[i].Identity() != k.Identity():
			said = append(said, "KPI "+k.Name+" measures something else: its record begins anew, and limits count after their sustain")
		case k.Status == config.Active && old[i].Status != config.Active:
			said = append(said, "KPI "+k.Name+" is active now: its limits count at once, from the record that it has")
		case k.Status != config.Active && old[i].Status == config.Active:
			said = append(said, "KPI "+k.Name+" is not active any more: its alerts end, and its record goes on")
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(now, func(k *config.KPI) bool { return k.Name == o.Name }) {
			said = append(said, "KPI "+o.Name+" is gone: its alerts end, and its record is kept for 400 days")
		}
	}
	return said
}

// measuredKPIs are the KPIs that are not retired: a retired one is as good as gone.
func measuredKPIs(cfg *config.Config) []*config.KPI {
	return slices.DeleteFunc(cfg.KPIs(), func(k *config.KPI) bool { return k.Status == config.Retired })
}
