package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

// beyond are the bad files that no schema can tell from good ones: what is wrong with them hangs on another value, on
// what the platforms deliver, on what day it is, on how YAML writes a value, or on the meaning of a text.
var beyond = strings.Fields(`
accounts-interval-shorter-than-poll accounts-interval-too-long anchor baseline-date-in-the-future
baseline-negative baseline-over-one claims-nested-too-deeply claims-with-alias complete-at-percent complete-at-zero
count-negative custom-other-window custom-unknown dashboard-no-address dashboard-with-password decision-in-the-future
decisions-out-of-order duration-overflow escaped-nul exclude-any-character exclude-everybody exclude-no-regular-expression
exclude-of-two-lines hexadecimal-number http-client-header-reserved http-client-oauth2-without-address
http-client-tls-version http-client-two-logins integer-too-large kpi-name-twice max-age-too-short-for-accounts
max-age-too-short-for-settle measure-not-configured measure-not-delivered-by-any measure-not-delivered merge-key
merge-of-an-anchor
microsoft365-accounts-report-of-entra microsoft365-accounts-unknown microsoft365-certificate-without-key
microsoft365-client-id-no-id microsoft365-cloud-unknown microsoft365-cloud-without-reports
microsoft365-download-domains-empty microsoft365-download-domains-wrong microsoft365-graph-url-with-query
microsoft365-login-url-no-address microsoft365-other-login microsoft365-product-unknown
microsoft365-profile-field-unknown microsoft365-profile-of-report microsoft365-secret-and-certificate
microsoft365-sign-ins-of-sharepoint microsoft365-sign-ins-retention-too-short microsoft365-sign-ins-source-unknown
microsoft365-sign-ins-summary-of-application microsoft365-sign-ins-without-application
microsoft365-sites-of-viva-engage microsoft365-sites-wrong microsoft365-stale-after-too-short
microsoft365-tenant-domain microsoft365-without-everything
note-twice number-with-underscore objective-name-twice octal-looking-number order-drop order-equal
order-higher-critical-above-target order-higher order-lower order-range-below-over-above order-range-critical-inside
order-range-target-outside order-rise people-of-one-platform people-of-one-window
people-on-a-platform people-per-accounts people-without-logins people-workforce-anonymous people-workforce-unknown
people-workforce-without-accounts per-itself per-not-delivered per-of-another-platform per-of-another-window
per-of-ratio per-windowed-of-moment platform-can-not-be-made platform-key-missing platform-name-people
platform-name-twice platform-not-told platform-people platform-several-keys-wrong platform-unknown
poll-interval-too-short profile-without-fields ratio-negative ratio-over-one retired-alone retired-ratio
settle-too-long site-unknown sustain-too-long tag time-zone-local time-zone-unknown timeout-zero two-documents window-1d-with-drop
window-1d-with-threshold window-missing window-on-moment window-unknown within-zero
`)

func TestSchemaKnowsGoodFromBad(t *testing.T) {
	ours, fakes := validator(t, collector.Types), validator(t, fakeTypes)
	for pattern, s := range map[string]*jsonschema.Schema{
		"../examples/*.yml": ours, "testdata/good/*.yml": fakes,
	} {
		for _, file := range glob(t, pattern) {
			if err := validate(t, s, file); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	var passed []string
	for _, file := range glob(t, "testdata/bad/*.yml") {
		if validate(t, fakes, file) == nil {
			passed = append(passed, strings.TrimSuffix(filepath.Base(file), ".yml"))
		}
	}
	if diff := cmp.Diff(beyond, passed); diff != "" {
		t.Errorf("files that the schema takes for good (-want +got)\n%s", diff)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

// validator returns the schema of a file with platforms of these types.
func validator(t *testing.T, types map[string]collector.New) *jsonschema.Schema {
	t.Helper()
	g := newGenerator(t)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(g.file(types)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat() // of dates
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("schema.json")
}

// validate checks a file as an editor does that has the schema.
func validate(t *testing.T, s *jsonschema.Schema, file string) error {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return err
	}
	withoutDates(&root)
	var v any
	if err := root.Decode(&v); err != nil {
		return err
	}
	return s.Validate(v)
}

// withoutDates makes texts of dates, as editors do: YAML 1.2 has none.
func withoutDates(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		withoutDates(c)
	}
}
