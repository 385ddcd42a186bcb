// Layers with something wrong, newest first, each a way there. Refuses to judge what is wrong.

import { el } from "../dom.js";
import { goTo } from "../layers/place.js";
import { problem } from "../model/layers.js";
import { count, stateWord } from "../words.js";

const MOST = 60;
const LIGHTS = { missing: "bad", anomaly: "warn", gap: "warn", unsure: "warn" };

export function installProblems(panel, store) {
  const list = el("ul.problem-list");
  panel.append(list);
  let shown = "";
  store.watch(["rows", "layer"], ({ rows, layer }) => {
    const runs = problemRuns(rows);
    const key = JSON.stringify([runs, layer]);
    if (key === shown) return;
    shown = key;
    const layers = runs.reduce((sum, run) => sum + run.last - run.first + 1, 0);
    document.getElementById(panel.getAttribute("aria-labelledby")).textContent = layers ? `Problems: ${layers}` : "Problems";
    list.replaceChildren(...runs.slice(0, MOST).map((run) => entry(run, layer, store)));
    if (!runs.length) list.append(el("li.dim", {}, rows.length ? `No problem in ${count(rows.length, "layer")}.` : "No layer yet."));
    if (runs.length > MOST) list.append(el("li.dim", {}, `and ${runs.length - MOST} earlier; see the layer control`));
  });
}

/** Consecutive layers with the same problem as one, newest first: [{first, last, kind, reason}]. Pure. */
export function problemRuns(rows) {
  const runs = [];
  for (const row of rows) {
    const found = problem(row);
    if (!found) continue;
    const open = runs[runs.length - 1];
    if (open && open.last === row.index - 1 && open.kind === found.kind && open.reason === found.reason) open.last = row.index;
    else runs.push({ first: row.index, last: row.index, ...found });
  }
  return runs.reverse();
}

function entry({ first, last, kind, reason }, layer, store) {
  const where = first === last ? `Layer ${first}` : `Layers ${first}–${last}`;
  const word = kind === "gap" ? "camera" : stateWord(kind);
  const here = layer >= first && layer <= last;
  return el("li", {}, el("button.problem", {
    type: "button", "data-light": LIGHTS[kind], "aria-current": here ? "true" : null, onclick: () => goTo(store, last),
  }, el("b", {}, where), " ", el("span", {}, word), el("span.reason", {}, reason)));
}
