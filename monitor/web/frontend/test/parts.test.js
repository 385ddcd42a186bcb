// What a part's card says of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cardLines, partsWords, worstFirst } from "../src/side/parts.js";

const VIEW = { state: "ok", measures: [] };
const part = (area, nominal) => ({ area_mm2: area, diameter_mm: 3, nominal_area_mm2: nominal, nominal_diameter_mm: null });
const verdict = (...given) => cardLines(...given).find(({ name }) => name === "Verdict");

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

test("roughness is said with its interval, as not measured, or as without one", () => {
  const sa = (measures) => cardLines(part(10, 10), { ...VIEW, measures }).find(({ name }) => name === "Sa");
  assert.equal(sa([]).value, "not measured");
  assert.deepEqual(sa([{ name: "Sa", value: 12.34, unit: "µm", spread: 0.8 }]), { name: "Sa", value: "12.3 µm", more: "± 0.80" });
  assert.equal(sa([{ name: "Sa", value: 12.34, unit: "µm", spread: null }]).more, "no interval");
  assert.match(partsWords({ parts: [{}], um_per_px: 100, nominal: true }, { measures: [{ name: "Sa" }] }), /^1 part .* Sa is the whole layer's/);
});

test("parts with something wrong come first", () => {
  const parts = [part(10, 10), part(5, 10), part(0, 10), part(10, 10)].map((found, i) => ({ ...found, number: i + 1 }));
  assert.deepEqual(worstFirst(parts, VIEW, 20).map(({ number }) => number), [3, 2, 1, 4]);
});
