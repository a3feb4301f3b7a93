// Command bench measures the exporter against the least that anybody could do for the same end, and prints one
// table; docs/performance.md says how it measures and what the figures mean. It runs the binary that was built,
// against platforms of its own on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// A bench is what all measurements share.
type bench struct {
	exporter string // the binary
	dir      string // for everything that is written; deleted at the end
	accounts int
	events   int
	rounds   int
	table    table
}

func main() {
	runtime.LockOSThread() // processes that are started here end when this thread does
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := 0
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) > 0 {
		switch args[0] { // a process that a measurement compares with
		case "tokenise":
			return tokenise(ctx, args[1:])
		case "copy":
			return copyOut(ctx, args[1:])
		}
	}
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&b.exporter, "exporter", "./intranet_exporter", "the binary to measure")
	flags.IntVar(&b.accounts, "accounts", 1_000_000, "how many accounts a platform has")
	flags.IntVar(&b.events, "events", 5_000_000, "how many events there are in the last 28 days")
	flags.IntVar(&b.rounds, "rounds", 3, "how often to measure each; the table has the median")
	only := flags.String("only", "json,sizes,sql,tally,scrape", "what to measure")
	_ = flags.Parse(args) // it ends the program by itself

	if b.exporter, err = exec.LookPath(b.exporter); err != nil {
		return fmt.Errorf("find the exporter: %w; make build makes it", err)
	}
	if b.dir, err = os.MkdirTemp("", "intranet-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"json", b.json}, {"sizes", b.sizes}, {"sql", b.sql}, {"tally", b.tally}, {"scrape", b.scrape}} {
		if !strings.Contains(*only, part.name) {
			continue
		}
		if err = part.measure(ctx); err != nil {
			err = fmt.Errorf("measure %s: %w", part.name, err)
			break
		}
	}
	return errors.Join(err, b.table.print(os.Stdout)) // as far as it is filled
}
