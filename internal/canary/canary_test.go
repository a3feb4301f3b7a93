package canary

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/go-kit/log"
)

const (
	name = "Jörg Kanarienvogel"
	id   = "918273645546372819"
)

func TestFound(t *testing.T) {
	var logfmt, jsonLog bytes.Buffer
	_ = log.NewLogfmtLogger(&logfmt).Log("msg", "a", "err", `list "`+name+`"`)
	_ = log.NewJSONLogger(&jsonLog).Log("msg", "a", "err", fmt.Sprintf("%q", name))
	marshalled, _ := json.Marshal(map[string]string{"name": "<" + name + ">"})
	for as, output := range map[string]string{
		"itself":             "x" + name + "y",
		"a part":             "_kanarienvogel_",
		"capitals":           strings.ToUpper(name),
		"title case":         strings.ToLower(name),
		"logfmt":             logfmt.String(),
		"JSON log":           jsonLog.String(),
		"JSON":               string(marshalled),
		"%x":                 fmt.Sprintf("%x", "ab"+name+"c"),
		"%X":                 fmt.Sprintf("%X", name),
		"%+q":                fmt.Sprintf("%+q", name),
		"query":              url.Values{"q": {name}}.Encode(),
		"path":               (&url.URL{Path: "/User:" + name}).String(),
		"HTML":               html.EscapeString("<b>" + name + "</b>"),
		"over two lines":     "Jörg Kanari\n   envogel",
		"escaped line break": `Jörg Kanari\nenvogel`,
		"table":              "| Jörg |\n| Kanarienvogel |",
		"id":                 "account=" + id,
		"id in state":        string(binary.LittleEndian.AppendUint64([]byte{1, 2, 3}, 918273645546372819)),
		"id in hex":          fmt.Sprintf("%#x", 918273645546372819),
		"%v of bytes":        fmt.Sprintf("%d", []byte("an "+name)),
		"id as a metric":     fmt.Sprint(float64(918273645546372819)),
	} {
		if len(For(name, id).In([]byte(output))) == 0 {
			t.Errorf("%s: not found in %q", as, output)
		}
	}
	for as, b := range written(name) {
		output := append(append([]byte("some \x00 before "), b...), " and after"...)
		if len(For(name).In(output)) == 0 {
			t.Errorf("%s: not found", as)
		}
	}
	for before := range 4 {
		encoded, _ := json.Marshal([]byte(strings.Repeat("x", before) + name + "yyyy"))
		if len(For(name).In(encoded)) == 0 {
			t.Errorf("base64 after %d bytes: not found", before)
		}
	}
}

func TestNotFound(t *testing.T) {
	for _, output := range []string{
		"", "Jörg", "vogel", "9182", "intranet_accounts{platform=\"wiki\"} 60\n", "the wiki refuses the request", "5f4dcc3b5aa765d61d8327deb882cf99",
	} {
		if found := For(name, id).In([]byte(output)); found != nil {
			t.Errorf("%q: %q", output, found)
		}
	}
}
