import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, count, duration, height, number, percent, roughly, sentence, unit } from "../src/words.js";

test("durations are said as on a stopwatch, without a jump at the borders", () => {
  const said = [0, 0.0404, 0.9994, 1, 9.94, 9.96, 59.4, 59.6, 125, 3599.6, 11520, 86400, 400000].map(duration);
  assert.deepEqual(said, [
    "0 ms", "40 ms", "999 ms", "1.0 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "3 h 12 min", "1 day", "4 days",
  ]);
});

test("a number that is not there is a dash, never NaN", () => {
  for (const say of [number, percent, height, duration, ago]) assert.equal(say(Number.NaN), "–");
});

test("numbers keep their significant digits, whole ones are whole, and none becomes a power of ten", () => {
  assert.deepEqual([0, 37, 2108.96, 0.96651, 1e-7, -3.2].map((value) => number(value)), ["0", "37", "2,109", "0.9665", "0.000000", "−3.200"]);
});

test("a unit of one is not printed, and plurals agree", () => {
  assert.deepEqual([unit("1"), unit("mm²"), count(1, "layer"), count(1200, "layer")], ["", "mm²", "1 layer", "1,200 layers"]);
});

test("a sentence begins with a capital letter, even an empty one", () => {
  assert.deepEqual([sentence("webcam: reconnecting"), sentence("")], ["Webcam: reconnecting", ""]);
});

test("an estimate of more than ten minutes has no seconds", () => {
  assert.deepEqual([45, 599, 3137, 3599, 7260, Number.NaN].map(roughly), ["45 s", "9 min 59 s", "52 min", "60 min", "2 h 01 min", "–"]);
});
