// The processes and their devices, in plain words. Refuses to judge: the server says what is well.

import { el } from "../dom.js";
import { makeLight } from "../chrome/light.js";
import { shortLabel } from "../pictures/caption.js";
import { count, processName, sentence } from "../words.js";

export function installMachine(panel, store) {
  const list = el("ul.machine-list");
  panel.append(el("h2", { id: "machine-title" }, "Machine"), list);
  let shown = "";
  store.watch(["live"], ({ live }) => {
    const lines = live ? live.processes.map(lineOf) : [];
    const key = JSON.stringify(lines);
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...lines.map(entry));
  });
}

/** What is said of one process. Pure. */
export function lineOf(process) {
  const { backlog, bundles, device, notices = [] } = process.facts;
  const more = [];
  if (backlog > 1) more.push(`${count(backlog - 1, "layer")} waiting behind it`);
  if (device && process.light !== "off") more.push(`runs on ${providerWord(device)}`);
  if (bundles && process.light !== "off") more.push(...Object.values(bundles).map((label) => shortLabel(String(label))));
  return {
    name: sentence(processName(process.process)),
    light: process.light,
    words: process.words,
    more: more.join(" · "),
    notices: process.light === "off" ? [] : notices.filter((notice) => ![process.words, ...process.devices.map(({ words }) => words)].some((words) => words.includes(notice))),
    devices: process.devices.map(({ name, light, words, kind }) => ({ name, light, words, kind })),
  };
}

/** "CPU" from "CPUExecutionProvider". */
export function providerWord(device) {
  return String(device).replace(/ExecutionProvider$/, "");
}

function entry({ name, light, words, more, notices, devices }) {
  return el("li", {}, row(name, light, words), more && el("p.dim.more", {}, more), ...notices.map((notice) => el("p.more", { "data-light": "warn" }, notice)),
    devices.length > 0 && el("ul", {}, devices.map((device) => el("li", {}, row(device.name, device.light, device.words, device.kind)))));
}

function row(name, light, words, kind) {
  const lamp = makeLight();
  lamp.set(light, words);
  return el("p.row", kind ? { "data-tip": `${name} (${kind})` } : {}, el("span.name", {}, name), lamp.node);
}
