// The build at a glance: layer, height, cadence, time left, latency. Owns the wording.

import { el } from "../dom.js";
import { isRunning } from "../model/health.js";
import { find } from "../model/layers.js";
import { cadence, fallsBehind, latency, timeLeft } from "../model/pace.js";
import { clock, duration, height, roughly } from "../words.js";

export function installBuild(panel, store) {
  const title = el("h2", { id: "build-title" }, "This build");
  const list = el("dl.glance");
  panel.append(title, list);
  let shown = "";
  store.watch(["build", "rows", "layer", "live", "connection"], (state) => {
    const facts = glance(state);
    const key = JSON.stringify(facts);
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...facts.map(({ name, value, more, tip, light }) =>
      el("div", {}, el("dt", tip ? { "data-tip": tip, tabIndex: 0 } : {}, name),
        el("dd", light ? { "data-light": light } : {}, value, more && el("small", {}, more)))));
  });
}

/** What is said of the build: [{name, value, more, tip, light}]. Pure. */
export function glance({ build, rows, layer, live }, now = new Date()) {
  if (!build || !rows.length) return [];
  const newest = rows[rows.length - 1];
  const row = rows[find(rows, layer)] ?? newest;
  const planned = build.planned_layers;
  return [
    { name: "Layer", value: String(newest.index), more: planned ? `of ${planned - 1}` : "newest", tip: planned ? "Newest layer, counted from 0" : "Newest layer; the printer does not tell how many there will be" },
    { name: "Height", value: `${height(row.height_mm)} mm`, more: row === newest ? "" : `at layer ${row.index}` },
    pace(rows),
    left(build, rows, live, now),
    lag(rows),
  ];
}

function pace(rows) {
  const every = cadence(rows);
  return { name: "Cadence", value: every === null ? "–" : duration(every), more: every === null ? "not known yet" : "per layer", tip: "Time from layer end to layer end, median of the last 10" };
}

function left(build, rows, live, now) {
  if (build.ended) return { name: "Ended", value: clock(rows[rows.length - 1].wall_time), more: build.ended };
  if (live && !isRunning(build, live)) return { name: "Time left", value: "–", more: "nothing prints it now" };
  const seconds = timeLeft(build, rows);
  const tip = build.planned_layers ? "Planned layers that are left, times the cadence" : "Set store.planned_layers in the configuration to see it";
  if (seconds === null) return { name: "Time left", value: "–", more: build.planned_layers ? "not known yet" : "layers not planned", tip };
  return { name: "Time left", value: roughly(seconds), more: `until ${clock(new Date(now.getTime() + seconds * 1000).toISOString(), now).replace(/:\d\d$/, "")}`, tip };
}

function lag(rows) {
  const takes = latency(rows);
  const behind = fallsBehind(rows);
  const tip = "From the layer end to its committed products, median of the last 10 layers; longer than the cadence, processing falls behind";
  if (takes === null) return { name: "Latency", value: "–", more: "no layer processed yet", tip };
  return { name: "Latency", value: duration(takes), more: behind ? "falls behind" : "keeps up", light: behind ? "warn" : undefined, tip };
}
