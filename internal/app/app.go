// Package app is what the sub-commands do, once main has read the flags.
package app

import (
	"fmt"

	"github.com/prometheus/common/version"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
)

// load reads the config file; count is told of each request that a platform's collector sends.
func load(file string, types map[string]collector.New, count func(platform, code string)) (*config.Config, error) {
	return config.Load(file, types, options(count))
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
