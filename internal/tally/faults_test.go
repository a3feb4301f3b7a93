package tally

import (
	"testing"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

func TestWhoSignedInIsUnknownUntilAListingTellsIt(t *testing.T) {
	b := newBench(t, nil)
	ann := person("ann")
	ann.LastLogin = start.Add(-day)
	b.accounts = []collector.Account{ann}
	b.mustPoll(0)
	b.description.Accounts = &collector.AccountSource{Source: "users", LastLogin: true}
	b.reopen()
	b.want("", "activated_accounts")
	b.mustPoll(time.Hour)
	b.want("", "activated_accounts")
	b.mustPoll(day)
	b.want("activated_accounts 1", "activated_accounts")
}
