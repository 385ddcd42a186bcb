// Cards of the parts in the shown layer. Owns the wording; a card leads the pictures to its part.

import { makeDialog } from "../chrome/dialog.js";
import { el } from "../dom.js";
import { addressOf, getJson, inSet } from "../model/api.js";
import { count, number, percent, sentence } from "../words.js";

const NONE = "not measured";

export function installParts(panel, store) {
  const { state } = store;
  const note = el("p.facts-line", { tabIndex: 0 });
  const cards = el("ul.cards");
  panel.append(note, cards);
  const wall = wallWindow(store);
  let asked = "";

  async function show() {
    const { layerView: view, build, tab } = state;
    if (tab !== "parts" || !view || !build) return;
    const key = `${build.id} ${state.set} ${view.index} ${view.state}`;
    if (key === asked) return;
    asked = key;
    if (!view.pictures.mask) {
      note.textContent = `Layer ${view.index} has no mask${view.state === "pending" ? " yet" : ""}.`;
      cards.replaceChildren();
      return;
    }
    try {
      const found = await getJson(inSet(`builds/${encodeURIComponent(build.id)}/layers/${view.index}/parts`, state.set));
      if (key !== asked) return;
      note.textContent = partsWords(found);
      note.dataset.tip = basisWords(found);
      cards.replaceChildren(...worstFirst(found.parts, view, found).map((part) => card(part, found, view, store, wall)));
    } catch (error) {
      asked = "";
      note.textContent = `No parts now: ${error.what ?? error}`;
      cards.replaceChildren();
    }
  }
  store.watch(["layerView", "tab", "build"], show);
}

/** How many parts there are, and by what. Pure. */
export function partsWords({ parts, nominal }) {
  if (!parts.length) return "No part in this layer.";
  const sure = parts.some(({ measures = [] }) => measures.some(({ spread }) => spread !== null));
  return `${count(parts.length, "part")} ${nominal ? "against the nominal outline" : "as the mask falls apart"}${sure ? ", with 90 % intervals" : "; no interval yet"}`;
}

/** What all cards rest on. Pure. */
export function basisWords({ um_per_px: um, intervals }) {
  return `At ${number(um, 3)} µm per pixel. ${sentence(intervals || "no interval yet")}. Choose a part to look at it.`;
}

const NO_INTERVAL = "no interval yet";

/** Value and half-width as digits: both to the second significant digit of the half-width. Pure. */
export function interval(value, spread) {
  if (spread === null || spread === undefined) return number(value, 3);
  const digits = spread > 0 ? Math.min(Math.max(0, 1 - Math.floor(Math.log10(spread))), 6) : 3;
  return `${value.toFixed(digits)} ± ${spread.toFixed(digits)}`;
}

/** What a number without an interval says of itself; the others' is said once, above all cards. */
const unsure = (measure) => (measure?.spread === null || measure?.spread === undefined ? NO_INTERVAL : "");

/** A figure of a part: the worker's number with its interval, else that of the mask alone. */
function figure(name, part, key, value, unit, nominal) {
  const found = part.measures?.find((measure) => measure.name === key);
  const of = nominal === null ? "" : `of ${number(nominal, 3)}`;
  return { name, value: `${interval(found?.value ?? value, found?.spread)} ${unit}`, more: [of, unsure(found)].filter(Boolean).join(", ") };
}

function roughness({ measures = [] }, limit) {
  const sa = measures.find(({ name }) => name === "Sa");
  if (!sa) return { name: "Sa", value: NONE, more: measures.length ? "not a round part" : "" };
  const more = [unsure(sa), sa.window_um && `window ${number(sa.window_um / 1000, 2)} mm`, sa.floor !== null && `pixels alone ${number(sa.floor, 2)}`];
  return { name: "Sa", value: `${interval(sa.value, sa.spread)} ${sa.unit}`, more: more.filter(Boolean).join(", "), light: limit !== null && sa.value >= limit ? "warn" : undefined };
}

/** Figures of a card: [{name, value, more, light}], the verdict last. Pure. */
export function cardLines(part, view, { area_tolerance_percent: tolerance = null, sa_limit_um: limit = null } = {}) {
  if (part.lost) return [verdict(part, view, tolerance)];
  return [
    figure("Area", part, "area", part.area_mm2, "mm²", part.nominal_area_mm2),
    figure("Ø", part, "equivalent diameter", part.diameter_mm, "mm", part.nominal_diameter_mm),
    roughness(part, limit),
    verdict(part, view, tolerance),
  ];
}

/** Parts with something wrong first, then as they lie. Pure. */
export function worstFirst(parts, view, limits) {
  const rank = (part) => Math.min(...cardLines(part, view, limits).map(({ light }) => ["bad", "warn", undefined].indexOf(light)));
  return [...parts].sort((a, b) => rank(a) - rank(b) || a.number - b.number);
}

/** What the area says of the part: good and bad only where the whole interval does. */
function verdict(part, view, tolerance) {
  if (view.state === "anomaly") return { name: "Verdict", value: "not believed", more: "the layer's mask is not", light: "warn" };
  if (part.lost || (part.nominal_area_mm2 && part.area_mm2 === 0)) return { name: "Verdict", value: "not there", more: "no metal found", light: "bad" };
  if (!part.nominal_area_mm2) return { name: "Verdict", value: "none", more: "" };
  const off = part.area_mm2 / part.nominal_area_mm2 - 1;
  const value = `${off < 0 ? "−" : "+"}${percent(Math.abs(off))}`;
  if (tolerance === null) return { name: "Verdict", value, more: "alarm rule off" };
  const spread = (part.measures?.find(({ name }) => name === "area")?.spread ?? 0) / part.nominal_area_mm2;
  const [least, most] = [Math.max(0, Math.abs(off) - spread) * 100, (Math.abs(off) + spread) * 100];
  if (most <= tolerance) return { name: "Verdict", value: `good, ${value}`, more: `within ±${number(tolerance)} %`, light: undefined };
  if (least > tolerance) return { name: "Verdict", value, more: `beyond ±${number(tolerance)} %`, light: "warn" };
  return { name: "Verdict", value: `not sure, ${value}`, more: `its interval reaches over ±${number(tolerance)} %`, light: "warn" };
}

const touches = ({ touching = [] }) => (touching.length ? `touches part ${touching.join(", ")}` : "");

function card(part, found, view, store, wall) {
  const lines = cardLines(part, view, found).filter(({ value }) => value !== NONE);
  const { value, more, light } = lines.pop();
  return el("li", {}, el("button.card", {
    type: "button", "data-tip": `Show part ${part.number} in the pictures`,
    onclick: () => store.set({ focus: { centre_mm: part.centre_mm, size_mm: part.size_mm } }),
  }, el("span.card-head", {}, el("b", {}, `Part ${part.number}`), el("b", light ? { "data-light": light } : {}, value === "none" ? "no verdict" : value), el("small", {}, [more, touches(part)].filter(Boolean).join(" · "))),
  el("span.figures", {}, lines.map((line) => el("span", {}, el("small", {}, line.name), el("span", {}, el("b", line.light ? { "data-light": line.light } : {}, line.value), line.more && el("small", {}, line.more)))))), hasWall(part) && el("button.quiet.wall", { type: "button", "aria-label": `Side wall of part ${part.number}, unrolled`, onclick: () => wall(part.number) }, "Side wall"));
}

/** Whether its wall was traced: only then it has a roughness. Pure. */
export const hasWall = ({ measures = [] }) => measures.some(({ name }) => name === "Sa");

/** A function that shows the unrolled side wall of a part in a window. */
function wallWindow({ state }) {
  const dialog = makeDialog("wall", "Side wall");
  return (number) => {
    const trouble = el("p.trouble", { role: "alert" });
    const picture = el("img", {
      src: addressOf(inSet(`builds/${encodeURIComponent(state.build.id)}/parts/${number}/wall`, state.set)),
      alt: `Side wall of part ${number}, unrolled: how far its outline is in or out, by angle and layer`,
      onerror: () => { trouble.textContent = "It cannot be shown now: no believed layer has an outline of this part."; picture.remove(); },
    });
    dialog.heading.textContent = `Side wall of part ${number}, unrolled`;
    dialog.body.replaceChildren(el("div.wide-picture", {}, picture), el("p.dim", {}, "Blue is inwards, red outwards, over the whole build so far."), trouble);
    dialog.open();
  };
}
