// Send events, show answers. Every number comes from the server.
import { Lane } from "./lane.js";
import { status } from "./asking.js";

const byId = (id) => document.getElementById(id);
export const lanes = ["A", "B"].map((name) => new Lane(byId(`lane-${name}`), settings));
const [first, second] = lanes;
let marked = null; // the place of the first difference

function settings() {
  return {
    prompt: byId("prompt").value,
    chat: byId("chat")?.checked ?? false,
    seed: Math.max(0, Math.trunc(Number(byId("seed").value)) || 0),
    room: Math.max(1, Math.trunc(Number(byId("room").value)) || 1),
    tint: byId("tint").value,
  };
}

function open() {
  return lanes.filter((lane) => !lane.section.hidden);
}

// What differs under the same keys is due to the chain, unless a token was chosen in one lane.
function mark() {
  const [a, b] = lanes.map((lane) => lane.tokens);
  const differs = (token, n) => n < b.length && token.id !== b[n].id;
  const found = second.section.hidden ? -1 : a.findIndex(differs);
  const place = found < 0 || a[found].chosen || b[found].chosen ? null : found;
  if (place === marked && place === null) return; // as with one chain, for each token
  marked = place;
  for (const lane of lanes) lane.mark(place);
}

for (const lane of lanes) lane.onwritten = mark;

let typing = 0;
function asked() {
  clearTimeout(typing);
  typing = setTimeout(() => open().forEach((lane) => lane.begin()), 200);
}
for (const id of ["prompt", "seed", "room"]) byId(id).addEventListener("input", asked);
byId("chat")?.addEventListener("change", asked);
byId("tint").addEventListener("change", () => lanes.forEach((lane) => lane.paint()));
byId("compare").addEventListener("change", async () => {
  second.section.hidden = !byId("compare").checked;
  document.body.classList.toggle("two", !second.section.hidden);
  if (second.section.hidden) {
    second.stop();
    second.forget();
    return mark();
  }
  if (!second.touched) await second.replace({ chain: first.chain() });
  second.begin(first.tokens.slice(0, first.kept)); // the tokens that were chosen are shared
});

// A link restores the page: what it shows is in the fragment, which no request carries.
export function link() {
  const shown = {
    ...settings(),
    chains: open().map((lane) => lane.chain()),
    kept: open().map((lane) => lane.tokens.slice(0, lane.kept)),
  };
  const url = new URL(location.href);
  url.hash = encodeURIComponent(JSON.stringify(shown));
  return url.href;
}

async function restore() {
  if (location.hash.length < 2) return [];
  let shown;
  try {
    shown = Object(JSON.parse(decodeURIComponent(location.hash.slice(1))));
  } catch {
    status("the link is not one of this page");
    return [];
  }
  for (const id of ["prompt", "seed", "room", "tint"]) if (id in shown) byId(id).value = shown[id];
  if (byId("chat")) byId("chat").checked = Boolean(shown.chat);
  const chains = Array.isArray(shown.chains) ? shown.chains : [];
  for (const [n, chain] of chains.entries()) if (lanes[n]) await lanes[n].replace({ chain });
  if (chains.length > 1) {
    byId("compare").checked = true;
    second.section.hidden = false;
    document.body.classList.add("two");
  }
  return Array.isArray(shown.kept) ? shown.kept : [];
}

const kept = await restore();
addEventListener("hashchange", () => location.reload());
for (const lane of lanes) lane.link = link;
open().forEach((lane, n) => lane.begin(Array.isArray(kept[n]) ? kept[n] : []));
