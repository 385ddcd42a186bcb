// What is said of a calibration, and how clicked corners are read.

import assert from "node:assert/strict";
import { test } from "node:test";

import { heldWords, readCorners, trialWords } from "../src/calibration/dialog.js";

const goodness = { points: 121, residual_px: 0.0987, um_per_px: 84.6049, um_per_px_90: 0.0631, place_um_90: 107.2, assumed: "" };

test("four pairs of numbers are corners, anything else is said", () => {
  assert.deepEqual(readCorners(" 1,2  3,4.5 5,6 7,-8 "), [[1, 2], [3, 4.5], [5, 6], [7, -8]]);
  for (const text of ["", "1,2 3,4 5,6", "1,2 3,4 5,6 7", "1,2 3,4 5,6 7,x"]) assert.throws(() => readCorners(text), { what: "four corners are needed" });
});

test("a trial says scale, interval, residual and what it takes for granted", () => {
  const [scale, residual] = trialWords({ made_of: "layer 2 of build b", source: "parts", goodness: { ...goodness, assumed: "the edges" } });
  assert.match(scale, /^layer 2 of build b, by parts: 84\.60\d? ± 0\.063 µm per pixel/);
  assert.match(residual, /^121 points lie 0\.099 px .*taken for granted: the edges\.$/);
});

test("what holds is said, also when nothing does", () => {
  assert.match(heldWords({ number: 3, made_of: "layer 2 of build b", by: "Ada", accepted: "2026-01-02T03:04:05+00:00" }), /^Calibration 3 holds: layer 2 of build b, accepted by Ada at /);
  assert.match(heldWords(undefined), /^No calibration/);
});
