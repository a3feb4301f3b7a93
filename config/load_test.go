package config

import "testing"

func TestDefaults(t *testing.T) {
	c, err := Load("testdata/good/minimal.yml", fakeTypes, fakeOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", c.Platforms[0])
}
