import assert from "node:assert/strict";
import { test } from "node:test";
import { captionWords, shortLabel } from "../src/pictures/caption.js";
import { kindOf, offered } from "../src/pictures/kinds.js";
import { noteWords, otherWords, pointWords } from "../src/pictures/panel.js";
import { panes, shownKind } from "../src/pictures/scene.js";
import { FIT, bar, clamp, columnsFor, pan, place, pointAt, zoomAt } from "../src/pictures/view.js";

const picture = (more = {}) => ({ url: "/p?v=1", width: 1000, height: 800, um_per_px: 100, full_scale: null, ...more });
const BOX = [500, 500];
const SIZE = [1000, 800];

test("zooming keeps the point under the pointer where it is", () => {
  let view = FIT;
  for (const point of [[250, 250], [200, 230], [300, 260]]) {
    const before = pointAt(view, SIZE, BOX, point);
    view = zoomAt(view, SIZE, BOX, point, 1.9);
    pointAt(view, SIZE, BOX, point).forEach((value, i) => assert.ok(Math.abs(value - before[i]) < 1e-6));
  }
});

test("a picture can neither be lost by panning nor shrunk below fitting", () => {
  const far = pan(zoomAt(FIT, SIZE, BOX, [250, 250], 4), SIZE, BOX, [1e6, -1e6]);
  const { left, top, scale } = place(far, SIZE, BOX);
  assert.ok(left <= 0.001 && left + SIZE[0] * scale >= BOX[0] - 0.001);
  assert.ok(top <= 0.001 && top + SIZE[1] * scale >= BOX[1] - 0.001);
  assert.deepEqual(zoomAt(FIT, SIZE, BOX, [10, 10], 0.01), clamp(FIT, SIZE, BOX));
});

test("the scale bar is a round length with its unit, and as long as it says", () => {
  for (const [mmPerPixel, scale] of [[0.1, 0.5], [0.02, 3], [0.0133, 40]]) {
    const { mm, pixels, label } = bar(mmPerPixel, scale, 160);
    assert.ok(pixels <= 160.001 && pixels > 30, `${pixels}`);
    assert.ok(Math.abs(pixels * mmPerPixel / scale - mm) < 1e-9);
    assert.equal(label, mm >= 1 ? `${mm} mm` : `${Math.round(mm * 1000)} µm`);
  }
});

test("no more columns are asked for than are seen, and never more than there are", () => {
  assert.deepEqual([columnsFor(1000, 300), columnsFor(1000, 900), columnsFor(200, 90), columnsFor(5472, 1500)], [512, 1000, 200, 2048]);
});

test("where the wanted picture is not there, the next best is shown, and none where there is none", () => {
  assert.equal(shownKind("upscaled", { basler: picture(), rectified: picture() }), "rectified");
  assert.equal(shownKind("spread", { basler: picture() }), "basler");
  assert.equal(shownKind("upscaled", { reference: picture() }), null);
});

test("a generated picture stands beside the webcam's; a camera's frame stands alone", () => {
  const all = { webcam: picture(), rectified: picture(), upscaled: picture() };
  assert.deepEqual(panes({ view: "upscaled", compare: "split" }, all).map(({ id }) => id), ["rectified", "upscaled"]);
  assert.deepEqual(panes({ view: "upscaled", compare: "wipe" }, all), [{ id: "upscaled", other: false, left: { id: "rectified", other: false } }]);
  assert.deepEqual(panes({ view: "webcam", compare: "split" }, all), [{ id: "webcam", other: false, left: null }]);
});

test("a super-resolved picture is called generated and names its bundle and scale", () => {
  const view = { pictures: { upscaled: picture() }, bundles: { upscale: `small@sha256:${"3f".repeat(32)}` } };
  const words = captionWords({ id: "upscaled", left: null }, { state: "ok", ...view });
  assert.deepEqual(words, { name: "Super-resolved", generated: true, made: "by small@3f3f3f3f3f3f", scale: "100 µm per pixel" });
  assert.equal(shortLabel("plain"), "plain");
});

test("a missing layer says why there is no picture", () => {
  const layerView = { index: 7, state: "missing", reason: "no webcam frame: cable", pictures: {} };
  assert.equal(noteWords({ layerView, view: "upscaled", rows: [] }), "Layer 7 is missing: no webcam frame: cable");
  const pending = { index: 8, state: "pending", reason: "", pictures: { webcam: picture() } };
  assert.equal(noteWords({ layerView: pending, view: "upscaled", rows: [] }), "Layer 8 is in work: no super-resolved picture yet");
  assert.equal(noteWords({ layerView: pending, view: "webcam", rows: [] }), "");
});

test("a high-resolution camera's layer is not missing a super-resolved picture", () => {
  const layerView = { index: 3, state: "ok", reason: "", bundles: { segment: "s@1" }, pictures: { basler: picture(), rectified: picture() } };
  assert.equal(noteWords({ layerView, view: "upscaled", rows: [] }), "");
  assert.match(noteWords({ layerView, view: "webcam", rows: [] }), /^No webcam picture/);
  assert.equal(captionWords({ id: "rectified", left: null }, layerView).name, "Rectified");
});

test("the pointer's place is in plate millimetres, counted from the centre of the first pixel", () => {
  assert.equal(pointWords({ origin_mm: [-50, 10], um_per_px: 100 }, [0.5, 10.5]), "x −50.00 mm  y 11.00 mm");
});

test("the fresh powder is offered where a layer has it, or says why not", () => {
  const powder = kindOf("basler-recoat");
  const taken = { index: 3, state: "ok", reason: "", bundles: {}, pictures: { webcam: {}, "basler-recoat": {} }, recoat_gaps: { "webcam-recoat": "the laser came on before the recoat frame" } };
  const never = { ...taken, pictures: { webcam: {} }, recoat_gaps: {} };
  assert.ok(offered(powder, taken) && offered(kindOf("webcam-recoat"), taken));
  assert.ok(!offered(powder, never) && !offered(powder, null) && offered(kindOf("basler"), never));
  assert.equal(noteWords({ layerView: taken, view: "basler-recoat", rows: [] }), "");
  assert.match(noteWords({ layerView: taken, view: "webcam-recoat", rows: [] }), /^No webcam, recoated picture of layer 3: the laser came on before/);
  assert.match(noteWords({ layerView: never, view: "basler-recoat", rows: [] }), /none was wanted$/);
});

test("where the other build has nothing to compare with, that is said", () => {
  const build = { id: "a", name: "rings", created: "2026-07-18T10:00:00" };
  const state = { build, otherBuild: { ...build, id: "b", name: "bars" }, compare: "split", view: "upscaled", layerView: { height_mm: 1.35 } };
  assert.equal(otherWords(state, null), "bars has no layer at 1.350 mm");
  assert.equal(otherWords(state, { index: 19, pictures: {} }), "bars has no picture of its layer 19");
  assert.equal(otherWords(state, { index: 19, pictures: { upscaled: {} } }), "");
  assert.equal(otherWords({ ...state, otherBuild: null }, null), "");
});
