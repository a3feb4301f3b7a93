package poll

import (
	"time"

	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/tally"
)

// A Status is what is known of one platform and of the polling of it at one moment. It never changes.
type Status struct {
	Platform *config.Platform
	Snapshot *tally.Snapshot // nil before the first data

	Success      bool          // of the last poll: all that was due succeeded; kept over restarts, false before the first
	LastSuccess  time.Time     // zero = never; kept over restarts
	Failing      cause.Cause   // why the last poll failed, "" = it did not, or there was none yet
	FailingSince time.Time     // when it began to fail
	Failures     []error       // of the last poll, one for each part that failed; no secret, no person
	Duration     time.Duration // of the last poll
	Granted      map[string]bool

	Requests map[string]uint64      // since start, by code
	Errors   map[cause.Cause]uint64 // since start, every cause present
}

// Snapshots returns what is known of each platform, by its name.
func Snapshots(statuses []Status) map[string]*tally.Snapshot {
	snapshots := map[string]*tally.Snapshot{}
	for _, s := range statuses {
		snapshots[s.Platform.Name] = s.Snapshot
	}
	return snapshots
}
