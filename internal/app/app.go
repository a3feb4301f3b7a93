// Package app is what the sub-commands do, once main has read the flags.
package app

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/prometheus/common/version"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
)

// load reads the config file; count is told of each request that a platform's collector sends.
func load(file string, types map[string]collector.New, count func(platform, code string)) (*config.Config, error) {
	cfg, err := config.Load(file, types, options(count))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; `intranet_exporter init` writes one to begin with, and `intranet_exporter demo` needs none", err)
	}
	return cfg, err
}

// options are what every collector gets.
func options(count func(platform, code string)) func(platform string) collector.Options {
	return func(platform string) collector.Options {
		return collector.Options{
			UserAgent: fmt.Sprintf("intranet_exporter/%s", version.Version),
			OnRequest: func(code string) { count(platform, code) },
		}
	}
}
