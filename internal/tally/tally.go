// Package tally turns the facts that a collector tells of one platform into measures: who counts, windows,
// and the state on disk. It decides what is asked of a collector, and commits what was told: facts and
// progress together, so that after a crash nothing is lost and nothing counts twice.
package tally

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
	"github.com/intranet-exporter/intranet_exporter/internal/storage"
)

// day is by how much the clock may go back: the data time waits for it. If it goes back further, it was wrong
// before.
const day = 24 * time.Hour

// The files of a platform are its name with these.
const (
	liveFile  = ".tally"
	freshFile = ".reread"
)

// Suffixes are what the names of a platform's files end in.
var Suffixes = []string{liveFile, freshFile}

// A Tally is what is known of one platform. It is not safe for concurrent use.
type Tally struct {
	platform *config.Platform
	dir      *storage.Dir
	mac      hash.Hash
	text     []byte // scratch, so that a million accounts are no million buffers
	keyCheck string

	live   *facts // what measures are made from
	fresh  *facts // a history that is being read anew, to take the place of live; nil = none
	frozen bool   // live can't be continued: its source is not the configured one any more

	members *Members // as they were shown last
}

// Open loads what is on disk of the platform. A file that can't be used is set aside, the platform will be
// read anew, and the warning says so. A file that can't be read is an error: it may be readable again. dir
// may be nil: then nothing is kept.
func Open(dir *storage.Dir, secret []byte, p *config.Platform) (t *Tally, warning string, err error) {
	t = &Tally{dir: dir, mac: hmac.New(sha256.New, secret), keyCheck: digest("key check", string(secret), p.Name)}
	var warnings []string
	for _, f := range []struct {
		name string
		into **facts
	}{{p.Name + liveFile, &t.live}, {p.Name + freshFile, &t.fresh}} {
		err := dir.Read(f.name, func(r io.Reader) error {
			loaded, err := decode(r)
			if err == nil && loaded.KeyCheck != t.keyCheck {
				err = errKey
			}
			if err == nil {
				*f.into = loaded
			}
			return err
		})
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errDamaged), errors.Is(err, errVersion), errors.Is(err, errKey):
			warnings = append(warnings, fmt.Sprintf("%s; it is set aside as %s and the platform is read anew", err, dir.SetAside(f.name)))
		default:
			return nil, "", err
		}
	}
	t.Configure(p)
	return t, strings.Join(warnings, "; "), nil
}

// Configure puts a platform's present configuration in force. What it changes is read anew by the next Update.
func (t *Tally) Configure(p *config.Platform) {
	t.platform = p
	if t.live == nil {
		t.live = t.newFacts()
	}
}

func (t *Tally) newFacts() *facts {
	d := t.platform.Description
	var kinds, told []measure.Kind
	for _, kind := range measure.EventKinds {
		if t.delivers(kind) {
			told = append(told, kind)
		}
	}
	for _, m := range d.Measures() {
		def, _ := measure.Lookup(m.Measure)
		if def.Counting != measure.People || m.Basis == measure.Reported {
			continue
		}
		for _, kind := range t.kindsOf(def, m.Basis) {
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	f := newFacts(digest(d.Definition, fmt.Sprint(kinds, told)), t.counting(), kinds)
	f.KeyCheck = t.keyCheck
	return f
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// lastLogin is the column of the accounts' own last logins; that of login events is measure.Login.
const lastLogin measure.Kind = "last_login"

// kindsOf returns the columns of last-seen times that m is counted from.
func (t *Tally) kindsOf(m measure.Measure, b measure.Basis) []measure.Kind {
	switch {
	case b == measure.LastSeen && m.Name == "active_users":
		return []measure.Kind{measure.Active}
	case b == measure.LastSeen:
		return []measure.Kind{lastLogin}
	}
	var kinds []measure.Kind
	for _, kind := range m.Kinds {
		if t.delivers(kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (t *Tally) delivers(kind measure.Kind) bool {
	return slices.ContainsFunc(t.platform.Description.Events, func(e collector.EventSource) bool { return e.Kind == kind })
}

// counting is Platform.Counting in short.
func (t *Tally) counting() string { return digest(t.platform.Counting()...) }

// pseudonym returns the key of an account.
func (t *Tally) pseudonym(id string) key { return t.hash(t.platform.Name, id) }

// hash returns the key of what is called so in a domain: a platform, or "" for all of them.
func (t *Tally) hash(domain, name string) key {
	t.text = append(append(append(t.text[:0], domain...), 0), name...)
	t.mac.Reset()
	_, _ = t.mac.Write(t.text)
	return key(binary.LittleEndian.Uint64(t.mac.Sum(t.text[:0])))
}
