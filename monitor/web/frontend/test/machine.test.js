import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../src/chrome/banner.js";
import { emptyWords } from "../src/chrome/empty.js";
import { complaints, summary } from "../src/model/health.js";
import { factsOf } from "../src/side/facts.js";
import { glance } from "../src/side/build.js";
import { detectorWords, foldWords, lineOf } from "../src/side/machine.js";

const process = (name, light, words, more = {}) => ({ process: name, light, words, state: "x", devices: [], facts: {}, ...more });
const well = ["acquire", "worker", "alarms", "web"].map((name) => process(name, "good", "ready"));
const webcam = { name: "webcam", kind: "opencv", light: "warn", words: "reconnecting" };

test("a machine that is well says so in two words and shows no banner", () => {
  assert.deepEqual(summary({ processes: well }, "open"), { light: "good", words: "all well" });
  assert.deepEqual(lines({ live: { processes: well }, connection: "open" }), []);
});

test("a device in trouble is named in plain words", () => {
  const processes = [process("acquire", "good", "armed", { devices: [webcam] }), ...well.slice(1)];
  assert.deepEqual(summary({ processes }, "open"), { light: "warn", words: "webcam: reconnecting" });
});

test("the worst comes first, and a silent process does not complain for its devices too", () => {
  const silent = process("worker", "bad", "not responding since 14:02:11", { state: "silent", devices: [webcam] });
  const found = complaints([process("acquire", "good", "armed", { devices: [webcam] }), silent]);
  assert.deepEqual(found.map(({ words }) => words), ["processing: not responding since 14:02:11", "webcam: reconnecting"]);
  assert.equal(lines({ live: { processes: [silent] }, connection: "open" }).length, 1);
});

test("what is worse stands higher, whoever says it", () => {
  const alarm = { title: "Frame missing", reason: "gone", severity: "warning", active: true, raised: "2026-01-05T10:00:00Z", state: "unacknowledged" };
  const silent = process("worker", "bad", "not responding since 14:02:11");
  const found = lines({ live: { processes: [silent], alarms: { open: [alarm] } }, connection: "open", notice: "x" });
  assert.deepEqual(found.map(({ light }) => light), ["bad", "warn", "off"]);
});

test("without a connection nothing else is claimed", () => {
  const [line, ...more] = lines({ live: { processes: well }, connection: "lost", lostAt: new Date(), trouble: "x" });
  assert.match(line.words, /^Connection lost since \d\d:\d\d:\d\d\. What you see is old/);
  assert.equal(more.length, 0);
});

test("a process that is off is neither well nor an alarm", () => {
  assert.deepEqual(summary({ processes: [process("acquire", "off", "stopped"), ...well.slice(1)] }, "open"), { light: "off", words: "acquisition not running" });
});

test("what is not as it should be, and can be used all the same, is said once", () => {
  const notices = ["webcam: the driver ignores autofocus", "numbers may be off by one"];
  const devices = [{ ...webcam, words: "ready: webcam: the driver ignores autofocus" }];
  assert.deepEqual(lineOf(process("acquire", "good", "armed", { devices, facts: { notices } })).notices, ["numbers may be off by one"]);
  assert.deepEqual(lineOf(process("acquire", "off", "stopped", { facts: { notices } })).notices, []);
});

test("a process names how much waits, what it runs on and its bundles", () => {
  const worker = process("worker", "good", "processing", { state: "processing", build: "a", facts: { backlog: 1, device: "CPUExecutionProvider", bundles: { upscale: "small@abc" } } });
  const said = lineOf(worker, { build: { id: "a", layers: 20 }, processed: 2 });
  assert.equal(said.more, "17 layers waiting behind it");
  assert.equal(lineOf(worker, { build: { id: "b", layers: 20 }, processed: 19 }).more, "1 layer waiting for products");
  assert.equal(lineOf(worker, { build: { id: "a", layers: 3 }, processed: 2 }).more, "");
  assert.equal(lineOf(well[0], { build: { id: "a", layers: 20 }, processed: 2 }).more, "");
  assert.deepEqual(said.bundles, ["small@abc"]);
  assert.equal(foldWords(said), "runs on CPU, 1 bundle");
});

test("devices of which nothing is known are one line, and what a silent process noticed is not said", () => {
  const unknown = ["trigger", "webcam"].map((name) => ({ name, kind: "", state: "unknown", light: "off", words: "unknown: acquisition does not run" }));
  const said = lineOf(process("acquire", "bad", "not responding since 14:02:11", { state: "silent", devices: unknown, facts: { notices: ["numbers may be off by one"] } }));
  assert.deepEqual(said.devices.map(({ name, kind }) => [name, kind]), [["2 devices", "trigger, webcam"]]);
  assert.deepEqual(said.notices, []);
});

test("devices that are ready are counted, beside one in trouble as the others", () => {
  const ready = ["trigger", "basler"].map((name) => ({ ...webcam, name, light: "good", words: "ready" }));
  assert.equal(foldWords({ devices: ready, bundles: [] }), "2 devices ready");
  assert.equal(foldWords({ devices: [...ready, webcam], bundles: [] }), "2 other devices ready");
  assert.equal(foldWords({ devices: [webcam], bundles: [] }), "");
});

test("an outage that is over is told with its time and what it cost; one at hand is in the device's words", () => {
  const outage = { device: "webcam", why: "gone", since: "2026-01-05T10:00:00Z", back: "2026-01-05T10:00:30Z", layers: 2, first_layer: 4 };
  const said = lineOf(process("acquire", "good", "armed", { facts: { outages: [outage, { ...outage, back: null }] } }));
  assert.equal(said.past.length, 1);
  assert.match(said.past[0], /^webcam was away 2026-01-05 .* to 2026-01-05 .*, 2 layers without it$/);
});

test("an empty store says what to do; a running machine says what is waited for", () => {
  const nothing = { live: { processes: [process("acquire", "off", "")], build: null }, loaded: true, build: null, rows: [], chosen: null };
  assert.match(emptyWords(nothing)[1], /lpbf-monitor run/);
  assert.match(emptyWords({ ...nothing, live: { processes: well, build: null } })[0], /Waiting/);
  assert.equal(emptyWords({ ...nothing, rows: [{}] }), null);
});

const view = {
  state: "ok", reason: "", gaps: {}, height_mm: 0.03, wall_time: "", on_time_s: 7.4, latency_s: null, frames: [], bundles: { upscale: "small@abc" },
  device: "", seed: null, generated: null, measures: [{ name: "area", value: 2109, unit: "mm²", um_per_px: 133, basis: "mask", spread: 12.6 }],
};

test("a measure is shown with unit, spread, scale and what it rests on", () => {
  const area = factsOf(view).find(({ name }) => name === "Melted area");
  assert.equal(area.value, "2,109 ± 13 mm²");
  assert.equal(area.tip, "From the mask, at 133 µm per pixel; ± is the ensemble's spread");
});

test("figures of a generated picture that saturate are said to be at least that", () => {
  const generated = { spread_mean: null, spread_p99: null, inconsistency_mean: 0.1, inconsistency_p99: 0.25, full_scale: 0.25 };
  const fact = factsOf({ ...view, generated }).find(({ name }) => name === "Against webcam");
  assert.equal(fact.value, "10.0 % mean, ≥ 25.0 % at 99th percentile");
  assert.ok(!factsOf({ ...view, generated }).some(({ name }) => name === "Ensemble spread"));
});

test("what is not known is not there", () => {
  const names = factsOf(view).map(({ name }) => name);
  assert.ok(!names.includes("Latency") && !names.includes("Seed") && !names.includes("Ran on"));
});

test("how layer ends are told is said with how often that is wrong, or that nobody knows yet", () => {
  const learnt = { gap_s: 0.75, layers: 120, false_end: 2e-4, miss: 1e-9 };
  assert.deepEqual(detectorWords(learnt), [
    "A layer ends when the laser was off for 750 ms, learnt from 120 layers.",
    "Estimated: missed in less than 1 of a million layers, too early in 1 of 5,000 layers.",
  ]);
  assert.match(detectorWords({ gap_s: 2, layers: 0, false_end: null, miss: null }).join(" "), /as configured. How often that is wrong is not known yet/);
  assert.equal(lineOf(well[0], { detector: learnt }).detector.length, 2);
  assert.equal(lineOf(well[1], { detector: learnt }).detector.length, 0);
});

test("a camera's temperature stands beside its state", () => {
  const warm = { ...webcam, light: "good", words: "ready", temperature_c: 41.4 };
  assert.equal(lineOf(process("acquire", "good", "armed", { devices: [warm] })).devices[0].words, "ready, 41 °C");
});

test("no time is left of a build that nothing prints, and a backlog hides no latency", () => {
  const rows = Array.from({ length: 40 }, (_, index) => ({ index, height_mm: 0.03 * index, wall_time: `2026-07-18T10:00:${String(index).padStart(2, "0")}Z`, period_s: index ? 1 : null, latency_s: index < 5 ? 3 : null }));
  const said = (live) => Object.fromEntries(glance({ build: { id: "a", planned_layers: 50, ended: null }, rows, layer: 39, live }).map(({ name, value, more }) => [name, `${value} ${more}`]));
  const dead = said({ processes: [{ ...process("acquire", "bad", "not responding"), build: "a" }] });
  assert.equal(dead["Time left"], "– nothing prints it now");
  assert.equal(dead.Latency, "3.0 s falls behind");
  assert.match(said({ processes: [{ ...process("acquire", "good", "armed"), build: "a" }] })["Time left"], /^10 s until/);
});
