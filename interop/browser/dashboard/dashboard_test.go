package dashboard_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rivet-go/rivet/interop/browser/chromium"
)

var screenshots = flag.String("screenshots", "", "`folder` to write the screenshots of the README to")

// TestDashboard does what the page is for: it watches values move, does harm, and
// sees the page tell of it and everything come back.
func TestDashboard(t *testing.T) {
	browser := chromium.Start(t)
	file := build(t)
	p := start(t, file, freeAddr(t))

	var stopping atomic.Bool
	tab := chromium.Open(t, browser, p.url, func(m chromedp.ConsoleMessage) {
		if (m.Type == "error" || m.Type == chromedp.ConsoleException) && !stopping.Load() {
			t.Errorf("the page reports: %v", m)
		}
	})
	do(t, tab, chromedp.Evaluate[chromedp.Void](`window.num = id => Number(document.getElementById(id).textContent.replaceAll(",", "")); undefined`))
	wait := func(t *testing.T, what, expression string) {
		t.Helper()
		chromium.Wait(t, tab, what, expression)
	}
	click := func(t *testing.T, selector string) {
		t.Helper()
		do(t, tab, chromedp.Click(selector, chromedp.NodeVisible))
	}

	t.Run("values move", func(t *testing.T) {
		wait(t, "not all machines are connected", `document.querySelectorAll('.tile[data-status="connected"]').length === 48`)
		wait(t, "the page does not say so", `document.getElementById("up").textContent === "48 of 48"`)
		do(t, tab, chromedp.Evaluate[chromedp.Void](`window.before = [...document.querySelectorAll(".tile .value")].map(v => v.textContent); undefined`))
		wait(t, "a value does not move", `[...document.querySelectorAll(".tile .value")].every((v, i) => v.textContent.endsWith("°C") && v.textContent !== before[i])
			|| ([...document.querySelectorAll(".tile .value")].forEach((v, i) => { if (v.textContent !== before[i]) before[i] = "moved"; }), before.every(v => v === "moved"))`)
		wait(t, "there is no rate", `num("rate") > 400 && num("rate") < 600`)
		wait(t, "there is no latency", `/^[0-9.]+ ms$/.test(document.getElementById("p50").textContent)`)
		wait(t, "there is no sparkline", `[...document.querySelectorAll(".tile .line")].every(l => (l.getAttribute("d") ?? "").includes("L"))`)
	})

	t.Run("nothing is loaded from elsewhere", func(t *testing.T) {
		const resources = `performance.getEntriesByType("resource").map(r => r.name)`
		for _, name := range evaluate[[]string](t, tab, resources) {
			if !strings.HasPrefix(name, p.url) && !strings.HasPrefix(name, "data:") {
				t.Errorf("the page loads %s", name)
			}
		}
	})

	t.Run("another browser sees what was", func(t *testing.T) {
		second := chromium.Open(t, browser, p.url, nil)
		chromium.Wait(t, second, "its sparklines are empty", `document.querySelector("#machine-0 .line")?.getAttribute("d")?.split("L").length > 4`)
	})

	t.Run("a rate changes", func(t *testing.T) {
		do(t, tab, chromedp.Evaluate[chromedp.Void](`{
			const select = document.querySelector("#machine-5 select");
			select.value = "100";
			select.dispatchEvent(new Event("change"));
		}`))
		wait(t, "the machine does not send more", `parseInt(document.querySelector("#machine-5 .per").textContent) > 60`)
		wait(t, "the others do, too", `parseInt(document.querySelector("#machine-6 .per").textContent) < 30`)
	})

	t.Run("a cut connection comes back", func(t *testing.T) {
		click(t, "#machine-7 button")
		wait(t, "the page does not show that it is down", `document.querySelector("#machine-7").dataset.status === "disconnected"
			&& /^attempt \d+ in [0-9.]+ s$/.test(document.querySelector("#machine-7 .state").textContent)`)
		wait(t, "it is not counted", `document.getElementById("up").textContent === "47 of 48"`)
		wait(t, "it does not come back", `document.querySelector("#machine-7").dataset.status === "connected"`)
		wait(t, "the gap is not told", `/^\d+ missed, 1 gap$/.test(document.querySelector("#machine-7 .state").textContent)`)
		wait(t, "the gap does not show in the sparkline", `document.querySelector("#machine-7 .lost").getAttribute("d") !== ""`)
		wait(t, "the journal does not tell", `["lost", "back", "gap"].every(kind => document.querySelector("#journal ." + kind)?.textContent.includes("A mixer 2"))`)
		wait(t, "others suffered", `document.querySelectorAll(".tile.suffered").length === 1`)
	})

	t.Run("a hall reconnects", func(t *testing.T) {
		click(t, `[aria-label="Pull the cables of hall B"]`)
		wait(t, "they are not down", `document.getElementById("up").textContent === "36 of 48"`)
		capture(t, tab, "dashboard-cut", 1440, 900, "dark")
		wait(t, "they are not back", `document.getElementById("up").textContent === "48 of 48"`)
	})

	t.Run("a stalled consumer drops by its policy", func(t *testing.T) {
		click(t, `#testerrates [data-rate="100"]`)
		wait(t, "the setting is not shown", `document.querySelector('#testerrates [data-rate="100"]').ariaPressed === "true"`)
		for _, policy := range []string{"DropOldest", "DropNewest", "Latest", "Block", "Fail"} {
			click(t, "#consumer-"+policy+" button")
		}
		const full = `document.querySelector("#consumer-%s .meter").ariaValueNow >= 200`
		for _, policy := range []string{"DropOldest", "DropNewest", "Block"} {
			wait(t, policy+" does not fill its buffer", fmt.Sprintf(full, policy))
		}
		const dropped = `parseInt(document.querySelector("#consumer-%s .dropped").textContent.replaceAll(",", "")) > 0`
		for _, policy := range []string{"DropOldest", "DropNewest", "Latest"} {
			wait(t, policy+" does not drop", fmt.Sprintf(dropped, policy))
		}
		wait(t, "Block drops", `document.querySelector("#consumer-Block .dropped").textContent === "0"`)
		capture(t, tab, "dashboard-light", 1440, 900, "light")
		for _, policy := range []string{"DropOldest", "DropNewest", "Latest", "Block", "Fail"} {
			click(t, "#consumer-"+policy+" button")
		}
		wait(t, "the loss is not told", `document.querySelector("#consumer-DropOldest .told").textContent.includes("dropped")`)
		wait(t, "Fail does not say why it has ended", `document.querySelector("#consumer-Fail .told").textContent.includes("loop ended")`)
		wait(t, "Block has not caught up", `parseInt(document.querySelector("#consumer-Block .behind").textContent) < 50
			&& document.querySelector("#consumer-Block .dropped").textContent === "0"`)
	})

	t.Run("a stalled fan-in drops", func(t *testing.T) {
		click(t, `#allrates [data-rate="1000"]`)
		wait(t, "the machines do not send more", `num("rate") > 10000`)
		click(t, "#stall")
		wait(t, "nothing is dropped", `num("dropped") > 1000`)
		click(t, "#stall")
		wait(t, "what was missed is not shown", `num("missed") > 1000`)
		click(t, `#allrates [data-rate="10"]`)
		wait(t, "it does not calm down", `num("rate") > 0 && num("rate") < 1000`)
	})

	t.Run("the page fits a phone", func(t *testing.T) {
		capture(t, tab, "dashboard-phone", 390, 844, "light")
		if over := evaluate[int](t, tab, `document.scrollingElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("it is %d pixels too wide", over)
		}
		small := evaluate[[]string](t, tab, `[...document.querySelectorAll("button, select")]
			.filter(b => b.getBoundingClientRect().height < 40).map(b => b.ariaLabel ?? b.textContent)`)
		if len(small) > 0 {
			t.Errorf("too small for a finger: %q", small)
		}
		resize(t, tab, 1440, 900, "light")
	})

	t.Run("what people read has contrast", func(t *testing.T) {
		for _, scheme := range []string{"light", "dark"} {
			resize(t, tab, 1440, 900, scheme)
			for _, bad := range evaluate[[]string](t, tab, contrast) {
				t.Errorf("%s: %s", scheme, bad)
			}
		}
	})

	all := t // whose program outlives the part of it
	t.Run("the page survives a restart of the program", func(t *testing.T) {
		stopping.Store(true)
		p.stop(t)
		wait(t, "the page does not say that the program is away", `document.body.dataset.live === "no"`)
		p = start(all, file, p.addr())
		wait(t, "the page does not come back", `document.body.dataset.live === "yes"`)
		wait(t, "the machines do not come back", `document.getElementById("up").textContent === "48 of 48" && num("rate") > 400`)
		wait(t, "what was is still there", `num("missed") === 0`)
	})
	p.stop(t)
}

func TestAddressInUse(t *testing.T) {
	file := build(t)
	p := start(t, file, freeAddr(t))
	defer p.stop(t)
	out, err := exec.CommandContext(t.Context(), file, "-addr", p.addr()).CombinedOutput()
	if text := string(out); err == nil || !strings.Contains(text, "-addr takes another") || strings.Contains(text, "the plant is at") {
		t.Errorf("%v: %s", err, text)
	}
}

// contrast returns what is harder to read than WCAG's level AA allows.
const contrast = `(() => {
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
		return .2126 * x + .7152 * y + .0722 * z;
	};
	const parts = (color) => color.match(/[0-9.]+/g).map(Number);
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const color = parts(getComputedStyle(e).backgroundColor);
			if (color.length === 3) return color;
		}
		return [255, 255, 255];
	};
	const bad = new Set();
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim()) || !e.checkVisibility()) continue;
		const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		const ratio = (a + .05) / (b + .05);
		if (ratio < 4.5) bad.add(e.tagName + "." + e.className + " has a contrast of " + ratio.toFixed(2));
	}
	return [...bad];
})()`

func do(t *testing.T, tab context.Context, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, chromium.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, step); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, chromium.Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// resize gives the page the size of a window, and a colour scheme.
func resize(t *testing.T, tab context.Context, width, height int64, scheme string) {
	t.Helper()
	var opts []chromedp.EmulateViewportOption
	if width < 500 {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait, chromedp.EmulateScale(2))
	}
	do(t, tab, chromedp.EmulateViewport(width, height, opts...))
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// capture takes a picture of the page, and keeps it if pictures were asked for.
func capture(t *testing.T, tab context.Context, name string, width, height int64, scheme string) {
	t.Helper()
	resize(t, tab, width, height, scheme)
	ctx, cancel := context.WithTimeout(tab, chromium.Patience)
	defer cancel()
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s is no picture: %v", name, err)
	}
	if got := picture.Bounds().Dx(); int64(got)%width != 0 {
		t.Errorf("%s is %d pixels wide, which are not those of %d", name, got, width)
	}
	corner := func() (luma uint32) {
		r, g, b, _ := picture.At(2, 2).RGBA()
		return (r + g + b) / 3 >> 8
	}()
	if dark := corner < 128; dark != (scheme == "dark") {
		t.Errorf("%s is not %s: its corner has a brightness of %d", name, scheme, corner)
	}
	if *screenshots == "" {
		return
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
