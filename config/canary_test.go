package config_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/config"
	"github.com/intranet-exporter/intranet_exporter/internal/canary"
)

// planted are a password and a person, in shapes that a value, a key and a piece of YAML may have.
var planted = []string{"12Kanariegeheim", "Jörg Kanarienvogel", "kanarie.vogel@volierepost.example", "https://voliere:geheim-kanarie@127.0.0.1:port"}

// http are keys that the examples have no room for.
const http = `
platforms:
  - name: wiki
    type: mediawiki
    url: https://wiki.example.org/w/api.php
    http_client:
      authorization: {type: Bearer, credentials: x}
      proxy_url: http://proxy.example.org:3128
      proxy_connect_header: {X-Proxy: [x]}
      follow_redirects: false
      enable_http2: true
      http_headers: {X-Key: {values: [x], secrets: [x], files: [x]}}
      tls_config: {ca: x, cert: x, key: x, server_name: wiki, min_version: TLS12, insecure_skip_verify: false}
  - name: second
    type: mediawiki
    url: https://wiki.example.org/w/api.php
    http_client:
      oauth2:
        client_id: x
        client_secret: x
        token_url: https://idp.example.org/token
        scopes: [x]
        endpoint_params: {audience: x}
  - name: directory
    type: microsoft365
    product: entra
    tenant: 00000000-0000-0000-0000-000000000000
    client_id: 00000000-0000-0000-0000-000000000000
    client_secret_file: x
    cloud: global
    login_url: https://login.example.org
    graph_url: https://graph.example.org
    download_domains: [example.org]
`

// TestMistakesQuoteNothing plants what must not come out in the place of every value and every key, and between the
// lines, of valid files.
func TestMistakesQuoteNothing(t *testing.T) {
	files := []string{http}
	for _, name := range []string{"complete.yml", "microsoft365.yml"} {
		content, err := os.ReadFile("../examples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(content))
	}
	search := canary.For(planted...)
	mistakes := 0
	try := func(what string, content []byte) {
		t.Helper()
		cfg, err := config.Parse("intranet.yml", content, collector.Types, func(string) collector.Options { return collector.Options{} })
		said := fmt.Sprint(err)
		if err != nil {
			mistakes++
		} else {
			said = fmt.Sprint(cfg.Warnings)
		}
		for _, found := range search.In([]byte(said)) {
			t.Errorf("%s: found %s", what, found)
		}
	}
	for _, content := range files {
		try("untouched", []byte(content))
		if mistakes > 0 {
			t.Fatal("the files have mistakes, and so prove nothing")
		}
		for _, secret := range planted {
			nodes := scalars(t, content)
			for _, n := range nodes[:len(nodes)-1] {
				before := *n
				*n = yaml.Node{Kind: yaml.ScalarNode, Value: secret}
				changed, err := yaml.Marshal(nodes[len(nodes)-1])
				if err != nil {
					t.Fatal(err)
				}
				*n = before
				try(fmt.Sprintf("%q instead of %q", secret, n.Value), changed)
			}
		}
		mistakes = 0
	}
	for _, content := range files {
		lines := strings.SplitAfter(content, "\n")
		for _, secret := range planted {
			for _, form := range []string{
				"%s\n", "%s: %[1]s\n", ": %s\n", "- %s\n", "*%s\n", "&%s\n", "&%[1]s [*%[1]s]\n", "!%s\n", "!!int %s\n", "!<%s> x\n", "%%%s\n", "%%TAG !%s! x\n",
				"@%s\n", "`%s`\n", "{%s\n", "{%s}\n", "[%s\n", "'%s\n", "\"%s\n", `"\%s"` + "\n", "\t%s\n", "? %s\n", "| %s\n", "<<: %s\n", "--- %s\n", "...%s\n", "\x00%s\n", "\xff%s\n",
			} {
				for i := len(form) % 11; i < len(lines); i += 11 {
					indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " -"))]
					indent = strings.Repeat(" ", len(indent))
					said := fmt.Sprintf(form, secret)
					try(fmt.Sprintf("%q before line %d", said, i+1), []byte(strings.Join(lines[:i], "")+indent+said+strings.Join(lines[i:], "")))
				}
				try(fmt.Sprintf("%q at the end", form), bytes.TrimRight([]byte(content+fmt.Sprintf(form, secret)), "\n"))
			}
		}
	}
	if mistakes < 1000 {
		t.Errorf("only %d mistakes were made", mistakes)
	}
}

// scalars are all texts of a file, keys too; the last one is the whole.
func scalars(t *testing.T, content string) []*yaml.Node {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(content), &root); err != nil {
		t.Fatal(err)
	}
	var all []*yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			all = append(all, n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&root)
	return append(all, &root)
}
