package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// schemes is what CSS calls light and dark.
const schemes = "prefers-color-scheme" //nolint:misspell // it is American

var pictures = flag.String("pictures", "", "folder that pictures of the page are written to")

// A browser is a headless Chromium with one page open, which is told what to do over a pipe.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
	events  []message
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// browse starts Chromium.
func browse(t *testing.T) *browser {
	t.Helper()
	program := need.Program(t, "chromium")
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir="+profile, "--remote-debugging-pipe")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	t.Cleanup(func() {
		_ = in.Close() // it ends when nobody tells it anything any more
		if err := cmd.Wait(); err != nil {
			t.Logf("chromium ended: %v", err)
		}
		_ = out.Close()
	})
	b := &browser{t: t, to: in, from: bufio.NewReader(out)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call calls a method of the DevTools protocol.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.last++
	raw, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	if params == nil {
		raw = nil
	}
	question, err := json.Marshal(message{ID: b.last, Session: b.session, Method: method, Params: raw})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(question, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		m := b.next()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// next reads the next message, and keeps it if it is an event.
func (b *browser) next() message {
	b.t.Helper()
	raw, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(raw[:len(raw)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	if m.Method != "" {
		b.events = append(b.events, m)
	}
	return m
}

// open opens a page in a window of that size, and waits until it is there.
func (b *browser) open(url string, width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": schemes, "value": scheme}}}, nil)
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	for {
		for _, e := range b.events {
			if e.Method == "Page.loadEventFired" {
				return
			}
		}
		b.next()
	}
}

// eval returns the value of a JavaScript expression, which a page without scripts still answers.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	if err := json.Unmarshal(r.Result.Value, value); err != nil {
		b.t.Fatal(err)
	}
}

// picture keeps what is seen, whatever its height, if somebody wants to look at it.
func (b *browser) picture(name string) {
	b.t.Helper()
	if *pictures != "" {
		var shot struct{ Data []byte }
		b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
		b.keep(name+".png", shot.Data)
	}
}

func (b *browser) keep(name string, content []byte) {
	b.t.Helper()
	if *pictures != "" {
		if err := os.WriteFile(filepath.Join(*pictures, name), content, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// serve serves the page until the test ends.
func serve(t *testing.T, v View) string {
	server := httptest.NewServer(newHandler(func(o *Options) { o.View = func() View { return v } }))
	t.Cleanup(server.Close)
	return server.URL
}

func TestInBrowser(t *testing.T) {
	b := browse(t)
	empty := ordinary()
	empty.KPIs, empty.Config.Objectives = nil, nil
	for name, v := range map[string]View{"ordinary": ordinary(), "hostile": example(), "empty": empty} {
		url := serve(t, v)
		for _, window := range []struct {
			name          string
			width, height int
			scheme        string
		}{
			{"wide", 1280, 800, "light"},
			{"docs", 1200, 800, "light"}, // docs/scorecard.png
			{"dark", 1280, 800, "dark"},
			{"tablet", 850, 1100, "light"},
			{"zoomed", 640, 400, "light"}, // 200 % of 1280
			{"phone", 360, 740, "light"},
			{"phone-dark", 360, 740, "dark"},
			{"narrowest", 320, 480, "light"}, // 400 % of 1280
		} {
			at := name + "-" + window.name
			b.open(url, window.width, window.height, window.scheme)
			b.picture(at)

			var seen int
			if b.eval("document.documentElement.scrollWidth", &seen); seen > window.width {
				t.Errorf("%s is %d pixels wide, and has to be moved sideways", at, seen)
			}
			var outside []string
			b.eval(`[...document.querySelectorAll("body *")]
				.filter(e => !e.closest("caption, thead, pre") && e.getBoundingClientRect().right > innerWidth + 1)
				.map(e => e.outerHTML.slice(0, 80))`, &outside)
			if len(outside) > 0 {
				t.Errorf("%s: these stick out: %q", at, outside)
			}
			var margin string
			if b.eval("getComputedStyle(document.body).marginTop", &margin); margin != "0px" {
				t.Errorf("%s: the style is not in force", at)
			}
			for _, e := range b.events {
				switch {
				case e.Method == "Log.entryAdded" && !bytes.Contains(e.Params, []byte("/favicon.ico")):
					t.Errorf("%s: the browser complains: %s", at, e.Params)
				case e.Method == "Network.requestWillBeSent" && !bytes.Contains(e.Params, []byte(url)):
					t.Errorf("%s: the page asks somebody else: %s", at, e.Params)
				}
			}
		}
	}
}

func TestOnPaper(t *testing.T) {
	b := browse(t)
	b.open(serve(t, ordinary()), 1280, 800, "dark") // paper is white, whatever the screen
	var paper struct{ Data []byte }
	b.call("Page.printToPDF", map[string]any{"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true}, &paper)
	b.keep("paper.pdf", paper.Data)
	if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(paper.Data, -1)); n != 1 {
		t.Errorf("three objectives with seven KPIs take %d pages", n)
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print", "features": []map[string]string{{"name": schemes, "value": "dark"}}}, nil)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 710, "height": 1040, "deviceScaleFactor": 2, "mobile": false}, nil)
	b.picture("paper")
	var ink string
	if b.eval("getComputedStyle(document.querySelector('path')).stroke", &ink); ink != "rgb(27, 31, 36)" {
		t.Errorf("the ink on paper is %s", ink)
	}
}

// On a phone the tables look like cards, and are tables to those who hear them.
func TestTablesStayTables(t *testing.T) {
	b := browse(t)
	url := serve(t, ordinary())
	for _, width := range []int{1280, 360} {
		b.open(url, width, 740, "light")
		var tree struct {
			Nodes []struct {
				Ignored bool
				Role    struct{ Value any }
			}
		}
		b.call("Accessibility.getFullAXTree", nil, &tree)
		roles := map[any]int{}
		for _, n := range tree.Nodes {
			if !n.Ignored {
				roles[n.Role.Value]++
			}
		}
		for role, want := range map[string]int{"table": 4, "caption": 4, "columnheader": 3*5 + 4, "rowheader": 7 + 3, "cell": 7*4 + 2 + 3*3, "heading": 5, "banner": 1, "main": 1, "contentinfo": 1} {
			if roles[role] != want {
				t.Errorf("at %d pixels there are %d of %s, want %d", width, roles[role], role, want)
			}
		}
	}
}

// Somebody without a mouse gets everywhere, and sees where they are.
func TestKeyboard(t *testing.T) {
	b := browse(t)
	b.open(serve(t, example()), 1280, 800, "light")
	var links int
	b.eval("document.links.length", &links)
	for i := range links {
		for _, kind := range []string{"keyDown", "keyUp"} {
			b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}, nil)
		}
		var at struct {
			Index   int
			Outline string
		}
		b.eval(`({Index: [...document.links].indexOf(document.activeElement), Outline: getComputedStyle(document.activeElement).outlineStyle})`, &at)
		if at.Index != i || at.Outline != "solid" {
			t.Errorf("tab %d leads to link %d with an outline that is %s", i, at.Index, at.Outline)
		}
	}
}
