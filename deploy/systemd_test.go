package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

const unitFile = "systemd/intranet_exporter.service"

func TestUnit(t *testing.T) {
	analyze := need.Program(t, "systemd-analyze")
	t.Run("verify", func(t *testing.T) {
		// It looks for the program, which is not installed here. What is only suggested is verified too.
		unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
		write(t, unit, strings.NewReplacer("/usr/local/bin/intranet_exporter", "/bin/true", "\n#LoadC", "\nLoadC", "\n#IPA", "\nIPA").Replace(read(t, unitFile)))
		if out := run(t, analyze, "verify", unit); out != "" {
			t.Error(out)
		}
	})
	t.Run("security", func(t *testing.T) {
		// From 0, exposed to nothing, to 100. What is left is the network, which it is for.
		run(t, analyze, "security", "--offline=true", "--threshold=15", unitFile)
	})
}
