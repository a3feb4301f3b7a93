package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	source "github.com/yuin/goldmark/text"

	"github.com/intranet-exporter/intranet_exporter/docs"
)

//go:embed alerts.html
var alertsMarkup string

// alerts is docs/alerts.md as a page: notifications link to it, and many an intranet can't reach the world outside.
var alerts = func() []byte {
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := markdown.Parser().Parse(source.NewReader(docs.Alerts))
	unlinkFiles(root)
	var content, page bytes.Buffer
	if err := markdown.Renderer().Render(&content, docs.Alerts, root); err != nil {
		panic(err)
	}
	err := template.Must(template.New("alerts").Parse(alertsMarkup)).Execute(&page, map[string]any{
		"Style": template.CSS(style), "Content": template.HTML(content.String()),
	})
	if err != nil {
		panic(err)
	}
	return page.Bytes()
}()

// unlinkFiles leaves the text alone of a link to another file of the repository, which is not served.
func unlinkFiles(root ast.Node) {
	var links []*ast.Link
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering && !strings.HasPrefix(string(link.Destination), "#") {
			links = append(links, link)
		}
		return ast.WalkContinue, nil
	})
	for _, link := range links {
		for child := link.FirstChild(); child != nil; child = link.FirstChild() {
			link.Parent().InsertBefore(link.Parent(), link, child)
		}
		link.Parent().RemoveChild(link.Parent(), link)
	}
}

func serveAlerts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(alerts)
}
