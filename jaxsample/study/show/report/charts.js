"use strict";

// Charts are drawn for the width of their place: titles and names wrap, and the legend has as many
// columns as fit. The colours of text and lines come from the page's style, so a change of the theme
// needs no new drawing.

const LINE = 14; // pixels of a line of text
const ruler = document.createElement("canvas").getContext("2d");
ruler.font = "12px system-ui, sans-serif";

function textWidth(text) {
  return ruler.measureText(text).width;
}

function wrapped(text, width) {
  const lines = [];
  for (const word of String(text).split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && textWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function values(spec, field) {
  return [...new Set((spec.data?.values ?? []).map((row) => row[field]))];
}

function isComposed(spec) {
  return ["facet", "concat", "hconcat", "vconcat", "repeat"].some((key) => key in spec);
}

// Vega looks the lines of a name up in a parameter, so names stay data in its expressions.
function wrapNames(spec, part, names, width) {
  const lines = Object.fromEntries(names.map((name) => [name, wrapped(name, width)]));
  spec.params = [...(spec.params ?? []), { name: `${part}_lines`, value: lines }];
  const most = Math.max(1, ...names.map((name) => lines[name].length));
  return { most, labelExpr: `${part}_lines[datum.label]` };
}

// The names on a vertical axis take at most two fifths of the width.
function fitNames(spec, encodings, width) {
  const [{ field }] = encodings;
  const names = values(spec, field);
  const { most, labelExpr } = wrapNames(spec, "axis", names, 0.4 * width);
  spec.height = Math.max(spec.height, names.length * (most * LINE + 6));
  const labelLimit = 0.45 * width;
  for (const y of encodings) y.axis = { ...y.axis, labelExpr, labelLimit };
}

// Numbers in the cells of a heat map need room.
function withoutNarrowNumbers(spec, width) {
  const isNarrow = ({ mark, encoding }) =>
    mark?.type === "text" && (width - 80) / values(spec, encoding.x?.field).length < 3 * LINE;
  return spec.layer?.filter((layer) => !isNarrow(layer));
}

function fitLegend(spec, encodings, width) {
  const [field] = (spec.params ?? []).find(({ bind }) => bind === "legend")?.select.fields ?? [];
  const names = values(spec, field);
  const longest = Math.max(0, ...names.map(textWidth));
  const columns = Math.max(1, Math.floor((width - 70) / (longest + 40)));
  const labelLimit = width - 110;
  if (longest > labelLimit) {
    const { labelExpr } = wrapNames(spec, "legend", names, labelLimit);
    for (const { color, shape, strokeDash } of encodings)
      for (const channel of [color, shape, strokeDash])
        if (channel?.field === field) channel.legend = { ...channel.legend, labelExpr };
  }
  return { ...config.legend, columns, labelLimit };
}

function fitted(chart, width) {
  const { $schema, ...spec } = structuredClone(chart.spec);
  const described = { description: chart.caption, ...spec };
  if (isComposed(spec) || typeof spec.width !== "number")
    return { ...described, config: { ...config, ...spec.config } };
  const layer = withoutNarrowNumbers(described, width);
  if (layer) described.layer = layer;
  const encodings = [described, ...(layer ?? [])].map(({ encoding }) => encoding ?? {});
  const named = encodings.map(({ y }) => y).filter((y) => y?.type === "nominal");
  if (named.length) fitNames(described, named, width);
  const across = named.length ? 0.5 * width : width - 80;
  for (const { x, y } of encodings) {
    if (typeof x?.title === "string") x.title = wrapped(x.title, across);
    if (typeof y?.title === "string") y.title = wrapped(y.title, described.height);
  }
  const legend = fitLegend(described, encodings, width);
  const autosize = { type: "fit-x", contains: "padding" };
  return { ...described, width, autosize, config: { ...config, legend, ...spec.config } };
}

// Enter and the space bar on a legend do what a click does.
function openLegend(plot, view, spec) {
  const picker = (spec.params ?? []).find((parameter) => parameter.bind === "legend");
  if (!picker) return;
  const labels = [...plot.querySelectorAll(".role-legend-label text")];
  for (const label of labels) {
    label.setAttribute("tabindex", "0");
    label.setAttribute("role", "button");
    label.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      const { x, y, width, height } = label.getBoundingClientRect();
      const at = { clientX: x + width / 2, clientY: y + height / 2, bubbles: true, view: window };
      label.dispatchEvent(new MouseEvent("click", at));
    });
  }
  const store = `${picker.name}_store`;
  const press = () => {
    const picked = view.data(store).flatMap((entry) => entry.values.flat().map(String));
    for (const label of labels) label.setAttribute("aria-pressed", picked.includes(String(label.__data__.datum.value)));
  };
  view.addDataListener(store, press);
  press();
}

async function draw(plot, chart) {
  const options = { actions: false, renderer: "svg", mode: "vega-lite", tooltip: { theme: "custom" } };
  try {
    const spec = fitted(chart, plot.clientWidth);
    const { view } = await vegaEmbed(plot, spec, options);
    openLegend(plot, view, spec);
  } catch (error) {
    plot.textContent = `This chart cannot be drawn: ${error.message}`;
  }
}

function drawAtEveryWidth(plot, chart) {
  let width = 0;
  let drawn = Promise.resolve();
  const redraw = () => {
    if (plot.clientWidth === width) return;
    width = plot.clientWidth;
    drawn = drawn.then(() => draw(plot, chart));
  };
  new ResizeObserver(redraw).observe(plot);
}
