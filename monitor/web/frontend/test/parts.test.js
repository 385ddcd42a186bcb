// What a part's card says of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cardLines } from "../src/side/parts.js";

const VIEW = { state: "ok", measures: [] };
const part = (area, nominal) => ({ area_mm2: area, diameter_mm: 3, nominal_area_mm2: nominal, nominal_diameter_mm: null });
const verdict = (...given) => cardLines(...given).find(({ name }) => name === "Verdict");

test("the alarm rule's limit is the tolerance of the verdict", () => {
  assert.deepEqual(verdict(part(11, 10), VIEW, 20), { name: "Verdict", value: "good, +10.0 %", more: "of the nominal area; within ±20 %", light: undefined });
  assert.equal(verdict(part(7, 10), VIEW, 20).light, "warn");
  assert.match(verdict(part(7, 10), VIEW, 20).more, /beyond ±20 %/);
});

test("without a rule, an outline or a believed mask nothing is judged", () => {
  assert.match(verdict(part(7, 10), VIEW, null).more, /rule off/);
  assert.equal(verdict(part(7, null), VIEW, 20).value, "none");
  assert.equal(verdict(part(7, 10), { ...VIEW, state: "anomaly" }, 20).value, "not believed");
});
