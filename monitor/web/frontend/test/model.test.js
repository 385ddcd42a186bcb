import assert from "node:assert/strict";
import { test } from "node:test";
import { setsOf } from "../src/builds/dialog.js";
import { readHash, writeHash } from "../src/model/address.js";
import { inSet } from "../src/model/api.js";
import { pause } from "../src/model/live.js";
import { compareWith, namesOf } from "../src/model/other.js";
import { makeStore } from "../src/model/store.js";
import { colourless, cutOf, solidWords } from "../src/solid/panel.js";
import { chosenCurves } from "../src/trends/panel.js";
import { decodeSlab, difference, gridStep, stretchFor } from "../src/solid/slab.js";

test("an address brings back the same place, and one without a layer follows the newest", () => {
  const place = { chosen: "20260718-rings", set: "what-if", other: "20260717-bars", otherSet: "live", layer: 12, follow: false, view: "spread" };
  assert.deepEqual(readHash(writeHash(place)), place);
  assert.deepEqual(readHash("#view=spread"), { chosen: null, set: "", other: null, otherSet: "", layer: null, follow: true, view: "spread" });
  assert.equal(readHash("#layer=12x").follow, true);
});

test("the telling measures are drawn first, and any where there are no others", () => {
  assert.deepEqual(chosenCurves(["parts", "area", "voxel mismatch", "hd95", "iou"]), ["area", "iou"]);
  assert.deepEqual(chosenCurves(["Ra", "parts"]), ["Ra", "parts"]);
});

test("a store calls each watcher once for many changes of one turn", async () => {
  const store = makeStore({ a: 1, b: 1, c: 1 });
  let calls = 0;
  store.watch(["a", "b"], () => { calls += 1; });
  store.set({ a: 2 });
  store.set({ b: 2 });
  store.set({ c: 2 });
  await null;
  assert.equal(calls, 2); // at once, and for the turn
  store.set({ a: 2 });
  await null;
  assert.equal(calls, 2);
});

test("pauses between tries grow, are spread out, and end below ten seconds", () => {
  assert.deepEqual([0, 1, 20].map((tries) => pause(tries, 0.5)), [500, 1000, 8000]);
  assert.ok(pause(20, 1) <= 10000 && pause(0, 0) >= 375);
});

const slab = (vertices, triangles) => {
  const buffer = new ArrayBuffer(16 + vertices * 16 + triangles * 12);
  new Uint8Array(buffer).set([..."LPM1"].map((c) => c.charCodeAt(0)));
  const head = new DataView(buffer);
  head.setUint32(4, vertices, true);
  head.setUint32(8, triangles, true);
  head.setFloat32(16 + 4, 1.5, true);
  return buffer;
};

test("a slab's numbers lie where its head says", () => {
  const { positions, normals, faces } = decodeSlab(slab(3, 1));
  assert.deepEqual([positions.length, normals.length, faces.length, positions[1]], [9, 12, 3, 1.5]);
});

test("bytes that are no slab, or too few, are refused", () => {
  assert.throws(() => decodeSlab(slab(3, 1).slice(0, 40)), /should have/);
  assert.throws(() => decodeSlab(new ArrayBuffer(64)), /not a mesh slab/);
});

test("only slabs that changed are fetched, and those that went are dropped", () => {
  assert.deepEqual(difference(["a?v=1", "b?v=1"], ["a?v=1", "b?v=2", "c?v=1"]), { add: ["b?v=2", "c?v=1"], drop: ["b?v=1"] });
});

test("heights are stretched by round factors, and a high part not at all", () => {
  assert.deepEqual([stretchFor(0.03, 100), stretchFor(2, 100), stretchFor(60, 100)], [50, 20, 1]);
  assert.deepEqual([gridStep(102.4), gridStep(12.8), gridStep(250)], [20, 2, 50]);
});

test("the 3D view says every scale that it is drawn at, and what is not in it", () => {
  const mesh = { top_mm: 2, bottom_mm: 0, um_per_px: 533, layers_per_plane: 2, gaps: [{ first: 3, last: 4, state: "missing" }, { first: 9, last: 9, state: "pending" }] };
  assert.equal(
    solidWords(mesh, 20, 102, 1200),
    "2.000 mm high, drawn 20 × higher · grid 20 mm · 533 µm per pixel, 2 layers a plane · 1,200 triangles · 2 layers not in the volume (red frames)",
  );
});

test("colours that the build cannot have are said to be missing, and why", () => {
  const slab = { deviation_url: null, uncertainty_url: "a" };
  assert.equal(colourless({ slabs: [slab] }, "deviation"), "No deviation to show: the build has no nominal outline");
  assert.equal(colourless({ slabs: [slab] }, "uncertainty"), "");
  assert.equal(colourless({ slabs: [] }, "deviation"), "");
  assert.equal(colourless({ slabs: [slab] }, "height"), "");
});

test("another product set is named in addresses, the usual one is not", () => {
  assert.equal(inSet("builds/a/layers?start=3", "what-if"), "builds/a/layers?start=3&set=what-if");
  assert.equal(inSet("builds/a", "what-if"), "builds/a?set=what-if");
  assert.equal(inSet("builds/a", ""), "builds/a");
});

test("a build's product sets are offered where there are several", () => {
  const build = { product_set: "live", product_sets: { live: 60, "what-if": 12 } };
  assert.deepEqual(setsOf(build, "live"), [
    { set: "", words: "live (60 layers)", shown: true }, { set: "what-if", words: "what-if (12 layers)", shown: false },
  ]);
  assert.deepEqual(setsOf({ product_set: "live", product_sets: { live: 60 } }, "live"), []);
  assert.deepEqual(setsOf({ product_set: "what-if", product_sets: { "what-if": 12 } }, "live"), []);
});

test("two products of one build are told apart by their sets, two builds by name, and by time where the name is the same", () => {
  const build = { id: "a", name: "rings", product_set: "live", created: "2026-07-18T10:00:00" };
  const other = { ...build, id: "b", name: "bars" };
  assert.deepEqual(namesOf({ build, otherBuild: { ...build, product_set: "what-if" }, otherSet: "what-if" }), ["live", "what-if"]);
  assert.deepEqual(namesOf({ build, otherBuild: other, otherSet: "what-if" }), ["rings", "bars, what-if"]);
  const names = namesOf({ build, otherBuild: { ...other, name: "rings", created: "2026-07-17T09:00:00" }, otherSet: "" });
  assert.deepEqual(names, ["rings of 2026-07-18 10:00:00", "rings of 2026-07-17 09:00:00"]);
});

test("comparing puts both side by side, and nothing is compared with itself", () => {
  const state = { build: { id: "a" }, set: "", compare: "off" };
  assert.deepEqual(compareWith(state, "a", "what-if"), { other: "a", otherSet: "what-if", compare: "split" });
  assert.deepEqual(compareWith({ ...state, compare: "wipe" }, "b"), { other: "b", otherSet: "", compare: "wipe" });
  assert.deepEqual(compareWith(state, "a", ""), { other: null, otherSet: "" });
  assert.deepEqual(compareWith(state, null), { other: null, otherSet: "" });
});

test("the cut at a layer goes through its metal, and there is none where the newest is followed", () => {
  const rows = [{ index: 0, height_mm: 0.04 }, { index: 1, height_mm: 0.08 }];
  const { axis, mm } = cutOf({ cut: "layer", follow: false, layer: 1, rows }, {});
  assert.equal(axis, "height");
  assert.ok(mm > 0.04 && mm < 0.08);
  assert.equal(cutOf({ cut: "layer", follow: true, layer: 1, rows }, {}), null);
  assert.equal(cutOf({ cut: "x", cutAt: 0.5 }, { x_mm: [0, 10] }).mm, 5);
});
