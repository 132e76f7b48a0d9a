"use strict";

const [studies, rows, config] = ["studies", "rows", "config"].map((id) =>
  JSON.parse(document.getElementById(id).textContent),
);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Theme: that of the reader's system until the button is pressed.

const theme = document.getElementById("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : prefersDark.matches;
}

function showTheme() {
  theme.setAttribute("aria-pressed", isDark());
}

theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
prefersDark.addEventListener("change", showTheme);
showTheme();

// Tables: a click on a header sorts by its column, a second click reverses. Empty cells stay last.

function compare(a, b, numeric) {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  return numeric ? parse(a) - parse(b) : a.localeCompare(b, undefined, { numeric: true });
}

function parse(key) {
  return Number(key.replace("inf", "Infinity"));
}

function sort(button) {
  const header = button.closest("th");
  const table = header.closest("table");
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("thead th")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const numeric = header.classList.contains("number");
  const key = (row) => row.querySelectorAll("[data-key]")[button.dataset.sort].dataset.key;
  const sorted = [...table.tBodies[0].rows].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    const order = compare(left, right, numeric);
    return descending && left !== "" && right !== "" ? -order : order;
  });
  table.tBodies[0].append(...sorted);
}

for (const button of document.querySelectorAll("[data-sort]"))
  button.addEventListener("click", () => sort(button));

// Texts: tokens shaded by their probability, and ribbons of their temperature and entropy.

const EDGES = [0.9, 0.5, 0.1, 0.01];
const LEVELS = [...EDGES.map((edge) => `≥ ${edge}`), `< ${EDGES.at(-1)}`];
const RIBBONS = [
  ["temperature", "temperature", ""],
  ["entropy", "entropy", " nats"],
];
const SVG = "http://www.w3.org/2000/svg";

function level(probability) {
  if (probability === null || probability === undefined) return "";
  const found = EDGES.findIndex((edge) => probability >= edge);
  return `level${found < 0 ? EDGES.length : found}`;
}

function isNumber(value) {
  return typeof value === "number";
}

function describe(sample, i) {
  const words = [`token ${i + 1} of ${sample.pieces.length} ${JSON.stringify(sample.pieces[i])}`];
  const p = sample.probabilities?.[i];
  if (isNumber(p)) words.push(`probability ${Number(p.toPrecision(3))}`);
  for (const [field, name, unit] of RIBBONS) {
    const value = sample[field]?.[i];
    if (isNumber(value)) words.push(`${name} ${value.toFixed(2)}${unit}`);
  }
  return words.join(", ");
}

function ribbon(sample, [field, name, unit], most) {
  const values = (sample[field] ?? []).filter(isNumber);
  if (!values.length) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
  const range = low === high ? `${low}${unit}` : `${low} to ${high}${unit}`;
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: `0 0 ${sample.pieces.length} 1`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `${name} per token, ${range}`,
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  sample[field].forEach((value, i) => {
    if (!isNumber(value)) return;
    const height = most > 0 ? Math.max(value / most, 0.04) : 0.04;
    const bar = document.createElementNS(SVG, "rect");
    const box = { x: i, y: 1 - height, width: 1, height, "data-token": i };
    for (const [key, number] of Object.entries(box)) bar.setAttribute(key, number);
    const title = document.createElementNS(SVG, "title");
    title.textContent = describe(sample, i);
    bar.append(title);
    svg.append(bar);
  });
  const line = element("p", {}, element("span", {}, name), element("span", {}, range));
  return element("div", { className: "ribbon" }, line, svg);
}

function showSample(sample, most, heading) {
  const tokens = sample.pieces.map((piece, i) => {
    const className = `token ${level(sample.probabilities?.[i])}`;
    const made = element("span", { className, title: describe(sample, i) }, piece);
    made.dataset.token = i;
    return made;
  });
  const text = element("div", { className: "text", tabIndex: 0 }, ...tokens);
  text.setAttribute("role", "group");
  text.setAttribute("aria-label", `text of ${sample.setting}; the arrow keys move through its tokens`);
  const readout = element("p", { className: "readout" });
  readout.setAttribute("aria-live", "polite");
  const ribbons = RIBBONS.map((kind, i) => ribbon(sample, kind, most[i])).filter(Boolean);
  const box = element("div", { className: "sample" }, element(heading, {}, sample.setting), text, readout, ...ribbons);
  let here = -1;
  const point = (i) => {
    for (const old of box.querySelectorAll(".here")) old.classList.remove("here");
    for (const part of box.querySelectorAll(`[data-token="${i}"]`)) part.classList.add("here");
    here = i;
    readout.textContent = describe(sample, i);
  };
  // A text that scrolls under a resting pointer sends pointerover, but no pointermove.
  box.addEventListener("pointermove", (event) => {
    const part = event.target.closest("[data-token]");
    if (part) point(Number(part.dataset.token));
  });
  text.addEventListener("keydown", (event) => {
    const last = tokens.length - 1;
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: last }[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    point(Math.min(Math.max(next, 0), last));
    tokens[here].scrollIntoView({ block: "nearest" });
  });
  return box;
}

function showItem(section, text) {
  const facts = [["Prompt", text.prompt || "(none)"]];
  if (text.reference) facts.push(["Reference", text.reference]);
  const parts = facts.flatMap(([name, words]) => [element("dt", {}, name), element("dd", {}, words)]);
  section.querySelector(".item").replaceChildren(...parts);
  const samples = section.querySelector(".samples");
  const heading = `h${samples.dataset.level}`;
  // All settings of an item share one scale, so that their ribbons can be compared.
  const most = RIBBONS.map(([field]) =>
    Math.max(0, ...text.samples.flatMap((sample) => (sample[field] ?? []).filter(isNumber))),
  );
  // Rows of even length: five samples are three and two, not four and one.
  const count = Math.max(1, text.samples.length);
  samples.style.setProperty("--columns", Math.ceil(count / Math.ceil(count / 4)));
  samples.replaceChildren(...text.samples.map((sample) => showSample(sample, most, heading)));
}

function showTexts(section, texts) {
  const marks = LEVELS.map((name, i) => element("span", { className: `token level${i}` }, name));
  section.querySelector(".legend span").after(...marks);
  const select = section.querySelector("select");
  const show = () => showItem(section, texts[select.value]);
  select.addEventListener("change", show);
  show();
}

// Downloads: the data of the page as files.

function offer(link, text, type) {
  if (link) link.href = URL.createObjectURL(new Blob([text], { type }));
}

studies.forEach((study, i) => {
  const article = document.querySelector(`article[data-study="${i}"]`);
  for (const plot of article.querySelectorAll(".plot")) drawAtEveryWidth(plot, study.charts[plot.dataset.chart]);
  const texts = article.querySelector(".texts");
  if (texts) showTexts(texts, study.texts);
  const json = JSON.stringify(study, null, 1);
  offer(article.querySelector("[data-json]"), json, "application/json");
  if (rows[i]) offer(article.querySelector("[data-rows]"), rows[i], "application/x-ndjson");
});
