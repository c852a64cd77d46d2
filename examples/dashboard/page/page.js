// The page has one connection, a stream of server-sent events, however many
// machines there are. It brings four kinds of news:
//
//   hello    which machines there are; it comes first, once for each stream
//   picture  what all machines have measured in one tick; the latest come at once
//   states   how connections and consumers are
//   entry    what happened

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

let plant; // what hello said
let machines = []; // {hall, name, tile, history, missed, rate}
let consumers = new Map(); // by policy
let rates = []; // events of each picture
let picture, states; // the latest
let source; // of the news
let heard; // when something last came

// What a policy does, for people.
const policies = {
  DropOldest: "forgets what has waited longest",
  DropNewest: "keeps what came first",
  Latest: "keeps the newest only; to skip the others is no loss",
  Block: "loses nothing: the connection waits",
  Fail: "ends the loop when the buffer is full",
};

// listen begins to listen, or does so anew. A page that nobody sees is silent.
function listen() {
  source?.close();
  if (document.hidden) return;
  heard = Date.now();
  source = new EventSource("news");
  const on = (kind, f) => source.addEventListener(kind, (e) => {
    heard = Date.now();
    live(true);
    f(JSON.parse(e.data));
  });
  on("hello", begin);
  on("picture", addPicture);
  on("states", (news) => { states = news; redraw(); });
  on("entry", addEntry);
  source.addEventListener("error", () => {
    live(false);
    source.close();
    setTimeout(listen, 1000); // sooner than browsers do, and alike in all of them
  });
}

document.addEventListener("visibilitychange", listen);

// A stream can be silent without having an error: the laptop slept, a cable is out.
setInterval(() => {
  const silent = Date.now() - heard;
  if (document.hidden || silent < 4000) return;
  live(false);
  if (silent > 10000) listen();
}, 1000);

function live(yes) {
  document.body.dataset.live = yes ? "yes" : "no";
  text($("live"), yes ? "live" : "the program is away; trying again"); // which is read aloud
}

// post does what a button says, and returns whether that was done.
async function post(action, values) {
  let trouble = "";
  try {
    const answer = await fetch(action, { method: "POST", body: new URLSearchParams(values) });
    if (!answer.ok) trouble = await answer.text();
  } catch {
    trouble = "The program cannot be reached.";
  }
  $("trouble").textContent = trouble;
  return !trouble;
}

// begin forgets what was, which will be told again. What people have their hands
// on stays where it is.
function begin(news) {
  const same = plant && JSON.stringify(plant.machines) === JSON.stringify(news.machines);
  plant = news;
  rates = [];
  picture = states = undefined;
  $("journal").replaceChildren();
  if (!same) build();
  for (const m of machines) Object.assign(m, { history: [], missed: undefined, rate: undefined });
}

function build() {
  machines = plant.machines.map((m) => ({ ...m }));
  machines.forEach((m, i) => { m.tile = tile(m, i); });
  text($("count"), String(machines.length));
  const halls = new Map();
  for (const m of machines) halls.set(m.hall, [...(halls.get(m.hall) ?? []), m]);
  $("machines").replaceChildren(...[...halls].map(([name, inside]) => {
    return element("section", "hall", element("h3", "", `Hall ${name}`), element("div", "tiles", ...inside.map((m) => m.tile.root)));
  }));
  $("halls").replaceChildren(
    ...[...halls.keys()].map((hall) => button(hall, `Pull the cables of hall ${hall}`, () => post("cut", { hall }))),
    button("all", "Pull the cables of all halls", () => post("cut", {})),
  );
  $("allrates").replaceChildren(...plant.rates.map((rate) => rateButton(rate, "each machine", {})));
  $("testerrates").replaceChildren(...plant.rates.map((rate) => rateButton(rate, "the machine of the consumers", { machine: "tester" })));
}

function element(name, className, ...children) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

function button(text, label, f) {
  const b = element("button", "", text);
  b.type = "button";
  b.setAttribute("aria-label", label);
  b.addEventListener("click", f);
  return b;
}

function rateButton(rate, whose, what) {
  const b = button(number.format(rate), `${number.format(rate)} readings a second of ${whose}`, () => post("rate", { ...what, rate }));
  b.dataset.rate = rate;
  b.setAttribute("aria-pressed", "false");
  return b;
}

function tile(m, i) {
  const root = $("tile").content.firstElementChild.cloneNode(true);
  const find = (s) => root.querySelector(s);
  root.id = `machine-${i}`;
  const who = `${m.name} in hall ${m.hall}`;
  root.setAttribute("aria-label", who);
  find("h4").textContent = m.name;
  const select = find("select");
  select.setAttribute("aria-label", `Readings a second of ${who}`);
  select.append(...plant.rates.map(rateOption));
  select.addEventListener("change", async () => {
    if (!await post("rate", { machine: i, rate: select.value })) m.rate = undefined; // it is not what was chosen
  });
  find("button").setAttribute("aria-label", `Cut the connection to ${who}`);
  find("button").addEventListener("click", () => post("cut", { machine: i }));
  return {
    root, select, value: find(".value"), line: find(".line"), lost: find(".lost"),
    per: find(".per"), lag: find(".lag"), state: find(".state"),
  };
}

const rateOption = (rate) => new Option(`${number.format(rate)}/s`, rate);

// choose shows a rate, which somebody else may have set.
function choose(select, rate) {
  if (![...select.options].some((o) => o.value === String(rate))) select.add(rateOption(rate));
  select.value = rate;
}

function addPicture(news) {
  picture = news;
  push(rates, news.events);
  news.machines.forEach((g, i) => {
    const m = machines[i];
    const before = m.history.at(-1);
    // Between two readings a machine is as it was, unless nobody can know.
    const known = g.up && (g.count > 0 || before?.celsius !== undefined);
    push(m.history, {
      count: g.count,
      micros: g.count ? g.micros : before?.micros,
      celsius: known ? g.celsius : undefined,
      lost: g.missed > m.missed,
    });
    m.missed = g.missed;
  });
  redraw();
}

function push(list, v) {
  list.push(v);
  if (list.length > plant.history) list.shift();
}

function addEntry(entry) {
  const at = new Date(entry.at);
  const time = element("time", "", clock.format(at));
  time.dateTime = entry.at;
  const item = element("li", entry.kind, time, `${entry.who}: ${entry.what}${entry.detail && `, ${entry.detail}`}`);
  $("journal").prepend(item);
  while ($("journal").childElementCount > 100) $("journal").lastElementChild.remove();
}

let drawing = false;

// redraw draws once before the next frame, however much has come.
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (picture) drawPicture();
    if (states) drawStates();
  });
}

// short is a number that has room for few digits.
const short = (n) => (n < 1e5 ? number : compact).format(n);
const many = (n, what) => `${number.format(n)} ${what}${n === 1 ? "" : "s"}`;

function ms(micros) {
  if (micros === undefined) return "–";
  if (micros >= 1e7) return `${number.format(Math.round(micros / 1e6))} s`;
  return `${micros < 9995 ? (micros / 1000).toFixed(2) : number.format(Math.round(micros / 1000))} ms`;
}

function perSecond(counts) {
  const last = counts.slice(-Math.round(1000 / plant.tickMs));
  return last.reduce((sum, n) => sum + n, 0) / (last.length * plant.tickMs) * 1000;
}

function drawPicture() {
  text($("rate"), number.format(Math.round(perSecond(rates))));
  text($("p50"), ms(picture.p50));
  text($("p99"), ms(picture.p99));
  text($("missed"), short(picture.machines.reduce((sum, g) => sum + g.missed, 0)));
  const chart = $("rates");
  const line = curve(rates, 0, Math.max(...rates, 1));
  chart.querySelector(".line").setAttribute("d", line);
  chart.querySelector(".area").setAttribute("d", `${line}V24H${place(0, rates)}Z`);
  for (const m of machines) {
    const { tile, history } = m;
    const now = history.at(-1);
    const values = history.map((h) => h.celsius);
    const known = values.filter((v) => v !== undefined);
    const low = Math.min(...known), high = Math.max(...known);
    text(tile.value, now.celsius === undefined ? "– °C" : `${now.celsius.toFixed(1)} °C`);
    tile.line.setAttribute("d", curve(values, low - 1, high + 1));
    tile.lost.setAttribute("d", history.map((h, i) => h.lost ? `M${place(i, history)} 20v6` : "").join(""));
    text(tile.per, `${number.format(Math.round(perSecond(history.map((h) => h.count))))}/s`);
    text(tile.lag, ms(now.micros));
  }
}

// place is where the i-th picture of a list is drawn, the latest at the right: the
// viewBox of a chart is as wide as the history is long.
const place = (i, list) => 80 - list.length + i + 1;

// curve is the path of values over the last pictures; what is not known is left out.
function curve(values, low, high) {
  let path = "", pen = "M";
  values.forEach((v, i) => {
    if (v === undefined) { pen = "M"; return; }
    path += `${pen}${place(i, values)} ${(23 - (v - low) / (high - low) * 22).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

function drawStates() {
  let up = 0, dropped = 0, gaps = 0;
  states.lines.forEach((s, i) => {
    const m = machines[i], { root, state, select } = m.tile;
    if (s.status === "connected") up++;
    dropped += s.dropped;
    gaps += s.gaps;
    root.dataset.status = s.status;
    root.classList.toggle("suffered", m.missed > 0);
    text(state, sentence(s, m.missed));
    root.title = s.cause;
    if (s.rate && s.rate !== m.rate) { // or it is what somebody is about to change
      m.rate = s.rate;
      choose(select, s.rate);
    }
  });
  text($("up"), `${up} of ${machines.length}`);
  text($("down"), up === machines.length ? "all are up" : `${machines.length - up} reconnecting`);
  text($("dropped"), short(dropped));
  text($("gaps"), many(gaps, "gap"));
  press($("allrates"), states.lines.every((s) => s.rate === states.lines[0].rate) ? states.lines[0].rate : 0);
  press($("testerrates"), states.tester);
  $("stall").classList.toggle("on", states.stalled);
  text($("stall"), states.stalled ? "Let the fan-in go on" : "Stall the fan-in");
  for (const c of states.consumers) drawConsumer(c);
}

// sentence says how a connection is.
function sentence(s, missed) {
  switch (s.status) {
    case "connected":
      if (!missed) return "connected";
      return `${short(missed)} missed` + (s.gaps ? `, ${many(s.gaps, "gap")}` : "");
    case "disconnected":
      return `attempt ${s.attempt + 1} in ${(s.waitMs / 1000).toFixed(1)} s`;
    case "connecting":
      return `attempt ${s.attempt} now`;
  }
  return s.status;
}

function press(buttons, rate) {
  for (const b of buttons.children) b.setAttribute("aria-pressed", Number(b.dataset.rate) === rate);
}

function drawConsumer(c) {
  let view = consumers.get(c.policy);
  if (!view) {
    const root = $("consumer").content.firstElementChild.cloneNode(true);
    root.id = `consumer-${c.policy}`;
    root.querySelector("h3").textContent = c.policy;
    root.querySelector(".what").textContent = policies[c.policy] ?? "";
    root.querySelector(".meter").setAttribute("aria-label", `Events that wait for ${c.policy}`);
    view = { root };
    root.querySelector("button").addEventListener("click", () => post("stall", { consumer: c.policy, stalled: !view.stalled }));
    $("consumers").append(root);
    consumers.set(c.policy, view);
  }
  view.stalled = c.stalled;
  const find = (s) => view.root.querySelector(s);
  const b = find("button");
  b.classList.toggle("on", c.stalled);
  text(b, c.stalled ? "Resume" : "Stall");
  b.setAttribute("aria-label", `${b.textContent} ${c.policy}`);
  const meter = find(".meter");
  meter.setAttribute("aria-valuemax", c.buffer);
  meter.setAttribute("aria-valuenow", Math.min(c.depth, c.buffer));
  meter.setAttribute("aria-valuetext", `${c.depth} of ${c.buffer}`);
  meter.classList.toggle("full", c.depth >= c.buffer);
  meter.firstElementChild.style.width = `${Math.min(100, c.depth / c.buffer * 100)}%`;
  for (const name of ["received", "delivered", "dropped", "depth"]) text(find(`.${name}`), short(c[name]));
  text(find(".behind"), short(Math.max(0, states.newest - c.last)));
  view.root.classList.toggle("losing", c.dropped > 0 && c.policy !== "Latest");
  text(find(".told"), c.told + (c.ends > 1 ? ` (${c.ends} times)` : ""));
  text($("buffer"), number.format(c.buffer));
}

// text sets an element's text if that is new, so that nothing is drawn in vain.
function text(e, s) {
  if (e.textContent !== s) e.textContent = s;
}

$("stall").addEventListener("click", () => post("stall", { stalled: !states?.stalled }));

listen();
