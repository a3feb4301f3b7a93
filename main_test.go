package main

import (
	"os"
	"path/filepath"
	"testing"
)

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
