"use strict";
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442"];
const FORMATS = {tsv: "TSV", csv: "CSV", jsonl: "JSON lines", parquet: "Parquet", hamronized: "hAMRonization"};
const POLL_MS = 400, PAGE_ROWS = 100, MOST_ROWS = 20000;
const at = (id) => document.getElementById(id);
let rows = [], shownRows = PAGE_ROWS, sorting = {column: null, down: false}, job = null, tasks = [], colours = {};

function make(tag, text = "", settings = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
  return element;
}

async function call(path, options = {}) {
  const token = at("token").value;
  const headers = {...(options.headers || {}), ...(token ? {authorization: `Bearer ${token}`} : {})};
  let answer;
  try {
    answer = await fetch(path, {...options, headers});
  } catch {
    throw new Error("The service cannot be reached. Is it running?");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) at("token-row").hidden = false;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.detail || said.error || `The service answered ${answer.status}.`);
}

function fail(error) {
  at("problem").textContent = error.message;
  at("progress-row").hidden = true;
  at("cancel").hidden = true;
  at("go").disabled = false;
}

async function ask(event) {
  event.preventDefault();
  at("problem").textContent = "";
  at("results").hidden = true;
  const file = at("file").files[0], text = at("text").value;
  if (!file && !text.trim()) return fail(new Error("Paste sequences, or choose a file."));
  at("go").disabled = true;
  show("Sending", null);
  try {
    const name = file ? file.name : "pasted.fasta";
    const type = file ? "application/octet-stream" : "text/x-fasta";
    const path = `/v1/jobs?name=${encodeURIComponent(name)}`;
    job = await (await call(path, {method: "POST", body: file || text, headers: {"content-type": type}})).json();
    at("cancel").hidden = false;
    await follow();
  } catch (error) {
    fail(error);
  }
}

async function follow() {
  const id = job.id;
  while (job && job.id === id && (job.state === "queued" || job.state === "running")) {
    const of = job.total ? ` of ${job.total.toLocaleString("en")}` : "";
    show(job.state === "queued" ? "Waiting" : `${job.done.toLocaleString("en")}${of} scored`, job.total ? job.done / job.total : null);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await (await call(`/v1/jobs/${id}`)).json();
  }
  at("progress-row").hidden = true;
  at("cancel").hidden = true;
  at("go").disabled = false;
  if (job.state === "failed") throw new Error(job.problem);
  if (job.state === "cancelled") return say("Cancelled");
  await read();
}

function show(text, share) {
  at("progress-row").hidden = false;
  at("progress-text").textContent = text;
  if (share === null) at("progress").removeAttribute("value");
  else at("progress").value = share;
}

function say(text) {
  at("status").textContent = text;
}

async function read() {
  const text = await (await call(`${job.links.result}?format=jsonl`)).text();
  rows = text.split("\n", MOST_ROWS).filter(Boolean).map((line) => JSON.parse(line));
  sorting = {column: null, down: false};
  shownRows = PAGE_ROWS;
  describe();
  drawHead();
  draw();
  await drawMap();
  at("results").hidden = false;
  at("results").focus();
  say(at("summary").textContent);
}

function describe() {
  const counts = new Map();
  for (const row of rows) counts.set(row.call ?? "not scored", (counts.get(row.call ?? "not scored") || 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, number]) => `${name}: ${number.toLocaleString("en")}`);
  const cut = job.done > rows.length ? ` (the table has the first ${rows.length.toLocaleString("en")}; download for all)` : "";
  at("summary").textContent = `${job.done.toLocaleString("en")} proteins of ${job.name}. ${parts.join(" · ")}${cut}`;
  const select = at("call-filter");
  select.replaceChildren(make("option", "all", {value: ""}), ...[...counts.keys()].map((name) => make("option", name, {value: name})));
  const downloads = Object.entries(FORMATS).map(([format, name]) => link(name, `${job.links.result}?format=${format}`));
  downloads.push(link("not scored", job.links.rejected));
  at("downloads").replaceChildren(...downloads);
}

function link(name, path) {
  const anchor = make("a", name, {href: path, download: ""});
  anchor.addEventListener("click", (event) => {
    if (!at("token").value) return;
    event.preventDefault();
    save(path).catch(fail);
  });
  return anchor;
}

async function save(path) {
  const answer = await call(path);
  const said = answer.headers.get("content-disposition") || "";
  const encoded = /filename\*=utf-8''([^;]+)/.exec(said);
  const named = encoded ? [null, decodeURIComponent(encoded[1])] : /filename="?([^"]+)"?/.exec(said);
  const url = URL.createObjectURL(await answer.blob());
  make("a", "", {href: url, download: named ? named[1] : "result"}).click();
  URL.revokeObjectURL(url);
}

const probability = (row) => Math.max(...probabilities(row).map(([, value]) => value ?? -1));
const COLUMNS = [
  ["Protein", (row) => row.id, idCell],
  ["Call", (row) => row.call ?? "", callCell],
  ["Probability", probability, barCell],
  ["Not ruled out", (row) => (row[setColumn(row)] || []).join(" "), setCell],
  ["Novelty", (row) => row.novelty ?? -1, noveltyCell],
  ["Nearest in training", (row) => row["neighbour_1.similarity"] ?? -1, neighbourCell],
  ["Status", (row) => row.status, (row) => [make("span", row.status)]],
];

function drawHead() {
  at("head").replaceChildren(...COLUMNS.map(([name, key]) => {
    const cell = make("th", "", {scope: "col"});
    const button = make("button", name, {type: "button"});
    button.addEventListener("click", () => {
      sorting = {column: key, down: sorting.column === key && !sorting.down};
      draw();
    });
    cell.append(button);
    return cell;
  }));
}

function wanted() {
  const words = at("filter").value.toLowerCase(), callWanted = at("call-filter").value, unlike = at("unlike-filter").checked;
  const found = rows.filter((row) =>
    (!words || [row.id, row.neighbour_1, row.neighbour_2, row.neighbour_3].some((text) => (text || "").toLowerCase().includes(words))) &&
    (!callWanted || (row.call ?? "not scored") === callWanted) && (!unlike || row.unlike_training));
  if (!sorting.column) return found;
  const compare = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", {numeric: true}));
  const ordered = [...found].sort((a, b) => compare(sorting.column(a), sorting.column(b)));
  return sorting.down ? ordered.reverse() : ordered;
}

function draw() {
  const found = wanted();
  [...at("head").children].forEach((cell, place) => {
    const own = COLUMNS[place][1] === sorting.column;
    if (own) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
    cell.firstChild.textContent = COLUMNS[place][0] + (own ? (sorting.down ? " ▼" : " ▲") : "");
  });
  at("body").replaceChildren(...found.slice(0, shownRows).map(drawRow));
  at("more").hidden = found.length <= shownRows;
  at("shown").textContent = `${Math.min(found.length, shownRows).toLocaleString("en")} of ${found.length.toLocaleString("en")} rows shown`;
}

function drawRow(row) {
  const line = document.createElement("tr");
  COLUMNS.forEach(([name, , fill], place) => {
    const cell = make("td", "", {"data-title": name, ...(place ? {} : {class: "id"})});
    cell.append(...fill(row));
    line.append(cell);
  });
  return line;
}

function tint(element, name) {
  if (colours[name]) element.style.setProperty("--badge", colours[name]);
  return element;
}

function idCell(row) {
  return [make("span", row.id)];
}

function callCell(row) {
  if (row.class) return [tint(make("span", row.class, {class: "badge"}), row.class)];
  return [make("span", row.call ?? "–")];
}

function probabilities(row) {
  const task = tasks[tasks.length - 1] + ".";
  return Object.entries(row).filter(([name]) => name.startsWith(task) && !name.endsWith(".set")).map(([name, value]) => [name.slice(task.length), value]);
}

const setColumn = () => `${tasks[tasks.length - 1]}.set`;

function barCell(row) {
  if (row.call === null) return [make("span", "–")];
  const bars = make("div", "", {class: "bars"});
  for (const [name, value] of probabilities(row).sort((a, b) => b[1] - a[1]).slice(0, 3)) {
    const bar = make("span", "", {class: "bar", "aria-hidden": "true"}), fill = document.createElement("span");
    fill.style.width = `${100 * value}%`;
    bar.append(tint(fill, name));
    bars.append(make("span", name), bar, make("span", value.toFixed(3)));
  }
  return [bars];
}

function setCell(row) {
  const names = row[setColumn(row)];
  return [make("span", names === null ? "–" : names.join(", ") || "none")];
}

function noveltyCell(row) {
  if (row.novelty === null) return [make("span", "–")];
  const cells = [make("span", row.novelty.toFixed(3) + " ")];
  if (row.unlike_training) cells.push(make("span", "⚠ unlike training", {class: "flag"}));
  return cells;
}

function neighbourCell(row) {
  if (!row.neighbour_1) return [make("span", "–")];
  const list = make("ol", "", {class: "neighbours"});
  for (const place of [1, 2, 3]) {
    const name = `neighbour_${place}`;
    list.append(make("li", `${row[name]} (${row[name + ".label"]}, ${row[name + ".similarity"].toFixed(3)})`));
  }
  return [list];
}

async function drawMap() {
  const image = at("map");
  image.alt = `Map of ${job.name} among the training proteins`;
  const answer = await call(job.links["plot.svg"]).catch(() => null);
  image.parentElement.hidden = !answer;
  if (answer) image.src = URL.createObjectURL(await answer.blob());
}

async function introduce() {
  const about = await (await call("/version")).json();
  tasks = about.tasks;
  at("about").textContent = `arginator ${about.arginator}, models ${about.bundle} of data set ${about.source}, embedder ${about.embedder} (${about.width} numbers)`;
  at("simulated").hidden = !about.simulated;
  const named = await Promise.all(tasks.map(async (task) => (await (await call(`/v2/models/${task}`)).json()).parameters.classes));
  named[named.length - 1].forEach((name, place) => { colours[name] = COLOURS[place % COLOURS.length]; });
}

function drop(event) {
  event.preventDefault();
  at("drop").classList.remove("over");
  if (event.dataTransfer.files.length) {
    at("file").files = event.dataTransfer.files;
    at("text").value = "";
  }
}

at("ask").addEventListener("submit", ask);
at("example").addEventListener("click", async () => {
  at("file").value = "";
  at("text").value = await (await call("/page/example.fasta")).text();
  at("text").focus();
});
at("cancel").addEventListener("click", () => call(`/v1/jobs/${job.id}/cancel`, {method: "POST"}).catch(fail));
at("text").addEventListener("input", () => { at("file").value = ""; });
for (const kind of ["dragover", "dragenter"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); at("drop").classList.add("over"); });
}
document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
document.addEventListener("drop", drop);
for (const id of ["filter", "call-filter", "unlike-filter"]) {
  at(id).addEventListener("input", () => { shownRows = PAGE_ROWS; draw(); });
}
at("more").addEventListener("click", () => { shownRows += PAGE_ROWS; draw(); });
at("token").addEventListener("change", () => introduce().then(() => { at("problem").textContent = ""; }).catch(fail));
introduce().catch(fail);
