package dashboard_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rivet-go/rivet/interop/browser/chromium"
)

// told has the page believe what the test says, not the program: say sends news,
// answer is the status of what is posted, away hides the page, and later moves
// the clock.
const told = `
	window.sources = [];
	window.EventSource = class extends EventTarget {
		static CLOSED = 2;
		readyState = 0;
		constructor() { super(); sources.push(this); }
		close() { this.readyState = 2; }
	};
	window.say = (kind, news) => sources.at(-1).dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(news) }));
	window.posted = [];
	window.answer = 204;
	window.fetch = async (action, { body }) => { posted.push(action + " " + body); return new Response(answer === 204 ? null : "it is refused", { status: answer }); };
	let hidden = false;
	Object.defineProperty(document, "hidden", { get: () => hidden });
	window.away = (yes) => { hidden = yes; document.dispatchEvent(new Event("visibilitychange")); };
	const now = Date.now;
	let skipped = 0;
	Date.now = () => now() + skipped;
	window.later = (ms) => { skipped += ms; };

	window.names = ["A", "B", "C", "D"].flatMap(hall => ["press", "oven", "mixer", "robot"].flatMap(kind => [1, 2, 3].map(n => ({ hall, name: kind + " " + n }))));
	window.hello = () => ({ tickMs: 250, history: 80, rates: [1, 10, 100, 1000], machines: names });
	window.picture = (g) => ({ machines: names.map(() => ({ count: 3, celsius: 71.5, micros: 120, missed: 0, up: true, ...g })), events: (g?.count ?? 3) * 48, p50: g?.micros ?? 120, p99: g?.micros ?? 480 });
	window.states = (l, c, all) => ({
		lines: names.map(() => ({ status: "connected", attempt: 0, waitMs: 0, cause: "", gaps: 0, dropped: 0, rate: 10, ...l })),
		stalled: false, tester: 10, newest: 100, ...all,
		consumers: ["DropOldest", "DropNewest", "Latest", "Block", "Fail"].map(policy => ({ policy, stalled: false, last: 100, buffer: 200, depth: 0, received: 100, delivered: 100, dropped: 0, ends: 0, told: "", ...c })),
	});
	window.entry = (news) => ({ at: "2026-01-02T03:04:05.678Z", kind: "lost", who: "A press 1", what: "connection lost", detail: "", ...news });
	window.drawn = () => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)));
`

// openTold opens the page, which is told what the test says.
func openTold(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	tab := chromium.Open(t, browser, "about:blank", func(m chromedp.ConsoleMessage) {
		if m.Type == "error" || m.Type == chromedp.ConsoleException {
			t.Errorf("the page reports: %v", m)
		}
	})
	if _, err := chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: told}); err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(url))
	chromium.Wait(t, tab, "the page does not listen", `sources.length === 1`)
	run(t, tab, `say("hello", hello()); say("picture", picture()); say("states", states());`)
	return tab
}

// run runs statements in the page, until that has drawn what they say.
func run(t *testing.T, tab context.Context, statements string) {
	t.Helper()
	do(t, tab, chromedp.Evaluate[chromedp.Void](`(async () => { `+statements+`; await drawn(); })()`, chromedp.EvalAwaitPromise))
}

func TestPage(t *testing.T) {
	browser := chromium.Start(t)
	p := start(t, build(t), freeAddr(t))
	defer p.stop(t)
	is := func(t *testing.T, tab context.Context, what, expression string) {
		t.Helper()
		if !evaluate[bool](t, tab, expression) {
			t.Error(what)
		}
	}

	// However large the numbers and however much is down, everything stays where
	// it was, and nothing is cut off.
	t.Run("room", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		run(t, tab, `
			window.boxes = () => [...document.querySelectorAll(".total, .controls, .tile, .consumer, .scroll")].map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y + scrollY, b.width, b.height].map(Math.round).join(" "); });
			window.tight = () => [...document.querySelectorAll("body *")].filter(e =>
				e.checkVisibility() && !e.closest("svg, .scroll, .skip, .unseen, select") && getComputedStyle(e).display !== "inline" && e.scrollWidth > e.clientWidth + 1)
				.map(e => e.tagName + "." + e.className + "#" + e.id + " " + e.textContent.trim().slice(0, 60));
			window.calm = () => { say("hello", hello()); say("picture", picture()); say("states", states()); };
			window.rough = [
				() => { for (let i = 0; i < 4; i++) say("picture", picture({ count: 5208, celsius: 100.4, micros: 123456789, missed: 123456 }));
					say("states", states({ gaps: 12, dropped: 99999 }, { stalled: true, last: 0, depth: 250, received: 12345678, delivered: 12344444, dropped: 999999 }, { stalled: true, newest: 12345678 })); },
				() => { say("picture", picture({ count: 0, micros: 0, up: false }));
					say("states", states({ status: "disconnected", attempt: 98, waitMs: 12345, cause: "a long story, ".repeat(30), gaps: 99 })); },
				() => { say("states", states({ status: "connecting", attempt: 99, rate: 1000 }, {}, { tester: 1000 })); },
			];`)
		for _, width := range []int64{320, 360, 390, 720, 820, 1080, 1081, 1440, 1920} {
			resize(t, tab, width, 900, "light")
			run(t, tab, `calm(); await drawn(); window.before = boxes()`)
			for i := range 3 {
				run(t, tab, fmt.Sprintf(`rough[%d]()`, i))
				if moved := evaluate[[]string](t, tab, `boxes().flatMap((b, i) => b === before[i] ? [] : [before[i] + " to " + b])`); len(moved) > 0 {
					t.Errorf("%d wide, %d: %d boxes move, the first from %s", width, i, len(moved), moved[0])
				}
				for _, e := range evaluate[[]string](t, tab, `[...new Set(tight())].slice(0, 5)`) {
					t.Errorf("%d wide, %d: there is no room for %s", width, i, e)
				}
				if over := evaluate[int](t, tab, `document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth`); over > 0 {
					t.Errorf("%d wide, %d: the page is %d too wide", width, i, over)
				}
			}
		}
	})

	t.Run("what was is told again and stays bounded", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		run(t, tab, `say("hello", hello()); say("picture", picture({ missed: 7 }))`)
		is(t, tab, "what was missed before is shown as if it were now", `document.querySelector("#machine-0 .lost").getAttribute("d") === ""`)
		run(t, tab, `for (let i = 0; i < 200; i++) say("picture", picture({ missed: 7 })); for (let i = 0; i < 300; i++) say("entry", entry())`)
		is(t, tab, "the history is not that of 80 pictures", `document.querySelector("#machine-0 .line").getAttribute("d").split("L").length === 80`)
		is(t, tab, "the journal is not bounded", `document.getElementById("journal").childElementCount === 100`)
		run(t, tab, `say("picture", picture({ missed: 8 }))`)
		is(t, tab, "what is missed is not shown", `/^M80 20v6$/.test(document.querySelector("#machine-0 .lost").getAttribute("d"))`)

		run(t, tab, `document.querySelector("#machine-3 button").focus(); say("hello", hello()); say("entry", entry()); say("picture", picture()); say("states", states())`)
		is(t, tab, "the focus is lost when the stream begins anew", `document.activeElement === document.querySelector("#machine-3 button")`)
		is(t, tab, "the journal is told twice", `document.getElementById("journal").childElementCount === 1`)
		is(t, tab, "the history is told twice", `document.querySelector("#machine-3 .line").getAttribute("d").split("L").length === 1`)
		run(t, tab, `names = names.slice(0, 12); say("hello", hello()); say("picture", picture()); say("states", states())`)
		is(t, tab, "another plant is not shown", `document.querySelectorAll(".tile").length === 12 && document.querySelectorAll("#halls button").length === 2 && document.querySelectorAll(".consumer").length === 5`)
	})

	t.Run("words are words", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		run(t, tab, `names[0].name = names[0].hall = "<img src=x>"; say("hello", hello()); say("picture", picture());
			say("states", states({ status: "disconnected", cause: "<img src=x>" }, { told: "<img src=x>" })); say("entry", entry({ who: "<img src=x>", kind: "lost back" }))`)
		is(t, tab, "it is taken for HTML", `document.images.length === 0 && document.querySelector("#machine-0 h4").textContent === "<img src=x>"`)
	})

	t.Run("a silent stream is begun anew", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		is(t, tab, "it is not live", `document.body.dataset.live === "yes"`)
		run(t, tab, `later(5000)`)
		chromium.Wait(t, tab, "that it is silent is not told", `document.body.dataset.live === "no"`)
		run(t, tab, `say("states", states())`)
		chromium.Wait(t, tab, "that it is not silent any more is not told", `document.body.dataset.live === "yes"`)
		run(t, tab, `later(11000)`)
		chromium.Wait(t, tab, "it is not begun anew", `sources.length === 2 && sources[0].readyState === 2 && sources[1].readyState === 0`)
		run(t, tab, `say("hello", hello()); sources.at(-1).dispatchEvent(new Event("error"))`)
		is(t, tab, "an error is not told", `document.body.dataset.live === "no"`)
		chromium.Wait(t, tab, "it is not tried again", `sources.length === 3 && sources[1].readyState === 2`)
	})

	t.Run("a hidden page does not listen", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		evaluate[bool](t, tab, `(away(true), true)`)
		is(t, tab, "it listens", `sources.length === 1 && sources[0].readyState === 2`)
		evaluate[bool](t, tab, `(later(20000), away(false), true)`)
		is(t, tab, "it does not listen again", `sources.length === 2 && sources[1].readyState === 0`)
	})

	t.Run("a setting", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		run(t, tab, `
			window.select = document.querySelector("#machine-1 select");
			window.pick = async (rate) => { select.focus(); select.value = rate; select.dispatchEvent(new Event("change")); await drawn(); };
			await pick("100"); say("states", states())`)
		is(t, tab, "it is not posted", `posted.join() === "rate machine=1&rate=100"`)
		is(t, tab, "what was chosen is taken back before it is done", `select.value === "100"`)
		run(t, tab, `say("states", states({ rate: 100 })); await drawn(); say("states", states({ rate: 1000 }))`)
		is(t, tab, "what somebody else chose is not shown while it has the focus", `select.value === "1000"`)
		run(t, tab, `say("states", states({ rate: 50 }))`)
		is(t, tab, "what is not on the page is not shown", `select.value === "50" && select.selectedOptions[0].text === "50/s"`)
		is(t, tab, "a button seems to be pressed", `document.querySelectorAll('#allrates [aria-pressed="true"]').length === 0`)
		run(t, tab, `answer = 502; await pick("1"); say("states", states({ rate: 50 }))`)
		is(t, tab, "what is refused seems to be done", `select.value === "50"`)
		is(t, tab, "that it is refused is not told", `document.getElementById("trouble").textContent === "it is refused"`)
		run(t, tab, `answer = 204; document.querySelector("#halls button").click()`)
		is(t, tab, "the trouble stays", `document.getElementById("trouble").textContent === "" && posted.at(-1) === "cut hall=A"`)
		for _, c := range []struct{ button, posts string }{
			{`#halls button:last-child`, "cut "},
			{`#machine-47 button`, "cut machine=47"},
			{`#stall`, "stall stalled=true"},
			{`#consumer-Block button`, "stall consumer=Block&stalled=true"},
			{`#allrates [data-rate="1000"]`, "rate rate=1000"},
			{`#testerrates [data-rate="1"]`, "rate machine=tester&rate=1"},
		} {
			run(t, tab, fmt.Sprintf(`document.querySelector(%q).click()`, c.button))
			if got := evaluate[string](t, tab, `posted.at(-1)`); got != c.posts {
				t.Errorf("%s posts %q, want %q", c.button, got, c.posts)
			}
		}
		run(t, tab, `say("states", states({}, { stalled: true }, { stalled: true })); await drawn(); document.querySelector("#stall").click(); document.querySelector("#consumer-Fail button").click()`)
		is(t, tab, "what is stalled cannot go on", `posted.slice(-2).join() === "stall stalled=false,stall consumer=Fail&stalled=false"`)
	})

	t.Run("numbers", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		run(t, tab, `say("hello", hello()); for (let i = 0; i < 8; i++) say("picture", picture({ count: i < 4 ? 99 : 3, missed: 3, micros: 9996 }));
			say("states", states({ gaps: 1, dropped: 2 }, { last: 60, depth: 30, received: 100, delivered: 50, dropped: 20, ends: 2, told: "it ended" }))`)
		for id, want := range map[string]string{
			"#rate": "576", "#p50": "10 ms", "#missed": "144", "#dropped": "96", "#gaps": "48 gaps", "#up": "48 of 48", "#down": "all are up",
			"#machine-0 .per": "12/s", "#machine-0 .lag": "10 ms", "#machine-0 .value": "71.5 °C", "#machine-0 .state": "3 missed, 1 gap",
			"#consumer-Block .received": "100", "#consumer-Block .delivered": "50", "#consumer-Block .dropped": "20", "#consumer-Block .depth": "30",
			"#consumer-Block .behind": "40", "#consumer-Block .told": "it ended (2 times)",
		} {
			if got := evaluate[string](t, tab, fmt.Sprintf(`document.querySelector(%q).textContent`, id)); got != want {
				t.Errorf("%s is %q, want %q", id, got, want)
			}
		}
		run(t, tab, `say("picture", picture({ count: 0, micros: 0, celsius: 20, up: false })); say("states", states({ status: "disconnected", attempt: 2, waitMs: 1234 }))`)
		is(t, tab, "a machine that is down has a value", `document.querySelector("#machine-0 .value").textContent === "– °C"`)
		is(t, tab, "when it is tried again is not told", `document.querySelector("#machine-0 .state").textContent === "attempt 3 in 1.2 s"`)
		run(t, tab, `say("picture", picture({ count: 0, micros: 0, celsius: 20 })); say("states", states())`)
		is(t, tab, "a machine that has told nothing since it is back has a value", `document.querySelector("#machine-0 .value").textContent === "– °C"`)
		run(t, tab, `say("picture", picture()); say("picture", picture({ count: 0, micros: 0 }))`)
		is(t, tab, "a machine has no value between two readings", `document.querySelector("#machine-0 .value").textContent === "71.5 °C"`)
	})

	t.Run("people who do not see the page", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		for _, bad := range evaluate[[]string](t, tab, `[...document.querySelectorAll("button, select")].filter(e => e.checkVisibility()).flatMap((e, i, all) => {
			const name = e.ariaLabel ?? e.textContent;
			return [
				!name && "one has no name",
				e.tagName === "BUTTON" && !name.toLowerCase().includes(e.textContent.toLowerCase()) && name + " is not what is written on it",
				all.some(o => o !== e && (o.ariaLabel ?? o.textContent) === name) && name + " is the name of several",
			].filter(Boolean);
		})`) {
			t.Error(bad)
		}
		if loud := evaluate[[]string](t, tab, `[...document.querySelectorAll("output, [role=status], [role=alert], [role=log], [aria-live]")].map(e => e.id || e.className)`); strings.Join(loud, " ") != "live trouble" {
			t.Errorf("what is read aloud when it changes: %q", loud)
		}
		run(t, tab, `window.read = 0; new MutationObserver(() => read++).observe(document.querySelector(".live"), { childList: true, subtree: true, characterData: true });
			for (let i = 0; i < 5; i++) { say("hello", hello()); say("picture", picture()); say("states", states()); await drawn(); }`)
		is(t, tab, "it is read aloud again and again", `read === 0`)
		is(t, tab, "a level of headings is left out", `[...document.querySelectorAll("h1, h2, h3, h4")].every((h, i, all) => i === 0 || h.tagName[1] - all[i - 1].tagName[1] <= 1)`)
		is(t, tab, "an id is there twice", `[...document.querySelectorAll("[id]")].every((e, i, all) => all.findIndex(o => o.id === e.id) === i)`)
		is(t, tab, "what a label refers to is not there", `[...document.querySelectorAll("[aria-labelledby]")].every(e => document.getElementById(e.getAttribute("aria-labelledby")))`)
		run(t, tab, `say("states", states({}, { depth: 250 }))`)
		is(t, tab, "a meter is over its end", `[...document.querySelectorAll("[role=meter]")].every(m => +m.ariaValueNow <= +m.ariaValueMax && m.ariaValueText && m.ariaLabel)`)
	})

	t.Run("keys", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		for i, want := range []string{"Skip to the machines", "Skip to the consumers", "1 readings a second of each machine"} {
			do(t, tab, chromedp.KeyEvent(kb.Tab))
			const focused = `(() => { const e = document.activeElement, b = e.getBoundingClientRect(), s = getComputedStyle(e);
				return (e.ariaLabel ?? e.textContent) + (b.x >= 0 && b.width > 0 && s.outlineStyle !== "none" ? "" : ", which is not seen"); })()`
			if got := evaluate[string](t, tab, focused); got != want {
				t.Errorf("key %d leads to %q, want %q", i+1, got, want)
			}
		}
		for _, skip := range []struct{ to, want string }{
			{"machines", "Readings a second of press 1 in hall A"},
			{"consumers", "Stall DropOldest"},
		} {
			run(t, tab, `document.querySelector('.skip[href="#`+skip.to+`"]').click()`)
			do(t, tab, chromedp.KeyEvent(kb.Tab))
			if got := evaluate[string](t, tab, `document.activeElement.ariaLabel`); got != skip.want {
				t.Errorf("skipping to the %s leads to %q, want %q", skip.to, got, skip.want)
			}
		}
		do(t, tab, chromedp.KeyEvent(" "))
		is(t, tab, "a key does not press a button", `posted.join() === "stall consumer=DropOldest&stalled=true"`)
		is(t, tab, "the journal cannot be scrolled by keys", `document.querySelector(".scroll").tabIndex === 0`)
	})

	// Where colours are forced, shapes and what is pressed are still to be told apart.
	t.Run("forced colours", func(t *testing.T) {
		tab := openTold(t, browser, p.url)
		_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, tab, `const s = states({}, { depth: 100 }, { stalled: true }); s.lines[1].status = "disconnected"; s.lines[2].status = "connecting"; say("states", s);
			window.style = (s) => getComputedStyle(document.querySelector(s))`)
		for what, expression := range map[string]string{
			"a pressed button looks like another":     `style('#allrates [aria-pressed="true"]').backgroundColor !== style('#allrates [aria-pressed="false"]').backgroundColor`,
			"a button that is on looks like another":  `style("#stall").backgroundColor !== style("#halls button").backgroundColor`,
			"what is connected has no mark":           `style("#machine-0 .mark").backgroundColor !== style("#machine-0").backgroundColor`,
			"what is disconnected has no mark":        `style("#machine-1 .mark").backgroundImage !== "none"`,
			"what is connecting has no mark":          `style("#machine-2 .mark").borderStyle === "solid"`,
			"a meter shows nothing":                   `style(".meter span").backgroundColor !== style(".meter").backgroundColor`,
			"a meter moves for those who do not like": `style(".meter span").transitionDuration === "0s"`,
		} {
			is(t, tab, what, expression)
		}
	})
}
