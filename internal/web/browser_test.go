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
	b.loaded()
}

// loaded waits until a page is there.
func (b *browser) loaded() {
	b.t.Helper()
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
	for name, page := range map[string]struct {
		View
		path string
	}{
		"ordinary": {ordinary(), "/"}, "hostile": {example(), "/"}, "empty": {empty, "/"},
		"kpi": {ordinary(), "/kpi/pages_created_weekly"}, "kpi-of-a-ratio": {ordinary(), "/kpi/monthly_active_ratio"},
		"kpi-hostile": {example(), "/kpi/survey"}, "kpi-proposed": {example(), "/kpi/drafts"},
	} {
		url := serve(t, page.View)
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
			b.open(url+page.path, window.width, window.height, window.scheme)
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

func TestAlertsInBrowser(t *testing.T) {
	b := browse(t)
	for name, width := range map[string]int{"wide": 1280, "phone": 360} {
		b.open(serve(t, ordinary())+"/alerts#intranetkpireviewdue", width, 800, "light")
		b.picture("alerts-" + name)
		var seen int
		if b.eval("document.documentElement.scrollWidth", &seen); seen > width {
			t.Errorf("%s is %d pixels wide, and has to be moved sideways", name, seen)
		}
		var at string
		if b.eval(`document.querySelector(":target").textContent`, &at); at != "IntranetKPIReviewDue" {
			t.Errorf("the link leads to %q", at)
		}
		for _, e := range b.events {
			if e.Method == "Log.entryAdded" && !bytes.Contains(e.Params, []byte("/favicon.ico")) {
				t.Errorf("%s: the browser complains: %s", name, e.Params)
			}
		}
	}
}

func TestOnPaper(t *testing.T) {
	b := browse(t)
	v := ordinary()
	v.People, v.Config.People = peopled().People, peopled().Config.People
	url := serve(t, v)
	for name, path := range map[string]string{"scorecard": "/", "kpi": "/kpi/pages_created_weekly"} {
		b.call("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
		b.open(url+path, 1280, 800, "dark") // paper is white, whatever the screen
		var paper struct{ Data []byte }
		for size, inches := range map[string][2]float64{"A4": {8.27, 11.69}, "Letter": {8.5, 11}} {
			b.call("Page.printToPDF", map[string]any{"paperWidth": inches[0], "paperHeight": inches[1], "preferCSSPageSize": true}, &paper)
			b.keep(name+"-"+size+".pdf", paper.Data)
			if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(paper.Data, -1)); n != 1 {
				t.Errorf("the page %s takes %d sheets of %s", name, n, size)
			}
		}
		b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print", "features": []map[string]string{{"name": schemes, "value": "dark"}}}, nil)
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 710, "height": 1040, "deviceScaleFactor": 2, "mobile": false}, nil)
		b.picture(name + "-paper")
		var ink string
		if b.eval("getComputedStyle(document.querySelector('path.target')).stroke", &ink); ink != "rgb(27, 31, 36)" {
			t.Errorf("the ink on paper is %s", ink)
		}
	}
}

// click clicks into the middle of an element, as a mouse or a finger does.
func (b *browser) click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	b.eval(`(() => {
		const e = document.querySelector("`+selector+`");
		e.scrollIntoView({block: "nearest"});
		const r = e.getClientRects()[0];
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2};
	})()`, &at)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// From the scorecard to a KPI and back to where one was, with a mouse and with a keyboard, wide and narrow.
func TestClicks(t *testing.T) {
	b := browse(t)
	url := serve(t, ordinary())
	arrived := func(want string) {
		t.Helper()
		b.loaded()
		var at string
		if b.eval("location.href", &at); at != url+want {
			t.Fatalf("it leads to %s, want %s", at, want)
		}
	}
	press := func(key, text string, code int) {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code}, nil)
		b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
	for _, width := range []int{1280, 320} {
		b.open(url, width, 740, "light")
		b.events = nil
		b.click("#kpi-monthly_active_ratio th a")
		arrived("/kpi/monthly_active_ratio")
		var heading string
		if b.eval("document.querySelector('h1').textContent", &heading); heading != "Colleagues who are there every month" {
			t.Errorf("the page of the KPI is headed %q", heading)
		}
		var open bool
		b.click("summary")
		if b.eval("document.querySelector('details').open && document.querySelector('.weeks').getClientRects().length > 0", &open); !open {
			t.Error("the weeks are not shown")
		}
		b.events = nil
		b.click("header a")
		arrived("/#kpi-monthly_active_ratio")
		var seen bool
		b.eval("(() => { const r = document.querySelector('#kpi-monthly_active_ratio').getBoundingClientRect(); return r.top >= 0 && r.top < innerHeight })()", &seen)
		if !seen {
			t.Errorf("at %d pixels one does not come back to where one was", width)
		}
		b.events = nil
		press("Tab", "", 9) // goes on from the row
		press("Enter", "\r", 13)
		arrived("/kpi/monthly_active_ratio")
		b.events = nil
		press("Tab", "", 9)
		press("Enter", "\r", 13)
		arrived("/#kpi-monthly_active_ratio")
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
	url := serve(t, example())
	for _, path := range []string{"/", "/kpi/survey"} {
		b.open(url+path, 1280, 800, "light")
		const stops = `[...document.querySelectorAll("a, summary")]`
		var all int
		b.eval(stops+".length", &all)
		for i := range all {
			for _, kind := range []string{"keyDown", "keyUp"} {
				b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}, nil)
			}
			var at struct {
				Index   int
				Outline string
			}
			b.eval(`({Index: `+stops+`.indexOf(document.activeElement), Outline: getComputedStyle(document.activeElement).outlineStyle})`, &at)
			if at.Index != i || at.Outline != "solid" {
				t.Errorf("%s: tab %d leads to stop %d with an outline that is %s", path, i, at.Index, at.Outline)
			}
		}
	}
}
