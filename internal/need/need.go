// Package need has what tests of several packages need. Where a program or a server is missing that does not come with Go,
// a test is skipped; with INTRANET_TEST_TOOLS=required it fails, so that nobody believes in what did not run.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of a program that e2e/install.sh installs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed; e2e/install.sh does that")
	}
	return path
}

// Server returns what the variable says about a server.
func Server(t testing.TB, variable, what string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		missing(t, "set "+variable+" to "+what)
	}
	return value
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("INTRANET_TEST_TOOLS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Contract returns the name of a file with a platform's published description. These are not part of the project: the
// variable INTRANET_CONTRACTS says in which folder they are, and without it a test that wants one is skipped.
func Contract(t testing.TB, file string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("INTRANET_CONTRACTS"), file)
	if _, err := os.Stat(path); os.Getenv("INTRANET_CONTRACTS") == "" || err != nil {
		t.Skipf("INTRANET_CONTRACTS does not name a folder with %s", file)
	}
	return path
}
