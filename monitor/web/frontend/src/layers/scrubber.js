// The layer control: a range over the layers, with what each is beneath it. Owns nothing but its place on the page.

import { el, icon, onFrame, onScheme, say } from "../dom.js";
import { alarmMarks } from "../model/alarms.js";
import { find, problem } from "../model/layers.js";
import { clock, height, stateWord } from "../words.js";
import { place, step } from "./place.js";
import { drawStrip } from "./strip.js";

const THUMB = 18;
const LEFT = "M15 5l-7 7 7 7";
const RIGHT = "M9 5l7 7-7 7";

export function installScrubber(footer, store) {
  const { state } = store;
  const range = el("input", {
    type: "range", min: 0, step: 1, "aria-label": "Layer",
    oninput: () => place(store, Number(range.value)),
  });
  const strip = el("canvas.strip", { "aria-hidden": "true" });
  const back = button("Layer below", LEFT, () => step(store, -1));
  const on = button("Layer above", RIGHT, () => step(store, 1));
  const live = el("button.live", { type: "button", onclick: () => store.set({ follow: !state.follow }) });
  const where = el("p.where", { id: "where" });
  const what = el("p.what");
  footer.append(live, back, el("div.track", {}, strip, range), on, el("div.place", {}, where, what));

  const marks = () => alarmMarks([...(state.live?.alarms?.open ?? []), ...state.history], state.build?.id);
  const draw = onFrame(() => drawStrip(strip, state.rows, marks(), THUMB));
  new ResizeObserver(draw).observe(strip);
  onScheme(draw);
  store.watch(["rows", "live", "history"], draw);
  store.watch(["rows", "layer", "follow", "build"], () => {
    const at = find(state.rows, state.layer);
    const row = state.rows[at];
    footer.hidden = !state.rows.length;
    if (!row) return;
    range.max = String(state.rows.length - 1);
    range.value = String(at);
    back.disabled = at === 0;
    on.disabled = at === state.rows.length - 1 || state.follow;
    const newest = state.rows[state.rows.length - 1].index;
    say(where, `layer ${row.index} of ${newest} · ${height(row.height_mm)} mm`);
    say(what, problem(row) ? rowWords(row) : `${rowWords(row)} · ${clock(row.wall_time)}`);
    what.title = rowWords(row);
    what.dataset.light = light(row);
    range.setAttribute("aria-valuetext", `layer ${row.index}, ${height(row.height_mm)} mm, ${rowWords(row)}`);
    followWords(live, state);
  });
}

function followWords(live, { follow, build }) {
  const running = build && !build.ended;
  say(live, follow ? (running ? "Following" : "Newest") : "To newest");
  live.setAttribute("aria-pressed", String(follow));
  live.dataset.tip = follow ? "The newest layer is shown as it comes. Choose another layer to stay there." : "Show the newest layer and follow it (End)";
}

/** A layer's state in words, with the reason where it is not ok. */
export function rowWords(row) {
  const found = problem(row);
  if (!found) return stateWord(row.state);
  if (found.kind === "gap") return found.reason;
  return `${stateWord(found.kind)}: ${found.reason}`;
}

const light = (row) => ({ missing: "bad", anomaly: "warn", gap: "warn", unsure: "warn" })[problem(row)?.kind] ?? "";

function button(label, path, onclick) {
  return el("button.step", { type: "button", "aria-label": label, onclick }, icon(path));
}
