//go:build e2e

package e2e

import (
	"crypto/rand"
	"net"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// TestDatabases runs the tests of the collector for databases that need real ones.
func TestDatabases(t *testing.T) {
	p := newPostgres(t)
	cmd := exec.Command("go", "test", "-count", "1", "-v", "-run", "^Test(SQL|MariaDB)", "../collector")
	cmd.Env = environ("INTRANET_TEST_TOOLS=required", "INTRANET_TEST_POSTGRES="+p.dsn("admin", p.password, "postgres"), "INTRANET_TEST_MARIADB="+newMariaDB(t))
	t.Log(run(t, cmd))
}

// newMariaDB starts MariaDB with nothing in it but its tables of time zones, and returns the DSN of its superuser.
func newMariaDB(t *testing.T) string {
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, at, password := t.TempDir(), address(t), rand.Text()
	host, port, _ := net.SplitHostPort(at)
	command := func(name string, args ...string) *exec.Cmd {
		return exec.Command(name, append([]string{"--no-defaults", "--user=" + u.Username, "--datadir=" + filepath.Join(dir, "data")}, args...)...)
	}
	run(t, command("mariadb-install-db", "--skip-test-db"))
	zones, err := exec.Command("mysql_tzinfo_to_sql", "/usr/share/zoneinfo").Output()
	if err != nil {
		t.Fatalf("mysql_tzinfo_to_sql: %s", err)
	}
	bootstrap := command("mariadbd", "--bootstrap")
	bootstrap.Stdin = strings.NewReader("FLUSH PRIVILEGES;\nALTER USER root@localhost IDENTIFIED BY '" + password + "';\nUSE mysql;\n" + string(zones))
	run(t, bootstrap)
	start(t, "mariadbd", command("mariadbd", "--bind-address="+host, "--port="+port, "--socket="+filepath.Join(dir, "socket"),
		"--innodb-flush-log-at-trx-commit=0")).listening(t, at)
	return "root:" + password + "@tcp(" + at + ")/"
}
