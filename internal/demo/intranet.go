// Package demo is a simulated intranet: an organisation whose people come and go, read, search and write, and two
// platforms that show it to real collectors.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

//go:embed intranet.yml.tmpl
var configTemplate string

// An Intranet is the two platforms at work, in a temporary folder and on a loopback port.
type Intranet struct {
	Dir        string
	ConfigFile string // in Dir; names both platforms, and what success means

	feed   *Feed
	wiki   *wiki
	server *http.Server
	portal *portal
}

// Open starts the platforms of the organisation that follows from seed, as seen today. The portal knows what
// people did since a time. Nothing has happened on them before the first Advance.
func Open(ctx context.Context, seed uint64, today, since time.Time) (*Intranet, error) {
	dir, err := os.MkdirTemp("", "intranet_exporter-demo-")
	if err != nil {
		return nil, fmt.Errorf("make demo folder: %w", err)
	}
	i := &Intranet{Dir: dir, ConfigFile: filepath.Join(dir, "intranet.yml"), feed: NewOrganisation(seed, today).Feed(), wiki: newWiki()}
	if err := i.start(ctx, today, since); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Intranet) start(ctx context.Context, today, since time.Time) (err error) {
	database := filepath.Join(i.Dir, "portal.db")
	if i.portal, err = newPortal(ctx, database, since); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start wiki: %w", err)
	}
	i.server = &http.Server{Handler: i.wiki, ReadHeaderTimeout: time.Minute}
	go func() { _ = i.server.Serve(listener) }() // ends with Close
	file, err := os.Create(i.ConfigFile)
	if err != nil {
		return fmt.Errorf("write demo config: %w", err)
	}
	return errors.Join(
		WriteConfig(file, "http://"+listener.Addr().String()+"/w/api.php", today),
		file.Close(),
		os.WriteFile(filepath.Join(i.Dir, "wiki.pass"), []byte(i.wiki.password+"\n"), 0o600),
		os.WriteFile(filepath.Join(i.Dir, "portal.dsn"), []byte(database+"\n"), 0o600),
	)
}

// WriteConfig writes the config file, for a wiki at an address. Its dates are ahead of today.
func WriteConfig(w io.Writer, wiki string, today time.Time) error {
	err := template.Must(template.New("config").Parse(configTemplate)).Execute(w, struct{ Wiki, Review, Target string }{
		wiki, today.AddDate(0, 3, 0).Format(time.DateOnly), today.AddDate(0, 9, 0).Format(time.DateOnly),
	})
	if err != nil {
		return fmt.Errorf("write demo config: %w", err)
	}
	return nil
}

// Advance lets everything happen on the platforms that happened before now and did not yet.
func (i *Intranet) Advance(ctx context.Context, now time.Time) error {
	happenings := i.feed.Until(now)
	if len(happenings) == 0 {
		return nil
	}
	i.wiki.take(happenings)
	return i.portal.take(ctx, happenings)
}

// Close stops the platforms and removes the folder.
func (i *Intranet) Close() error {
	var errs []error
	if i.server != nil {
		errs = append(errs, i.server.Close())
	}
	if i.portal != nil {
		errs = append(errs, i.portal.db.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(i.Dir))...)
}
