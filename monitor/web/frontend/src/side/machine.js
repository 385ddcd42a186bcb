// The processes and their devices, in plain words. Refuses to judge: the server says what is well.
//
// Calm when all is well: devices that are ready, bundles and how layer ends are told are folded away; what is not well always stands open.

import { el } from "../dom.js";
import { makeLight } from "../chrome/light.js";
import { shortLabel } from "../pictures/caption.js";
import { clock, count, duration, processName, rarely, sentence } from "../words.js";

export function installMachine(panel, store) {
  const list = el("ul.machine-list");
  panel.append(el("h2", { id: "machine-title" }, "Machine"), list);
  const opened = new Set();
  let shown = "";
  store.watch(["live"], ({ live }) => {
    const lines = live ? live.processes.map((process) => lineOf(process, live)) : [];
    const key = JSON.stringify(lines);
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...lines.map((line) => entry(line, opened)));
  });
}

const HERE = /: https?:\S+$/; // who reads this knows the address

/** How layer ends are told, and how often that is wrong: [line, …]. Pure. */
export function detectorWords({ gap_s: gap, layers, false_end: early, miss }) {
  const from = layers ? `learnt from ${count(layers, "layer")}` : "as configured";
  const said = [`A layer ends when the laser was off for ${duration(gap)}, ${from}.`];
  if (early === null || miss === null) return [...said, "How often that is wrong is not known yet."];
  return [...said, `Estimated: missed in ${rarely(miss)}, too early in ${rarely(early)}.`];
}

/** Layers of the build at hand that nobody processes yet: what the store lacks, less the one that is in work. Pure. */
export function backlogWords({ process: name, build, state }, { build: atHand = null, processed = 0 }) {
  if (name !== "worker" || !atHand) return "";
  const busy = state === "processing" && build === atHand.id;
  const left = atHand.layers - processed - (busy ? 1 : 0);
  if (left <= 0) return "";
  return `${count(left, "layer")} ${busy ? "waiting behind it" : "waiting for products"}`;
}

/** What is said of one process of the live state. Pure. */
export function lineOf(process, live = {}) {
  const { detector = null } = live;
  const { bundles = {}, device, notices = [], outages = [] } = process.facts;
  const on = process.light !== "off";
  const said = [process.words, ...process.devices.map(({ words }) => words)];
  return {
    name: sentence(processName(process.process)),
    light: process.light,
    words: process.words.replace(HERE, ""),
    more: backlogWords(process, live),
    on: device && on ? `runs on ${providerWord(device)}` : "",
    notices: on && process.state !== "silent" ? notices.filter((notice) => !said.some((words) => words.includes(notice))) : [],
    detector: on && detector && process.process === "acquire" ? detectorWords(detector) : [],
    past: on ? outages.filter(({ back }) => back).map(pastWords) : [],
    devices: asOne(process.devices).map(({ name, light, words, kind, temperature_c: warm = null }) => ({ name, light, kind, words: warm === null ? words : `${words}, ${Math.round(warm)} °C` })),
    bundles: on ? Object.values(bundles).map((label) => shortLabel(String(label))) : [],
  };
}

/** Devices that all say the same of which nothing is known are one line. */
function asOne(devices) {
  const [first, ...more] = devices;
  const same = more.length > 0 && devices.every(({ state, words }) => state === "unknown" && words === first.words);
  return same ? [{ ...first, name: count(devices.length, "device"), kind: devices.map(({ name }) => name).join(", "), temperature_c: null }] : devices;
}

/** An outage that is over. */
function pastWords({ device, since, back, layers }) {
  return `${device} was away ${clock(since)} to ${clock(back)}, ${count(layers, "layer")} without it`;
}

/** What stands behind the fold: "3 devices ready, layer ends", "runs on CPU, 2 bundles"; "" where there is nothing. Pure. */
export function foldWords({ on, devices, bundles, detector = [] }) {
  const well = devices.filter(isWell).length;
  const others = well < devices.length ? "other device" : "device";
  return [on, well && `${count(well, others)} ready`, bundles.length && count(bundles.length, "bundle"), detector.length && "layer ends"].filter(Boolean).join(", ");
}

/** "CPU" from "CPUExecutionProvider". */
export function providerWord(device) {
  return String(device).replace(/ExecutionProvider$/, "");
}

const isWell = ({ light }) => light === "good";

function entry(line, opened) {
  const { name, light, words, more, notices, past, devices } = line;
  const ill = devices.filter((device) => !isWell(device));
  return el("li", {}, row(name, light, words), more && el("p.dim.more", {}, more),
    ...notices.map((notice) => el("p.more", { "data-light": "warn" }, notice)),
    ill.length > 0 && deviceList(ill),
    ...past.map((words) => el("p.dim.more", {}, words)),
    folded(line, opened));
}

function folded(line, opened) {
  const words = foldWords(line);
  if (!words) return null;
  const fold = el("details.more", { open: opened.has(line.name), ontoggle: () => (fold.open ? opened.add(line.name) : opened.delete(line.name)) },
    el("summary", {}, words), deviceList(line.devices.filter(isWell)), ...[...line.bundles, ...line.detector].map((said) => el("p.dim", {}, said)));
  return fold;
}

const deviceList = (devices) => el("ul", {}, devices.map(({ name, light, words, kind }) => el("li", {}, row(name, light, words, kind))));

function row(name, light, words, kind) {
  const lamp = makeLight();
  lamp.set(light, words);
  return el("p.row", kind ? { "data-tip": `${name} (${kind})` } : {}, el("span.name", {}, name), lamp.node);
}
