package main

import (
	"bytes"
	"log" //nolint:depguard // it is what must be silent
	"os"
	"path/filepath"
	"testing"
)

// TestStandardLog holds that nothing of what libraries write to the standard log comes out: net/http quotes there what
// a platform sends behind its answer.
func TestStandardLog(t *testing.T) {
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer func(before *os.File) { os.Stderr = before }(os.Stderr)
	os.Stderr = stderr
	run(t.Context(), []string{"--log.level=debug", "check", "--config.file", filepath.Join(t.TempDir(), "none.yml")})
	log.Print("Ada")
	if written, err := os.ReadFile(stderr.Name()); err != nil || bytes.Contains(written, []byte("Ada")) {
		t.Errorf("%s, %v", written, err)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	written, broken := filepath.Join(dir, "intranet.yml"), filepath.Join(dir, "broken.yml")
	if err := os.WriteFile(broken, []byte("platforms: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		want int
		args []string
	}{
		{2, []string{"--nonsense"}},
		{2, []string{"init", "--output", written, "--platform=nonsense"}},
		{0, []string{"init", "--output", written, "--platform=mediawiki"}},
		{1, []string{"init", "--output", written, "--platform=mediawiki"}},
		{0, []string{"check", "--config.file", written}},
		{0, []string{"check", "--config.file", written, "--format=json"}},
		{1, []string{"check", "--config.file", written, "--live"}}, // there is no password yet
		{1, []string{"check", "--config.file", broken}},
		{1, []string{"check", "--config.file", filepath.Join(dir, "none.yml")}},
		{2, []string{"check", "--config.file", written, "--format=table"}},
		{2, []string{"check", "--config.file", written, "--live", "--format=json"}},
		{2, []string{"poll", "--config.file", written, "--platform=nonsense"}},
		{1, []string{"poll", "--config.file", written}},
	} {
		if got := run(t.Context(), tc.args); got != tc.want {
			t.Errorf("%q exits with %d, want %d", tc.args, got, tc.want)
		}
	}
}
