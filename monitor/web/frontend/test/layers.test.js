import assert from "node:assert/strict";
import { test } from "node:test";
import { placed } from "../src/layers/place.js";
import { rowWords } from "../src/layers/scrubber.js";
import { worst } from "../src/layers/strip.js";
import { columns, complete, find, firstOpen, merge, newestDone, newestShown, problem, stack, told } from "../src/model/layers.js";
import { problemRuns } from "../src/side/problems.js";

const row = (index, state = "ok", more = {}) => ({ index, state, reason: "", gaps: {}, measures: {}, timings_s: {}, ...more });
const rows = (...states) => states.map((state, i) => row(i, state));

test("a layer that is told is taken in where nothing is missing before it", () => {
  assert.deepEqual(told(rows("ok", "pending"), row(1)).map(({ state }) => state), ["ok", "ok"]);
  assert.deepEqual(told(rows("ok"), row(1)).map(({ index }) => index), [0, 1]);
  assert.equal(told(rows("ok"), row(2)), null);
  assert.deepEqual(told([], row(0)).length, 1);
});

test("the list is complete by the server's own numbers, and not with a layer or products too few", () => {
  assert.equal(complete(rows("ok", "missing", "pending"), { committed: 2, processed: 2 }), true);
  assert.equal(complete(rows("ok", "pending"), { committed: 2, processed: 1 }), false);
  assert.equal(complete(rows("ok", "pending", "ok"), { committed: 2, processed: 3 }), false);
});

test("rows that come in later replace those in work and keep the order", () => {
  const merged = merge(rows("ok", "pending", "pending"), [row(1, "missing"), row(2), row(3, "pending")]);
  assert.deepEqual(merged.map(({ index, state }) => `${index} ${state}`), ["0 ok", "1 missing", "2 ok", "3 pending"]);
});

test("merging nothing gives the very same list, so that nothing is drawn again", () => {
  const list = rows("ok");
  assert.equal(merge(list, []), list);
});

test("rows are asked for again from the first that is still in work", () => {
  assert.deepEqual([firstOpen([]), firstOpen(rows("ok", "ok")), firstOpen(rows("ok", "pending", "ok"))], [0, 2, 1]);
});

test("bisection finds every layer of a list with gaps, and says where there is none", () => {
  const list = [0, 1, 5, 9].map((index) => row(index));
  assert.deepEqual([0, 1, 5, 9, 4, 10].map((index) => find(list, index)), [0, 1, 2, 3, -1, -1]);
});

test("following shows the newest finished layer, but the newest frame for a camera", () => {
  const list = rows("ok", "missing", "pending");
  assert.equal(newestDone(list), 1);
  assert.equal(newestShown({ rows: list, view: "upscaled" }), 1);
  assert.equal(newestShown({ rows: list, view: "webcam" }), 2);
});

test("scrubbing back stays there; scrubbing to the newest follows again", () => {
  const state = { rows: rows("ok", "ok", "ok", "pending"), view: "upscaled" };
  assert.deepEqual(placed(state, 1), { follow: false, layer: 1 });
  assert.deepEqual(placed(state, 2), { follow: true, layer: 2 });
  assert.deepEqual(placed(state, -5), { follow: false, layer: 0 });
  assert.deepEqual(placed({ rows: [], view: "upscaled" }, 0), {});
});

test("a missing layer stays visible however many layers share a pixel", () => {
  const many = Array.from({ length: 5000 }, (_, i) => row(i, i === 3210 ? "missing" : "ok"));
  const cells = worst(many, 100);
  assert.equal(cells.length, 100);
  assert.equal(cells.filter((kind) => kind === "missing").length, 1);
  assert.equal(cells[64], "missing");
});

test("a layer with a lost camera frame is a problem although its products are well", () => {
  const lost = row(3, "ok", { gaps: { basler: "no fresh frame within 5 s" } });
  assert.deepEqual(problem(lost), { kind: "gap", reason: "no basler frame: no fresh frame within 5 s" });
  assert.equal(problem(row(1)), null);
  assert.equal(rowWords(row(1, "missing", { reason: "no webcam frame" })), "missing: no webcam frame");
});

test("neighbouring layers with the same problem are one entry, newest first", () => {
  const bad = { reason: "too dark" };
  const runs = problemRuns([row(0), row(1, "missing", bad), row(2, "missing", bad), row(3), row(4, "anomaly", bad)]);
  assert.deepEqual(runs.map(({ first, last, kind }) => [first, last, kind]), [[4, 4, "anomaly"], [1, 2, "missing"]]);
});

test("curves have a hole, not a zero, where a layer has no number", () => {
  const data = columns([row(0, "ok", { measures: { area: 2 } }), row(1, "missing")]);
  assert.deepEqual(data, { x: [0, 1], measures: { area: [2, null] }, stages: {} });
});

test("stacked stages add up to the whole, with holes kept", () => {
  assert.deepEqual(stack([[1, null], [2, null], [4, 3]]), [[1, null], [3, null], [7, 3]]);
});

test("a layer whose end is not sure says so, and a worse trouble hides it", () => {
  const doubted = row(3, "ok", { unsure: "the laser was on for half as long as usual" });
  assert.deepEqual(problem(doubted), { kind: "unsure", reason: doubted.unsure });
  assert.equal(rowWords(doubted), "layer end not sure: the laser was on for half as long as usual");
  assert.equal(problem({ ...doubted, gaps: { webcam: "gone" } }).kind, "gap");
  assert.deepEqual(worst([row(0), doubted], 1), ["unsure"]);
});
