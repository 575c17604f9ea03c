"use strict";
// Reads the gateway's events and draws them. A sample has sums since the start; what is shown are
// the differences of two of them, which come a second apart.

const historySeconds = 600;
const samples = [];  // with `rates`, oldest first
const latest = {};   // event → its newest page

const byId = id => document.getElementById(id);
const charts = [
  { title: "Clients", unit: "", lines: [["clients", s => s.clients]] },
  { title: "Handshakes per second", unit: "",
    lines: [["full", s => s.rates.full], ["failed", s => s.rates.failed],
            ["resumed", s => s.rates.resumed]] },
  { title: "Bytes per second", unit: "B",
    lines: [["to backends", s => s.rates.bytes_to_backend],
            ["to clients", s => s.rates.bytes_to_client]] },
  { title: "Frames from backends per second", unit: "",
    lines: [["frames", s => s.rates.frames_received]] },
  { title: "CPU, of a core", unit: "%", lines: [["cpu", s => s.rates.cpu_seconds * 100]] },
  { title: "Turn of a worker's loop, p99", unit: "s", least: 0.0001,
    lines: [["p99", s => s.rates.turn_p99 ?? 0]] },
];

function short(value, unit = "") {
  if (unit === "%") return value.toFixed(value < 10 ? 1 : 0) + " %";
  if (unit === "s" && value < 0.001) return (value * 1e6).toFixed(0) + " µs";
  if (unit === "s" && value < 1) return (value * 1000).toPrecision(3) + " ms";
  const step = ["", "k", "M", "G", "T"];
  let n = value, i = 0;
  while (Math.abs(n) >= 1000 && i + 1 < step.length) { n /= 1000; ++i; }
  const digits = i === 0 ? (Number.isInteger(n) ? 0 : 1) : n < 10 ? 2 : n < 100 ? 1 : 0;
  return n.toFixed(digits) + (step[i] || unit ? " " : "") + step[i] + unit;
}

function long(seconds) {
  const sign = seconds < 0 ? "−" : "", s = Math.abs(Math.round(seconds));
  if (s < 120) return `${sign}${s} s`;
  if (s < 7200) return `${sign}${Math.floor(s / 60)} min`;
  if (s < 172800) return `${sign}${Math.floor(s / 3600)} h`;
  return `${sign}${Math.floor(s / 86400)} days`;
}

function add(parent, name, attributes = {}, text) {
  const svg = name === "svg" || parent instanceof SVGElement;
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
                   : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function fill(id, heads, rows) {
  const table = byId(id);
  table.replaceChildren();
  if (heads) {
    const line = add(add(table, "thead"), "tr");
    for (const head of heads) add(line, "th", {}, head);
  }
  const body = add(table, "tbody");
  for (const row of rows) {
    const line = add(body, "tr");
    for (const cell of row) {
      const made = add(line, "td");
      if (cell instanceof Node) made.append(cell); else made.textContent = cell;
    }
  }
}

// --- samples

// As histogram_quantile of Prometheus: within two bounds times are taken to lie evenly, and above
// the last one it is that. null: there was no turn.
function quantile(part, bounds, counts) {
  const all = counts.reduce((sum, n) => sum + n, 0);
  let rank = part * all, slot = 0;
  if (all === 0) return null;
  while (slot < bounds.length && rank > counts[slot]) rank -= counts[slot++];
  if (slot === bounds.length) return bounds[slot - 1];
  const low = slot === 0 ? 0 : bounds[slot - 1];
  return low + (bounds[slot] - low) * rank / counts[slot];
}

function turnsBetween(before, after) {
  const counts = after.loop_turns.counts.map((n, i) => n - before.loop_turns.counts[i]);
  return counts.some(n => n < 0) ? null : quantile(0.99, after.loop_turns.bounds, counts);
}

function take(sample) {
  const before = samples[samples.length - 1];
  const seconds = before ? sample.monotonic_seconds - before.monotonic_seconds : 0;
  if (before && seconds <= 0) return;  // a history that is told once more
  const flat = { ...sample.counters, ...sample.counters.handshakes };
  sample.rates = {};
  for (const name of Object.keys(flat)) {
    const was = before && { ...before.counters, ...before.counters.handshakes }[name];
    // An upgrade in place goes on with the counters; a restart does not.
    sample.rates[name] = before ? Math.max(flat[name] - was, 0) / seconds : 0;
  }
  sample.rates.turn_p99 = before ? turnsBetween(before, sample) : null;
  samples.push(sample);
  while (sample.monotonic_seconds - samples[0].monotonic_seconds > historySeconds) samples.shift();
}

function drawFigures() {
  const now = samples[samples.length - 1], rates = now.rates;
  byId("clients").textContent = now.clients;
  byId("handshakes").textContent = short(rates.full + rates.resumed);
  byId("to_backend").textContent = short(rates.bytes_to_backend, "B") + "/s";
  byId("to_client").textContent = short(rates.bytes_to_client, "B") + "/s";
  byId("cpu").textContent = short(rates.cpu_seconds * 100, "%");
  byId("turns").textContent = rates.turn_p99 === null ? "–" : short(rates.turn_p99, "s");
  byId("links").textContent = now.links_up;
  fill("phases", null, Object.entries(now.phases).filter(([, n]) => n !== 0)
    .map(([phase, n]) => [phase.replaceAll("_", " "), n]));
}

// --- charts

const width = 400, height = 130, left = 56, bottom = 18;

function drawChart(place, chart) {
  place.replaceChildren();
  add(place, "h2", {}, chart.title);
  const shown = samples.length > 1 ? samples.slice(1) : samples;  // the first has no rates
  const now = shown[shown.length - 1].monotonic_seconds;
  const top = Math.max(...shown.flatMap(s => chart.lines.map(([, of]) => of(s))),
                       chart.least ?? 1) * 1.05;
  const x = s => left + (width - left) * (1 - (now - s.monotonic_seconds) / historySeconds);
  const y = value => (height - bottom) * (1 - value / top) + 2;
  const svg = add(place, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
                                  "aria-label": `${chart.title}, the last ten minutes` });
  for (const part of [0, 0.5, 1]) {
    add(svg, "line", { class: "grid", x1: left, x2: width, y1: y(top * part), y2: y(top * part) });
    add(svg, "text", { x: left - 4, y: y(top * part) + (part === 1 ? 10 : 0),
                       "text-anchor": "end" }, short(top * part, chart.unit));
  }
  for (const minutes of [10, 5, 0]) {
    add(svg, "text", { x: x({ monotonic_seconds: now - minutes * 60 }), y: height - 3,
                       "text-anchor": minutes === 10 ? "start" : minutes ? "middle" : "end" },
        minutes ? `−${minutes} min` : "now");
  }
  chart.lines.forEach(([, of], i) => add(svg, "polyline", {
    class: `curve c${i}`,
    points: shown.map(s => `${x(s).toFixed(1)},${y(of(s)).toFixed(1)}`).join(" ") }));
  if (chart.lines.length > 1)
    chart.lines.forEach(([name], i) => add(place, "span", { class: `key c${i}` }, `— ${name}`));
}

function drawCharts() {
  if (document.hidden) return;
  charts.forEach((chart, i) => drawChart(byId("charts").children[i] || add(byId("charts"), "div"),
                                         chart));
}

// --- pages

function drawState() {
  const page = latest.status, state = byId("state");
  byId("name").textContent = document.title = page.gateway;
  byId("version").textContent =
    `${page.version}, up ${long(page.uptime_seconds)}, ${page.workers} worker` +
    (page.workers === 1 ? "" : "s");
  state.textContent = page.ready ? page.state : "not ready";
  state.className = "state " + (page.ready && page.state === "up" ? "good" : "bad");
  const trouble = [...page.missing, ...page.notes];
  byId("missing").hidden = trouble.length === 0;
  byId("missing").textContent = trouble.join("; ");
}

function drawShards() {
  const page = latest.shards, moves = page.moves;
  const pending = Object.values(moves.pending).reduce((sum, n) => sum + n, 0);
  byId("moves").textContent =
    pending ? `${pending}, ${long(moves.eta_seconds)}` : pending;
  fill("backends", ["name", "state", "share", "", "streams", "links"], page.servers.map(each => {
    const bar = document.createElement("span");
    bar.className = "share";
    bar.style.width = `${(each.share * 5).toFixed(2)}rem`;
    const suspect = each.links.suspect ? `, ${each.links.suspect} suspect` : "";
    return [each.name, each.state, `${(each.share * 100).toFixed(1)} %`, bar, each.streams,
            `${each.links.up}/${each.links.wanted}${suspect}`];
  }));
}

function drawKeys() {
  const rows = latest.keys.certificates.map(each => [
    each.name || each.file, `expires in ${long(each.expires_seconds)}`]);
  const tickets = latest.keys.tickets;
  rows.push([`ticket key (${tickets.origin}), ${tickets.keys} open`,
             `seals since ${long(tickets.sealing_seconds)}`]);
  fill("keys", null, rows);
}

function drawEvents() {
  fill("events", null, latest.events.events.slice().reverse().map(each => {
    const said = document.createElement("span");
    said.textContent = each.text;
    if (each.level !== "info") said.className = "bad";
    return [new Date(each.time * 1000).toLocaleTimeString(), said];
  }));
}

// Each way is counted modulo 2^32.
const bytesSince = (then, now) => ["bytes_to_backend", "bytes_to_client"]
  .reduce((sum, way) => sum + ((now[way] - then[way]) >>> 0), 0);

// As `presenterctl gateway top`: who moves most now, then who has moved most.
function drawBusiest(before) {
  const page = latest.top, known = new Map((before?.busiest ?? []).map(each => [each.tag, each]));
  const seconds = before ? page.monotonic_seconds - before.monotonic_seconds : 0;
  const rows = page.busiest.map(each => {
    const then = known.get(each.tag);
    return { each, rate: then && seconds > 0 ? bytesSince(then, each) / seconds : 0 };
  });
  rows.sort((one, other) => other.rate - one.rate);  // those with most bytes come first already
  fill("busiest", ["client", "now", "to backend", "to client", "idle", "backend", "address"],
    rows.map(({ each, rate }) => [
      each.tag, short(rate, "B") + "/s", short(each.bytes_to_backend, "B"),
      short(each.bytes_to_client, "B"), long(each.idle_seconds), each.backend ?? "–",
      each.address]));
}

const draw = { top: drawBusiest, status: drawState, shards: drawShards, keys: drawKeys, events: drawEvents };

function on(event, data) {
  const page = JSON.parse(data);
  if (event === "history" || event === "sample") {
    for (const sample of event === "history" ? page : [page]) take(sample);
    if (samples.length) { drawFigures(); drawCharts(); }
  } else if (draw[event]) {
    const before = latest[event];
    latest[event] = page;
    draw[event](before);
  }
}

// --- the stream of events; not EventSource, which can send no token

async function read(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      let event = "", data = [];
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) event = line.slice(7);
        if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length) on(event, data.join("\n"));
    }
  }
}

function say(state) {
  byId("state").textContent = state;
  byId("state").className = "state bad";
}

// The token is kept for this tab, and sent in a header: it stands in no address and no history.
function ask(isWrong) {
  sessionStorage.removeItem("token");
  say("token");
  byId("wrong").hidden = !isWrong;
  byId("ask").hidden = false;
  byId("token").focus();
}

async function follow() {
  const token = sessionStorage.getItem("token");
  let state = "not connected";
  try {
    const response = await fetch("/events",
      token ? { headers: { Authorization: `Bearer ${token}` } } : {});
    if (response.status === 401) return ask(token !== null);
    if (response.status === 429) state = "too many watch";
    if (response.ok) await read(response);
  } catch (error) {
    console.info(String(error));
  }
  say(state);
  setTimeout(follow, 2000);
}

byId("ask").addEventListener("submit", event => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  if (!/^[!-~]+$/.test(token)) return ask(true);  // it cannot even be sent
  sessionStorage.setItem("token", token);
  byId("ask").hidden = true;
  say("connecting");
  follow();
});
document.addEventListener("visibilitychange", () => { if (samples.length) drawCharts(); });
follow();
