// The keys and gestures of the page, in words. Owns the list; `keys.js` and `gestures.js` do what it says.

import { el } from "../dom.js";
import { makeDialog } from "./dialog.js";

const KEYS = [
  ["Layers", [
    ["← →", "one layer down, up"], ["PgUp PgDn", "ten layers down, up"], ["Home", "first layer"], ["End", "newest layer, and follow it"],
    ["n", "next layer with a problem, from the newest down"],
  ]],
  ["Pictures", [
    ["1 … 7", "webcam, Basler, rectified, high-res, super-resolved, recoated ones"], ["c", "one picture, wipe, side by side"], [", .", "move the wipe"],
    ["o", "next overlay: mask, probability, guard, spread, laser on"], ["m", "overlay on, off"], ["r", "nominal outline"],
    ["+ − 0", "zoom in, out, whole picture (picture focused)"],
  ]],
  ["Part", [["v", "next colours: plain, height, deviation, uncertainty"], ["x", "next cut: none, layer, x, y"], ["arrows", "turn (part focused)"]]],
  ["Page", [["a", "alarms"], ["b", "builds"], ["t", "theme: as the system, dark, light"], ["?", "this help"], ["Esc", "close"]]],
];

const TOUCH = [
  ["Drag the layer control", "go through the layers"], ["Two fingers on a picture", "zoom and move"], ["Double tap", "zoom in, and out again"],
  ["Drag the white handle", "wipe"], ["Drag the part", "turn it; two fingers zoom and move"],
];

export function installHelp() {
  const dialog = makeDialog("help", "Keys and gestures");
  dialog.body.append(
    el("div.help", {}, ...KEYS.map(([title, keys]) => section(title, keys, "kbd")), section("Touch", TOUCH, "span")),
  );
  return dialog;
}

function section(title, entries, kind) {
  return el("section", {}, el("h3", {}, title),
    el("dl", {}, entries.flatMap(([what, does]) => [el("dt", {}, kind === "kbd" ? what.split(" ").map((key) => el("kbd", {}, key)) : what), el("dd", {}, does)])));
}
