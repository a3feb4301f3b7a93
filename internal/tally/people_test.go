package tally

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// joinable is a person who is called so on all platforms.
func joinable(id string) collector.Account {
	a := person(id)
	a.Identity = id + "@example.org"
	return a
}

func newPart(t *testing.T) *bench {
	b := newBench(t, nil)
	b.platform.Part = &config.Part{Active: "active_users", LoggedIn: "logged_in_users"}
	b.reopen()
	return b
}

func TestMembersDidWhatTheMeasuresCount(t *testing.T) {
	b := newPart(t)
	end := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) // 12:03:20 less a minute, rounded down
	for i, ago := range []time.Duration{0, time.Nanosecond, day, day + 1, 7 * day, 7*day + 1, 28 * day, 28*day + 1} {
		id := string(rune('a' + i))
		b.accounts = append(b.accounts, joinable(id))
		b.add(measure.PageView, id, end.Add(-ago))
		b.add(measure.Login, id, end.Add(-ago/2))
	}
	leaver := joinable("leaver")
	leaver.Enabled = false
	b.accounts = append(b.accounts, leaver)
	b.add(measure.PageView, "leaver", end.Add(-time.Hour))
	b.mustPoll(0)
	agree := func(what string) {
		t.Helper()
		s := b.Snapshot()
		for name, bit := range map[string]int{"active_users": WasActive, "logged_in_users": SignedIn} {
			for w, window := range measure.Windows {
				v, ok := s.Value(measure.Ref{Measure: name, Window: window})
				n := 0
				for _, m := range s.Members.Accounts {
					n += int(m >> (bit + w) & 1)
				}
				if !ok || float64(n) != v.Value || !s.Members.AsOf[v.Ref].Equal(v.AsOf) {
					t.Errorf("%s: %d members, and %s is %g", what, n, v.Ref, v.Value)
				}
			}
		}
		if len(s.Members.Accounts) != 8 || s.Members.Anonymous != 0 || !s.Members.AsOf[measure.Ref{Measure: "accounts"}].Equal(start.Truncate(time.Second)) {
			t.Errorf("%s: got %+v", what, s.Members)
		}
	}
	agree("after the first poll")
	b.mustPoll(15 * time.Minute)
	agree("after another")
	b.reopen()
	agree("after a restart")
}

func TestIdentity(t *testing.T) {
	b := newPart(t)
	who := func(template, name, identity string) key {
		b.platform.Identity = template
		return b.identity(collector.Account{ID: "1", Name: name, Identity: identity})
	}
	zoe := who("", "", "zoë@example.org")
	for _, same := range []key{
		who("", "z", "Zoe\u0308@Example.ORG"), who("", "", "\tZOË@EXAMPLE.ORG\u00a0"), who("", "", "ｚｏë＠example.org"),
		who("{name}@example.org", "ZOË", ""), who("{name}@example.org", " zoë", "other@example.org"),
	} {
		if same != zoe {
			t.Error("spelt otherwise it is somebody else")
		}
	}
	for _, other := range []key{
		who("", "", "zoe@example.org"), who("", "", "zoë@example.com"), who("{name}@example.com", "zoë", "zoë@example.org"), b.pseudonym("zoë@example.org"), 0,
	} {
		if other == zoe {
			t.Error("somebody else is the same")
		}
	}
	for _, nobody := range []key{who("", "zoë", ""), who("", "", " \u00a0"), who("{name}@example.org", "", "zoë@example.org"), who("{name}@example.org", " ", "")} {
		if nobody != 0 {
			t.Error("nobody is somebody")
		}
	}
	if b.platform.Name = "other"; who("", "", "zoë@example.org") != zoe {
		t.Error("on another platform it is somebody else")
	}
}

// written returns what is on disk.
func (b *bench) written() []byte {
	b.t.Helper()
	var content []byte
	if err := b.dir.Read(b.platform.Name+liveFile, func(r io.Reader) (err error) { content, err = io.ReadAll(r); return err }); err != nil {
		b.t.Fatal(err)
	}
	return content
}

func TestIdentitiesAreKeptOnlyForThePeople(t *testing.T) {
	b := newBench(t, nil)
	for _, id := range []string{"Ann", "Bob", "Cas"} {
		b.accounts = append(b.accounts, joinable(id))
	}
	b.mustPoll(0)
	if b.Snapshot().Members != nil || b.live.who != nil {
		t.Error("identities are kept for nothing")
	}
	alone := *b.platform
	joined := alone
	joined.Part = &config.Part{Active: "active_users"}

	b.Configure(&joined)
	if b.Snapshot().Members != nil {
		t.Error("identities are known before they were listed")
	}
	b.mustPoll(time.Hour)
	if diff := cmp.Diff(b.asked[0], "accounts"); diff != "" {
		t.Error(diff)
	}
	if m := b.Snapshot().Members; m == nil || len(m.Accounts) != 3 {
		t.Errorf("got %+v", m)
	}
	for _, secret := range []string{"ann@", "Ann", "bob", "example.org"} {
		if bytes.Contains(bytes.ToLower(b.written()), bytes.ToLower([]byte(secret))) {
			t.Errorf("%s is on disk", secret)
		}
	}
	b.accounts = b.accounts[:2]
	b.add(measure.PageView, "Cas", b.clock)
	b.mustPoll(day) // Cas left, and what Cas did is known for a while
	if b.live.who[2] != 0 {
		t.Error("the identity of somebody who left is kept")
	}

	b.platform = &alone
	b.Configure(&alone)
	b.mustPoll(time.Hour)
	if b.reopen(); b.live.who != nil || b.Snapshot().Members != nil {
		t.Error("identities stay")
	}
}

func TestMembersOfACatchUp(t *testing.T) {
	b := newPart(t)
	b.platform.Description.Step = 6 * time.Hour
	b.accounts = []collector.Account{joinable("ann"), joinable("bob")}
	b.add(measure.PageView, "ann", start.Add(-time.Hour))
	b.add(measure.PageView, "bob", start.Add(time.Hour))
	b.mustPoll(0)
	before := b.Snapshot().Members
	p := *b.platform
	p.Collector = &forgetful{source: b.source, spans: 1}
	b.Configure(&p)
	_ = b.poll(20 * time.Hour)
	if diff := cmp.Diff(before, b.Snapshot().Members); diff != "" {
		t.Error("half-way:", diff)
	}
	b.reopen()
	if m := b.Snapshot().Members; m != nil {
		t.Errorf("half-way, after a restart: %+v", m)
	}
	b.mustPoll(time.Hour)
	if m := b.Snapshot().Members; m == nil || m.AsOf[measure.Ref{Measure: "accounts"}].IsZero() {
		t.Errorf("at the end: %+v", m)
	}
}
