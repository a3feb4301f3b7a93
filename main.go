// Command intranet_exporter measures whether an intranet works: it polls intranet platforms, and exposes their
// measures and the KPIs made of them to Prometheus.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones on images that have none

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/app"
	"github.com/intranet-exporter/intranet_exporter/internal/logging"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args []string) int {
	cmd := kingpin.New("intranet_exporter", "Measures whether an intranet works, for Prometheus.")
	cmd.UsageWriter(os.Stdout)
	cmd.HelpFlag.Short('h')
	cmd.Version(version.Print("intranet_exporter"))
	configFile := cmd.Flag("config.file", "Platforms, objectives and KPIs.").Default("intranet.yml").String()
	logConfig := &promslog.Config{}
	promslogflag.AddFlags(cmd, logConfig)

	serve := cmd.Command("serve", "Poll the platforms and serve metrics and the scorecard page.").Default()
	options := app.ServeOptions{Web: kingpinflag.AddFlags(serve, ":10042")}
	serve.Flag("storage.path", "Folder of the state that outlives a restart.").Default("data").StringVar(&options.StoragePath)
	serve.Flag("web.external-url", "Address under which people reach the exporter; links in notifications begin with it. Needed with TLS.").StringVar(&options.ExternalURL)
	serve.Flag("web.enable-lifecycle", "Reload the config file upon POST /-/reload.").BoolVar(&options.EnableLifecycle)
	serve.Flag("web.max-requests", "Scrapes at the same time; 0 is any number.").Default("40").IntVar(&options.MaxRequests)

	initialise := cmd.Command("init", "Write a config file to begin with; asks on a terminal.")
	types := initialise.Flag("platform", "Type of a platform, such as mediawiki; one flag for each platform.").Strings()
	objectives := initialise.Flag("objective", "Objective to begin with, such as reach; one flag for each. Left out: all of which the platforms deliver something.").Strings()
	output := initialise.Flag("output", "File to write; left out, that of --config.file.").Short('o').String()

	check := cmd.Command("check", "Check the config file, and say in words what was agreed.")
	var checkOptions app.CheckOptions
	check.Flag("live", "Poll each platform once too: rights, measures, KPI values; nothing is kept.").BoolVar(&checkOptions.Live)
	check.Flag("against", "File that is in force now: say what the edit costs.").StringVar(&checkOptions.Against)
	check.Flag("format", "How to print it.").Default("text").EnumVar(&checkOptions.Format, "text", "json")

	poll := cmd.Command("poll", "Poll once and print the measures; nothing is kept.")
	platform := poll.Flag("platform", "Only the platform of this name.").String()
	format := poll.Flag("format", "How to print them.").Default("table").Enum("table", "metrics")

	demo := cmd.Command("demo", "Look at a simulated intranet; nothing to configure.")
	demoOptions := app.DemoOptions{ServeOptions: app.ServeOptions{Web: kingpinflag.AddFlags(demo, "localhost:10042")}}
	demo.Flag("seed", "Another number makes another organisation.").Default("1").Uint64Var(&demoOptions.Seed)
	demo.Flag("history", "Instead of serving, write what polling for so long would have exposed, such as 365d, as OpenMetrics.").SetValue(&demoOptions.History)
	demo.Flag("output", "File of the history; - is standard output.").Short('o').Default("history.om").StringVar(&demoOptions.Output)

	command, err := cmd.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "intranet_exporter: %s; try --help\n", err)
		return 2
	}
	logger, libraries := logging.New(os.Stderr, logConfig)
	slog.SetDefault(libraries)
	log.SetOutput(io.Discard) // net/http quotes there what a platform sends behind its answer

	console := app.NewConsole(collector.Types, logger)

	switch command {
	case serve.FullCommand():
		_ = level.Info(logger).Log("msg", "Starting intranet_exporter", "version", version.Info())
		options.ConfigFile, options.Logger, options.Libraries = *configFile, logger, libraries
		err = app.Serve(ctx, options)
	case initialise.FullCommand():
		err = console.Init(cmp.Or(*output, *configFile), *types, *objectives)
	case check.FullCommand():
		err = console.Check(ctx, *configFile, checkOptions)
	case poll.FullCommand():
		err = console.Poll(ctx, *configFile, *platform, *format)
	case demo.FullCommand():
		demoOptions.Logger, demoOptions.Libraries = logger, libraries
		err = app.Demo(ctx, demoOptions, os.Stdout)
	}
	if err == nil {
		return 0
	}
	if command == serve.FullCommand() {
		_ = level.Error(logger).Log("msg", "Stopped", "err", err)
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	if _, usage := errors.AsType[app.UsageError](err); usage {
		return 2
	}
	return 1
}
