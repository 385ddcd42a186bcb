// Everything known of the shown layer: numbers with what they rest on, and who made them. Owns the wording.

import { el } from "../dom.js";
import { shortLabel } from "../pictures/caption.js";
import { clock, duration, height, measureName, number, percent, stateWord, unit } from "../words.js";
import { detectorWords, providerWord } from "./machine.js";

export function installFacts(panel, store) {
  const list = el("dl.facts-list");
  panel.append(list);
  store.watch(["layerView"], ({ layerView }) => {
    if (!layerView) return;
    list.replaceChildren(...factsOf(layerView).flatMap(({ name, value, tip, light }) => [
      el("dt", tip ? { "data-tip": tip, tabIndex: 0 } : {}, name),
      el("dd", light ? { "data-light": light } : {}, value),
    ]));
  });
}

/** How exactly a camera's picture has moved: for who looks for the reason; that it moved stands above. Pure. */
const isFine = (name) => /^rounds$| (shift x|shift y|turn|growth|brightness|light change)$/.test(name);

/** Facts of a layer, in order: [{name, value, tip, light}]. A fact that is not known is not there. Pure. */
export function factsOf(view) {
  return [
    { name: "State", value: [stateWord(view.state), view.reason].filter(Boolean).join(": "), light: { missing: "bad", anomaly: "warn" }[view.state] },
    ...Object.entries(view.gaps).filter(([, reason]) => !view.reason.includes(reason)).map(([camera, reason]) => ({ name: camera, value: `no frame: ${reason}`, light: "warn" })),
    ...view.frames.filter((frame) => frame.flaw).map((frame) => ({ name: frame.camera, value: `flawed frame: ${frame.flaw}`, light: "warn" })),
    ...view.measures.filter(({ name }) => !isFine(name)).map(measureFact),
    ...generatedFacts(view),
    { name: "Height", value: `${height(view.height_mm)} mm` },
    { name: "Layer end", value: clock(view.wall_time), tip: view.detector && detectorWords(view.detector).join(" ") },
    view.unsure && { name: "Not sure", value: view.unsure, light: "warn", tip: "The detector doubts that this is one whole layer" },
    view.on_time_s > 0 && { name: "Laser on", value: duration(view.on_time_s), tip: "Sum of the laser's on-time in this layer" },
    view.latency_s !== null && { name: "Latency", value: duration(view.latency_s), tip: "From the layer end to the committed products" },
    ...view.frames.filter((frame) => frame.exposure_us !== null).map((frame) => ({
      name: `${frame.camera} exposure`, value: [`${number(frame.exposure_us / 1000, 3)} ms`, frame.gain_db !== null && `${number(frame.gain_db, 3)} dB`].filter(Boolean).join(", "),
    })),
    ...bundleFacts(view),
    ...view.measures.filter(({ name }) => isFine(name)).map(measureFact),
    view.calibration && { name: "Calibration", value: view.calibration.replace("sha256:", "").slice(0, 12), tip: `By which the picture was rectified: ${view.calibration}` },
  ].filter(Boolean);
}

function measureFact({ name, value, unit: said, um_per_px: um, basis, spread }) {
  const range = spread === null ? "" : ` ± ${number(spread, 2)}`;
  const value_ = [`${number(value)}${range}`, unit(said)].filter(Boolean).join(" ");
  const from = `From the ${basis}, at ${number(um, 3)} µm per pixel`;
  return { name: measureName(name), value: value_, tip: spread === null ? from : `${from}; ± is the ensemble's spread` };
}

function generatedFacts({ generated }) {
  if (!generated) return [];
  const level = (mean, p99) => `${percent(mean)} mean, ${p99 >= generated.full_scale ? "≥ " : ""}${percent(p99)} at 99th percentile`;
  const facts = [];
  if (generated.inconsistency_mean !== null) facts.push({
    name: "Against webcam", value: level(generated.inconsistency_mean, generated.inconsistency_p99),
    tip: "Super-resolved picture, degraded again, minus the webcam's, in shares of the grey scale, over the plate grid",
  });
  if (generated.spread_mean !== null) facts.push({
    name: "Ensemble spread", value: level(generated.spread_mean, generated.spread_p99),
    tip: "Standard deviation between the model's samples, in shares of the grey scale, over the plate grid",
  });
  return facts;
}

const PURPOSE = { upscale: "Super-resolved by", segment: "Segmented by" };

function bundleFacts({ bundles, device, seed }) {
  const facts = Object.entries(bundles).map(([purpose, label]) => ({ name: PURPOSE[purpose] ?? purpose, value: shortLabel(label), tip: label }));
  if (device) facts.push({ name: "Ran on", value: providerWord(device) });
  if (seed !== null && facts.length) facts.push({ name: "Seed", value: String(seed), tip: "The same frame, bundles and seed give the same products" });
  return facts;
}
