// Package logging makes the logger of the process, and a bridge that feeds it what libraries log with log/slog.
package logging

import (
	"io"
	"log/slog"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/promslog"
	sloggokit "github.com/tjhop/slog-gokit"
)

// New returns the logger of the process and its bridge for libraries. Both write to w, in the format and
// from the level that cfg says; promslog's flags fill it.
func New(w io.Writer, cfg *promslog.Config) (log.Logger, *slog.Logger) {
	w = log.NewSyncWriter(w)
	sink := log.NewLogfmtLogger(w)
	if cfg.Format.String() == "json" {
		sink = log.NewJSONLogger(w)
	}
	allowed := level.Allow(level.ParseDefault(cfg.Level.String(), level.InfoValue()))
	logger := log.With(level.NewFilter(sink, allowed), "ts", log.DefaultTimestampUTC, "caller", log.DefaultCaller)
	// The bridge has a level, a time and a caller of its own, so it gets the sink without ours.
	bridge := sloggokit.NewGoKitHandler(log.LoggerFunc(func(keyvals ...any) error {
		return sink.Log(respell(keyvals)...)
	}), cfg.Level)
	return logger, slog.New(bridge)
}

// respell turns slog's spelling of keys and values into ours, and makes them discreet, in place: the bridge makes keyvals anew for each line.
func respell(keyvals []any) []any {
	for i := 0; i+1 < len(keyvals); i += 2 {
		switch v := keyvals[i+1].(type) {
		case time.Time:
			if keyvals[i] == slog.TimeKey {
				keyvals[i], keyvals[i+1] = "ts", v.UTC()
			}
		case string:
			keyvals[i+1] = Discreet(v)
		case slog.Value: // its Any keeps numbers numbers in JSON
			keyvals[i+1] = v.Any()
			switch v := v.Any().(type) {
			case time.Duration:
				keyvals[i+1] = v.String()
			case string:
				keyvals[i+1] = Discreet(v)
			case error:
				keyvals[i+1] = Discreet(v.Error())
			}
		}
	}
	return keyvals
}
