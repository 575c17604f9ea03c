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
  { title: "CPU, of a core", unit: "%", lines: [["cpu", s => s.rates.cpu_seconds * 100]] },
];

function short(value, unit = "") {
  if (unit === "%") return value.toFixed(value < 10 ? 1 : 0) + " %";
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
  byId("links").textContent = now.links_up;
  fill("phases", null, Object.entries(now.phases).filter(([, n]) => n !== 0)
    .map(([phase, n]) => [phase.replaceAll("_", " "), n]));
}

// --- charts

const width = 400, height = 130, left = 48, bottom = 18;

function drawChart(place, chart) {
  place.replaceChildren();
  add(place, "h2", {}, chart.title);
  const now = samples[samples.length - 1].monotonic_seconds;
  const top = Math.max(...samples.flatMap(s => chart.lines.map(([, of]) => of(s))), 1) * 1.05;
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
    points: samples.map(s => `${x(s).toFixed(1)},${y(of(s)).toFixed(1)}`).join(" ") }));
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
    `${page.version}, up ${long(page.uptime_seconds)}, ${page.workers} workers`;
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

const draw = { status: drawState, shards: drawShards, keys: drawKeys, events: drawEvents };

function on(event, data) {
  const page = JSON.parse(data);
  if (event === "history" || event === "sample") {
    for (const sample of event === "history" ? page : [page]) take(sample);
    if (samples.length) { drawFigures(); drawCharts(); }
  } else if (draw[event]) {
    latest[event] = page;
    draw[event]();
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

async function follow() {
  const token = sessionStorage.getItem("token");
  try {
    const response = await fetch("/events",
      token ? { headers: { Authorization: `Bearer ${token}` } } : {});
    if (response.status === 401) { byId("ask").hidden = false; return; }
    if (response.ok) await read(response);
  } catch (error) {
    console.info(String(error));
  }
  byId("state").textContent = "not connected";
  byId("state").className = "state bad";
  setTimeout(follow, 2000);
}

byId("ask").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value);
  byId("ask").hidden = true;
  follow();
});
document.addEventListener("visibilitychange", () => { if (samples.length) drawCharts(); });
follow();
