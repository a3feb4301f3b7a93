package web

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/intranet-exporter/intranet_exporter/docs"
)

func TestAlerts(t *testing.T) {
	r := do(newHandler(nil), "GET", "/alerts")
	root, err := html.Parse(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
	elements := func(name string) []*html.Node {
		return find(root, func(n *html.Node) bool { return n.Data == name })
	}
	if style := elements("style"); len(style) != 1 || !strings.Contains(policy, "'sha256-"+digest(style[0].FirstChild.Data)+"'") {
		t.Errorf("the policy %q does not allow the page's style", policy)
	}
	sections := regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(docs.Alerts), -1)
	headings := elements("h2")
	if len(headings) != len(sections) {
		t.Fatalf("there are %d sections, want %d", len(headings), len(sections))
	}
	for i, h := range headings {
		want := strings.ReplaceAll(strings.ToLower(sections[i][1]), " ", "-")
		if text(h) != sections[i][1] || attribute(h, "id") != want {
			t.Errorf("section %q has the id %q, want %q with %q", text(h), attribute(h, "id"), sections[i][1], want)
		}
	}
	if n := len(elements("table")); n < 3 {
		t.Errorf("there are %d tables, want at least 3", n)
	}
	links := elements("a")
	if len(links) < 10 {
		t.Errorf("there are %d links, want at least 10", len(links))
	}
	for _, a := range links {
		to := attribute(a, "href")
		if id, within := strings.CutPrefix(to, "#"); to != "./" && (!within || !slices.ContainsFunc(headings, func(h *html.Node) bool { return attribute(h, "id") == id })) {
			t.Errorf("%q leads to %q, which is not served", text(a), to)
		}
	}
	if all := text(root); !strings.Contains(all, "copy\nintranet.rules.yml beside your own file") {
		t.Errorf("a link to a file lost its text")
	}
}
