package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
)

const pageSize = 5000 // of a wiki that lets us have ten times as much as others

// json measures the first and the second poll of a wiki, and one that reads all of it anew.
func (b *bench) json(ctx context.Context) error {
	p, err := b.pollWiki(ctx, b.accounts, pageSize, b.rounds)
	if err != nil {
		return err
	}
	b.table.compare("JSON: first poll of "+p.of+", CPU", "2 ×", p.first, p.tokens, "reading and tokenising the same")
	b.table.add("its peak of memory", "150 MB", p.most)
	b.table.compare("second poll, nothing new, with start and end of the process, CPU", "", p.second, p.tokens, "reading and tokenising all")
	b.table.add("its peak of memory", "150 MB", p.later)
	b.table.add("its requests", "a handful", number(p.asked))
	b.table.add("start from this state, until it serves", "1s", p.ready)
	b.table.compare("poll that reads all of it anew, beside what is known, CPU", "", p.anew, p.first, "the first")
	b.table.add("its peak of memory", "", p.both)
	return nil
}

// sizes measures first polls in larger and smaller pages, and of more and fewer accounts.
func (b *bench) sizes(ctx context.Context) error {
	for _, c := range []struct{ accounts, page int }{{b.accounts, 500}, {b.accounts, 50_000}, {b.accounts / 10, pageSize}, {b.accounts * 2, pageSize}} {
		p, err := b.pollWiki(ctx, c.accounts, c.page, 1)
		if err != nil {
			return err
		}
		b.table.compare("first poll of "+p.of+", CPU", "2 ×", p.first, p.tokens, "reading and tokenising the same")
		b.table.add("its peak of memory", "", p.most)
	}
	return nil
}

// wikiPolls are what polling a wiki cost: from nothing, from the state that was left, and from that when others count.
type wikiPolls struct {
	of                          string
	tokens, first, second, anew sample // CPU
	most, later, both           sample // memory
	ready                       sample
	asked                       int // by the second poll
}

func (b *bench) pollWiki(ctx context.Context, accounts, page, rounds int) (*wikiPolls, error) {
	p := &wikiPolls{
		of:     fmt.Sprintf("%s accounts in pages of %s", grouped(accounts), grouped(page)),
		tokens: sample{write: seconds}, first: sample{write: seconds}, second: sample{write: seconds}, anew: sample{write: seconds},
		most: sample{write: megabytes}, later: sample{write: megabytes}, both: sample{write: megabytes}, ready: sample{write: seconds},
	}
	for round := range rounds {
		say("json: %s, round %d of %d", p.of, round+1, rounds)
		if err := b.pollThrice(ctx, &wiki{accounts: accounts, page: page, now: time.Now()}, p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (b *bench) pollThrice(ctx context.Context, w *wiki, p *wikiPolls) error {
	storage, err := b.folder()
	if err != nil {
		return err
	}
	platform := httptest.NewServer(w)
	defer platform.Close()
	config, err := b.file("intranet.yml", fmt.Sprintf(wikiConfig, "", platform.URL))
	if err != nil {
		return err
	}
	v, err := b.visit(ctx, config, storage)
	if err != nil {
		return err
	}
	p.first.add(v.cpu.Seconds())
	p.most.add(float64(v.peak))
	all := len(w.asked)
	tokens, err := again(ctx, "tokenise", platform.URL, strconv.Itoa(all))
	if err != nil {
		return err
	}
	p.tokens.add(tokens.Seconds())
	if v, err = b.visit(ctx, config, storage); err != nil {
		return err
	}
	p.second.add(v.cpu.Seconds())
	p.later.add(float64(v.peak))
	p.ready.add(v.ready.Seconds())
	p.asked = len(w.asked) - all
	if config, err = b.file("intranet.yml", fmt.Sprintf(wikiConfig, `, "^nobody$"`, platform.URL)); err != nil {
		return err
	}
	if v, err = b.visit(ctx, config, storage); err != nil {
		return err
	}
	p.anew.add(v.cpu.Seconds())
	p.both.add(float64(v.peak))
	return os.RemoveAll(storage)
}

const wikiConfig = `
exclude:
  accounts: ["^svc-", "^test-", "(?i)^bot[-_ ]"%s]
platforms:
  - name: wiki
    type: mediawiki
    url: %s/api.php
    requests_per_second: 1000000
`

// tokenise asks a wiki the first n requests that it ever got, and takes nothing but tokens from the answers.
func tokenise(ctx context.Context, args []string) error {
	config := fetch.DefaultConfig()
	config.RequestsPerSecond = 1e6
	client, _, err := fetch.New(args[0], config, fetch.Options{})
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for i := range n {
		r := fetch.Request{Path: "api.php", Query: url.Values{"again": {strconv.Itoa(i)}}}
		err := client.Do(ctx, r, fetch.JSON(func(dec *jsontext.Decoder) error {
			for {
				if _, err := dec.ReadToken(); err != nil {
					return err
				}
				if dec.StackDepth() == 0 {
					return nil
				}
			}
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

// A wiki answers as MediaWiki does, without holding anything: a fifth of its accounts have a page about themselves,
// and there are a tenth as many edits as accounts, in the last 27 days.
type wiki struct {
	accounts, page int
	now            time.Time

	mu    sync.Mutex
	asked []url.Values
}

func (w *wiki) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = rw.Write(w.answer(w.question(r.URL.Query())))
}

// question remembers what was asked, and finds it when it is asked for by number.
func (w *wiki) question(q url.Values) url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i, err := strconv.Atoi(q.Get("again")); err == nil {
		return w.asked[i]
	}
	w.asked = append(w.asked, q)
	return q
}

func (w *wiki) answer(q url.Values) []byte {
	switch {
	case q.Get("meta") == "userinfo":
		return []byte(`{"batchcomplete":true,"query":{"userinfo":{"id":0,"name":"127.0.0.1","anon":true,"rights":["read","apihighlimits"]}}}`)
	case q.Get("meta") == "allmessages":
		return []byte(`{"batchcomplete":true,"query":{"allmessages":[{"name":"double-redirect-fixer","content":"Redirect fixer"}]}}`)
	case q.Get("list") == "allusers":
		return w.list("allusers", "aufrom", q, w.accounts, func(b []byte, i int) []byte {
			b = fmt.Appendf(b, `{"userid":%d,"name":"Person %07d of Utrecht",`, i+1, i)
			if i%20 == 0 {
				b = append(b, `"blockid":1,"blockedby":"Admin","blockedbyid":1,"blockreason":"left","blockedtimestamp":"2026-11-23T16:00:46Z","blockexpiry":"infinite","blockpartial":false,"blocknocreate":false,"blockanononly":false,"blockedtimestampformatted":"16:00, 23 November 2026",`...)
			}
			return append(b, `"groups":["*","user","autoconfirmed"]}`...)
		})
	case q.Get("list") == "users":
		ids := strings.Split(q.Get("ususerids"), "|")
		return list(nil, "users", len(ids), func(b []byte, i int) []byte {
			id, _ := strconv.Atoi(ids[i])
			return fmt.Appendf(b, `{"userid":%d,"name":"Person %07d of Utrecht","emailable":%t}`, id, id-1, id%3 > 0)
		})
	case q.Get("list") == "allpages" && q.Get("apnamespace") == "2":
		return w.list("allpages", "apcontinue", q, w.accounts/5, func(b []byte, i int) []byte {
			return fmt.Appendf(b, `{"pageid":%d,"ns":2,"title":"User:Person %07d of Utrecht"}`, i+1, 5*i)
		})
	case q.Get("list") == "allpages":
		return w.list("allpages", "apcontinue", q, w.accounts/50, func(b []byte, i int) []byte {
			return fmt.Appendf(b, `{"pageid":%d,"ns":0,"title":"How we do matter %d"}`, w.accounts+i+1, i)
		})
	}
	return w.revisions(q)
}

// revisions lists one edit of each page; a third of the pages are new.
func (w *wiki) revisions(q url.Values) []byte {
	from, _ := time.Parse(time.RFC3339, q.Get("garvstart"))
	n, each := w.accounts/10, 27*24*time.Hour/time.Duration(w.accounts/10)
	oldest := w.now.Add(-27*24*time.Hour - 2*time.Hour)
	if from.After(oldest) {
		return []byte(`{"batchcomplete":true}`)
	}
	return w.list("pages", "garvcontinue", q, n, func(b []byte, i int) []byte {
		at := oldest.Add(time.Duration(i) * each).UTC().Format(time.RFC3339)
		return fmt.Appendf(b, `{"pageid":%d,"ns":0,"title":"How we do matter %d","contentmodel":"wikitext","pagelanguage":"en","pagelanguagehtmlcode":"en","pagelanguagedir":"ltr","touched":"%s","lastrevid":%d,"length":9,"revisions":[{"revid":%[4]d,"parentid":%d,"userid":%d,"timestamp":"%[3]s"}]}`,
			w.accounts+i+1, i, at, i+1, i%3, 1+i*7919%w.accounts)
	})
}

// list answers with one page of n rows.
func (w *wiki) list(name, more string, q url.Values, n int, row func([]byte, int) []byte) []byte {
	from, _ := strconv.Atoi(q.Get(more)) // the first page says nothing
	var next []byte
	if to := from + w.page; to < n {
		next = fmt.Appendf(nil, `"continue":{"%s":"%d","continue":"-||"},`, more, to)
	}
	return list(next, name, min(w.page, n-from), func(b []byte, i int) []byte { return row(b, from+i) })
}

func list(next []byte, name string, n int, row func([]byte, int) []byte) []byte {
	b := fmt.Appendf(nil, `{"batchcomplete":true,%s"query":{"%s":[`, next, name)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = row(b, i)
	}
	return append(b, `]}}`...)
}
