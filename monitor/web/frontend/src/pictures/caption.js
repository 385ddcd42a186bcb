// What stands above a picture: what it is, who made it, and what its colours mean.

import { el, say } from "../dom.js";
import { number, percent } from "../words.js";
import { isMeasured, kindOf } from "./kinds.js";

/** Words of a caption: {name, made, scale}. Pure. */
export function captionWords(pane, view) {
  const kind = kindOf(pane.id);
  const facts = view.pictures[pane.id];
  const called = (id) => (isMeasured(view) ? null : kindOf(id).caption) ?? kindOf(id).name;
  const name = pane.left ? `${called(pane.left)} | ${called(pane.id)}` : called(pane.id);
  const made = kind.generated || kind.map ? makerOf(kind, view.bundles) : "";
  const scale = facts.um_per_px === null ? "camera pixels" : `${number(facts.um_per_px, 3)} µm per pixel`;
  return { name, generated: Boolean(kind.generated), made, scale, full: facts.full_scale };
}

function makerOf(kind, bundles) {
  const bundle = kind.id === "probability" ? bundles.segment : bundles.upscale;
  return bundle ? `by ${shortLabel(bundle)}` : "";
}

/** "name@3f9c1e0a77b2" from a bundle's label, whose digest may be longer. */
export function shortLabel(label) {
  const [name, digest = ""] = label.split("@");
  return digest ? `${name}@${digest.replace(/^sha256:/, "").slice(0, 12)}` : name;
}

export function makeCaption() {
  const name = el("strong");
  const badge = el("span.badge", { tabIndex: 0, "data-tip": "Detail in this picture is made by a model from the webcam's frame. It is not measured." }, "generated");
  const made = el("span.dim.made");
  const scale = el("span.dim.scale");
  const ramp = el("span.ramp", { role: "img" });
  const top = el("span.dim.nowrap");
  const node = el("figcaption", { hidden: true }, name, badge, made, ramp, top, scale);
  return {
    node,
    set(pane, view) {
      node.hidden = !pane.id;
      if (!pane.id) return;
      const words = captionWords(pane, view);
      say(name, words.name);
      badge.hidden = !words.generated;
      say(made, words.made);
      say(scale, words.scale);
      ramp.hidden = top.hidden = words.full === null;
      if (words.full === null) return;
      say(top, pane.id === "probability" ? "0 … 100 %" : `0 … ${percent(words.full, 0)} of the grey scale`);
      ramp.setAttribute("aria-label", `colours from dark to light: ${top.textContent}`);
    },
  };
}
