// What stands above a picture: what it is, who made it, and what the colours over it mean.

import { el, say } from "../dom.js";
import { number, percent } from "../words.js";
import { isMeasured, kindOf, overlayOf } from "./kinds.js";
import { overlayShown } from "./scene.js";

/** Words of a caption: {name, generated, made, scale}. `twin` is the layer that the left of a wipe is from. Pure. */
export function captionWords(pane, view, twin = view) {
  const kind = kindOf(pane.id);
  const facts = view.pictures[pane.id];
  const called = (id, from) => (isMeasured(from) && id === "rectified" ? null : kindOf(id).caption) ?? kindOf(id).name;
  const of = (from) => (from.from ? `, ${from.from}` : "");
  const own = called(pane.id, view) + of(view);
  const name = pane.left ? `${called(pane.left.id, twin)}${of(twin)} | ${own}` : own;
  const made = kind.generated && view.bundles.upscale ? `by ${shortLabel(view.bundles.upscale)}` : "";
  const scale = facts.um_per_px === null ? "camera pixels" : `${number(facts.um_per_px, 3)} µm per pixel`;
  return { name, generated: Boolean(kind.generated), made, scale };
}

/** What the overlay's colours mean: {name, low, high}; null where there is no map over the picture. Pure. */
export function rampWords(state, view, pane) {
  const shown = overlayShown(state, view.pictures, pane.id);
  const facts = shown && view.pictures[shown];
  if (!facts || facts.full_scale === null) return null;
  const share = shown === "probability" ? "" : " of the grey scale";
  return { name: overlayOf(shown).name, low: "0", high: `${percent(facts.full_scale, 0)}${share}` };
}

/** "name@3f9c1e0a77b2" from a bundle's label, whose digest may be longer. */
export function shortLabel(label) {
  const [name, digest = ""] = label.split("@");
  return digest ? `${name}@${digest.replace(/^sha256:/, "").slice(0, 12)}` : name;
}

export function makeCaption() {
  const name = el("strong");
  const badge = el("span.badge", { tabIndex: 0 }, "generated");
  const made = el("span.dim.made");
  const scale = el("span.dim.scale");
  const low = el("span");
  const ramp = el("span.ramp", { "aria-hidden": "true" });
  const high = el("span");
  const key = el("span.dim.nowrap.key", {}, low, ramp, high);
  const node = el("figcaption", { hidden: true }, name, badge, made, key, scale);
  return {
    node,
    set(pane, views, state, marked) {
      node.hidden = !pane.id;
      if (!pane.id) return;
      const view = pane.other ? views.other : views.own;
      const words = captionWords(pane, view, pane.left?.other ? views.other : views.own);
      say(name, words.name);
      badge.hidden = !words.generated;
      badge.dataset.tip = ["Detail in this picture is made by a model from the webcam's frame. It is not measured.", words.made && `Made ${words.made}.`].filter(Boolean).join(" ");
      say(made, words.made);
      say(scale, words.scale);
      const colours = marked ? rampWords(state, view, pane) : null;
      key.hidden = !colours;
      if (!colours) return;
      say(low, `${colours.name} ${colours.low}`);
      say(high, colours.high);
    },
  };
}
