// What a part's card says of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { basisWords, cardLines, interval, partsWords, worstFirst } from "../src/side/parts.js";

const VIEW = { state: "ok", measures: [] };
const part = (area, nominal) => ({ area_mm2: area, diameter_mm: 3, nominal_area_mm2: nominal, nominal_diameter_mm: null });
const verdict = (part, view, tolerance) => cardLines(part, view, { area_tolerance_percent: tolerance }).find(({ name }) => name === "Verdict");

test("the alarm rule's limit is the tolerance of the verdict", () => {
  assert.deepEqual(verdict(part(11, 10), VIEW, 20), { name: "Verdict", value: "good, +10.0 %", more: "within ±20 %", light: undefined });
  assert.equal(verdict(part(7, 10), VIEW, 20).light, "warn");
  assert.match(verdict(part(7, 10), VIEW, 20).more, /beyond ±20 %/);
});

test("without a rule, an outline or a believed mask nothing is judged", () => {
  assert.match(verdict(part(7, 10), VIEW, null).more, /rule off/);
  assert.equal(verdict(part(7, null), VIEW, 20).value, "none");
  assert.equal(verdict(part(7, 10), { ...VIEW, state: "anomaly" }, 20).value, "not believed");
});

const measured = (name, value, spread, more = {}) => ({ name, value, unit: name === "Sa" ? "µm" : "mm²", spread, floor: null, window_um: null, ...more });

test("a number is said to the second digit of its half-width", () => {
  assert.equal(interval(12.3456, 0.1234), "12.35 ± 0.12");
  assert.equal(interval(1234.5, 42), "1235 ± 42");
  assert.equal(interval(12.3456, null), "12.3");
});

test("area and roughness are said with their interval and window, as not measured, or as without one yet", () => {
  const line = (name, measures, limits) => cardLines({ ...part(10, 10), measures }, VIEW, limits).find((one) => one.name === name);
  assert.deepEqual(line("Area", [measured("area", 10.123, 0.31)]), { name: "Area", value: "10.12 ± 0.31 mm²", more: "of 10" });
  assert.match(line("Area", [measured("area", 10.123, null)]).more, /no interval yet/);
  assert.match(line("Area", undefined).more, /no interval yet/);
  assert.equal(line("Sa", []).value, "not measured");
  const sa = line("Sa", [measured("Sa", 12.34, 2.1, { floor: 4, window_um: 830 })], { sa_limit_um: 10 });
  assert.deepEqual(sa, { name: "Sa", value: "12.3 ± 2.1 µm", more: "window 0.83 mm, pixels alone 4", light: "warn" });
  assert.match(line("Sa", [measured("Sa", 12.34, null)]).more, /no interval yet/);
});

test("a verdict is given where the whole interval allows it, and is not sure elsewhere", () => {
  const off = (area, spread) => verdict({ ...part(area, 10), measures: [measured("area", area, spread)] }, VIEW, 20);
  assert.match(off(11, 0.5).value, /^good/);
  assert.match(off(11.9, 0.5).value, /^not sure/);
  assert.match(off(13, 0.5).more, /beyond/);
  assert.equal(verdict({ ...part(0, 10), lost: true }, VIEW, 20).value, "not there");
});

test("what the intervals rest on, or that there are none yet, is said of all parts", () => {
  const found = { parts: [{ measures: [{ name: "area", spread: 0.4 }] }], um_per_px: 100, nominal: true, intervals: "90 % intervals from the ensemble of 4" };
  assert.equal(partsWords(found), "1 part against the nominal outline, with 90 % intervals");
  assert.match(basisWords(found), /^At 100 µm per pixel. 90 % intervals from the ensemble of 4/);
  assert.match(partsWords({ parts: [{}], um_per_px: 100, nominal: false, intervals: "" }), /no interval yet/);
});

test("parts with something wrong come first", () => {
  const parts = [part(10, 10), part(5, 10), part(0, 10), part(10, 10)].map((found, i) => ({ ...found, number: i + 1 }));
  assert.deepEqual(worstFirst(parts, VIEW, { area_tolerance_percent: 20 }).map(({ number }) => number), [3, 2, 1, 4]);
});
