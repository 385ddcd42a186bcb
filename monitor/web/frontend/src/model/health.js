// How the machine is, in one light and few words. Pure.

import { count, processName } from "../words.js";
import { summaryOf, unseen } from "./alarms.js";

/** Lights from the best to the worst. */
export const ORDER = ["good", "off", "warn", "bad"];

/** Everything that is not well, worst first: [{light, words}]. */
export function complaints(processes) {
  const found = [];
  for (const process of processes) {
    if (process.light === "bad" || process.light === "warn") found.push({ light: process.light, words: `${processName(process.process)}: ${process.words}` });
    if (process.state === "silent") continue; // its devices are unknown, which it says itself
    for (const device of process.devices) {
      if (device.light === "bad" || device.light === "warn") found.push({ light: device.light, words: `${device.name}: ${device.words}` });
    }
  }
  return found.sort((a, b) => ORDER.indexOf(b.light) - ORDER.indexOf(a.light));
}

/** One light and one line for the whole machine. */
export function summary(live, connection) {
  if (connection === "lost") return { light: "bad", words: "no connection" };
  if (!live) return { light: "off", words: "connecting" };
  const alarms = unseen(live.alarms?.open ?? []).length;
  if (alarms) return { light: summaryOf(live.alarms.open).light, words: count(alarms, "alarm") };
  const [worst, ...more] = complaints(live.processes);
  if (worst?.light === "bad") return { light: "bad", words: "needs attention" }; // the banner says what
  if (worst) return { light: worst.light, words: worst.words + (more.length ? ` (and ${more.length} more)` : "") };
  const off = live.processes.filter((process) => process.light === "off").map((process) => processName(process.process));
  if (off.length) return { light: "off", words: `${off.join(" and ")} not running` };
  return { light: "good", words: "all well" };
}

/** Whether a process works on the build now. */
export const isRunning = (build, live) => Boolean(live?.processes.some(({ build: at, light }) => at === build?.id && (light === "good" || light === "warn")));

/** A shape for each light, so that colour is not needed to tell them apart. */
export const SHAPES = { good: "●", warn: "▲", bad: "■", off: "○" };
