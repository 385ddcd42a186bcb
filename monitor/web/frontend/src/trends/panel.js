// Curves over the layers: measures with their bands, latency against cadence, and where the time goes. Owns which there are.

import { el, say } from "../dom.js";
import { goTo } from "../layers/place.js";
import { columns, find, stack } from "../model/layers.js";
import { namesOf } from "../model/other.js";
import { duration, measureName, number, unit } from "../words.js";
import { makeChart } from "./chart.js";
import { joined } from "./join.js";

const STAGES = ["--stage-1", "--stage-2", "--stage-3", "--stage-4", "--stage-5", "--stage-6"];
const CURVES = ["--curve-1", "--curve-2", "--curve-3"];
const MOST_CURVES = 2;
const LEAST_SHARE = 0.02;
const FIRST = ["area", "iou", "Sa", "hd95"];
const MOVED = / moved$/; // how far the source camera's picture has moved since the build's start
const ofCamera = (name) => / (moved|shift x|shift y|turn|growth|brightness|light change)$/.test(name);

/** Names of the measures to draw: the telling ones first, then as they come. Pure. */
export function chosenCurves(names) {
  const first = FIRST.filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !first.includes(name))].slice(0, MOST_CURVES);
}

export function installTrends(panel, store) {
  const { state } = store;
  const charts = el("div.charts");
  const other = el("p.dim.compared");
  panel.append(el("div.head", {}, el("h2", { id: "trends-title" }, "Over the layers"), other), charts);
  let made = [];
  let key = "";
  let lost = [];
  const shared = { get: () => ({ layer: state.layer, lost }), onPick: (index) => goTo(store, index) };

  store.watch(["rows", "legend", "otherRows"], () => {
    const data = columns(state.rows);
    lost = state.rows.filter((row) => row.state === "missing").map((row) => row.index);
    const known = Object.keys(data.measures).filter((name) => state.legend[name]);
    const names = [...new Set([...chosenCurves(known.filter((name) => !ofCamera(name))), ...known.filter((name) => MOVED.test(name)).slice(0, 1)])];
    const stages = Object.keys(data.stages);
    const now = JSON.stringify([names, stages]);
    if (now !== key) {
      key = now;
      made = [...names.map((name, i) => measureChart(name, i, shared)), ...(stages.length ? [latencyChart(shared), timeChart(stages, shared)] : [])];
      charts.replaceChildren(...made.map((chart) => chart.node));
      if (!made.length) charts.append(el("p.dim", {}, "The first curve begins with the first processed layer."));
    }
    for (const chart of made) chart.set(data, state);
    other.hidden = !state.otherBuild;
    say(other, state.otherBuild && state.build ? `dashed: ${namesOf(state)[1]}` : "");
  });
  store.watch(["layer"], () => made.forEach((chart) => chart.move(state)));
}

function frame(title, explained) {
  const value = el("span.value");
  const place = el("div.plot");
  const name = el("h3", explained ? { "data-tip": explained, tabIndex: 0 } : {}, title);
  const node = el("div.chart", {}, el("div.head", {}, name, value), place);
  return { node, value, place, name };
}

function measureChart(name, i, shared) {
  const { node, value, place, name: title } = frame(measureName(name), measureName(name));
  const colour = CURVES[i % CURVES.length];
  const chart = makeChart(place, [{ colour }, { colour: null }, { colour: null }, { colour: "--dim", dash: [5, 4] }], {
    ...shared, band: { between: [3, 2], colour, alpha: "3a" },
  });
  const move = ({ rows, layer, legend }) => {
    const row = rows[find(rows, layer)];
    const shown = row?.measures[name];
    const half = row?.spreads[name];
    const range = half === undefined ? "" : ` ± ${number(half, 2)}`;
    say(value, shown === undefined ? "–" : [`${number(shown, Math.abs(shown) < 1 ? 3 : 4)}${range}`, unit(legend[name].unit)].filter(Boolean).join(" "));
  };
  const set = (data, state) => {
    const { unit: said, um_per_px: um, basis } = state.legend[name];
    const banded = state.rows.some((row) => name in row.spreads);
    title.dataset.tip = `From the ${basis}, at ${number(um, 3)} µm per pixel${unit(said) ? `, in ${said}` : ", no unit"}${banded ? "; the band is the ensemble's spread" : ""}`;
    chart.set(joined(state.rows, state.otherRows, name));
    move(state);
  };
  return { node, set, move: (state) => { move(state); chart.move(); } };
}

/** Whether processing keeps up: the latency of each layer beside the time that the printer gives. */
function latencyChart(shared) {
  const { node, value, place } = frame("Latency", "Line: from layer end to committed products. Dashed: from layer end to layer end. Above the dashed line, processing falls behind");
  const chart = makeChart(place, [{ colour: "--curve-3", fill: "22" }, { colour: "--dim", dash: [5, 4] }], { ...shared, zero: true });
  const move = ({ rows, layer }) => {
    const at = find(rows, layer);
    const [takes, every] = [rows[at]?.latency_s ?? null, rows[at]?.period_s ?? null];
    say(value, takes === null ? "–" : `${duration(takes)}${every === null ? "" : ` of ${duration(every)}`}`);
  };
  const set = (data, state) => {
    chart.set([data.x, state.rows.map((row) => row.latency_s), state.rows.map((row) => row.period_s ?? null)]);
    move(state);
  };
  return { node, set, move: (state) => { move(state); chart.move(); } };
}

/** Names of the stages that take a fiftieth of the time or more, and seconds of the others together. Pure. */
export function tellingStages(timings) {
  const sum = (all) => all.reduce((seconds, more) => seconds + more, 0);
  const least = sum(Object.values(timings)) * LEAST_SHARE;
  const shown = Object.keys(timings).filter((stage) => timings[stage] >= least);
  return { shown, others: sum(Object.values(timings).filter((seconds) => seconds < least)) };
}

/** Wall time of each stage, stacked: the top line is the whole. */
function timeChart(stages, shared) {
  const { node, value, place } = frame("Time by stage", "Wall time of a layer in each of the worker's stages, in seconds");
  const keyed = stages.map((stage, i) => [stage, STAGES[i % STAGES.length]]);
  // Drawn from the whole downwards, so that each area covers those beneath it.
  const chart = makeChart(place, [...keyed].reverse().map(([, colour]) => ({ colour, fill: "ff" })), { ...shared, zero: true });
  const says = keyed.map(([stage], i) => {
    const time = el("b");
    return { stage, time, item: el("li", {}, el(`span.swatch.stage-${(i % STAGES.length) + 1}`, { "aria-hidden": "true" }), stage, " ", time) };
  });
  const rest = el("li.rest", { "data-tip": "Each of them less than a fiftieth" });
  node.append(el("ul.legend", {}, says.map(({ item }) => item), rest));
  const move = ({ rows, layer }) => {
    const timings = rows[find(rows, layer)]?.timings_s ?? {};
    const { shown, others } = tellingStages(timings);
    const total = Object.values(timings).reduce((sum, seconds) => sum + seconds, 0);
    say(value, Object.keys(timings).length ? duration(total) : "–");
    for (const { stage, time, item } of says) {
      item.hidden = !shown.includes(stage);
      item.style.order = String(-Math.round((timings[stage] ?? 0) * 1000)); // where only some fit, the longest do
      say(time, stage in timings ? duration(timings[stage]) : "–");
    }
    rest.hidden = !others;
    say(rest, `others ${duration(others)}`);
  };
  const set = (data, state) => {
    chart.set([data.x, ...stack(stages.map((stage) => data.stages[stage])).reverse()]);
    move(state);
  };
  return { node, set, move: (state) => { move(state); chart.move(); } };
}
