// Package docs holds the pages of this folder that the exporter serves: go:embed reaches no other folder than its own.
package docs

import _ "embed"

// Alerts is alerts.md.
//
//go:embed alerts.md
var Alerts []byte
