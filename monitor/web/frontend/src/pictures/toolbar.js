// Controls of the pictures: which, against what, and what lies over them. Owns the controls, not the pictures.

import { choice, list, slider, toggle } from "../controls.js";
import { el, say } from "../dom.js";
import { COMPARE, KINDS, OVERLAYS, comparable, kindOf, offered } from "./kinds.js";

export function makeToolbar(store) {
  const views = choice(store, "view", "Picture", KINDS);
  const compare = choice(store, "compare", "Comparison", COMPARE);
  const against = list(store, "against", "Compared with", []);
  const over = list(store, "over", "Over the picture", OVERLAYS);
  const percent = el("output.number");
  store.watch(["overlay"], ({ overlay }) => say(percent, `${Math.round(overlay * 100)} %`));
  const cover = el("span.slider", {}, over.select, slider(store, "overlay", "Opacity of what lies over the picture"), percent);
  const nominal = toggle(store, "reference", "Nominal", "Outline of the part as it should be, where the build has it");
  const points = toggle(store, "points", "Points", "Where the segmenter was asked");

  store.watch(["layerView", "view", "compare", "otherBuild", "over"], ({ layerView, view, compare: mode, otherBuild }) => {
    const there = layerView?.pictures ?? {};
    const inGrid = comparable(kindOf(view));
    for (const button of views.buttons) {
      const { id } = button.dataset;
      button.hidden = !offered(kindOf(id), layerView) && id !== view;
      button.disabled = !there[id] && id !== view;
    }
    for (const button of compare.buttons) button.disabled = !inGrid;
    const twins = KINDS.filter((kind) => comparable(kind) && kind.id !== view && (there[kind.id] || kind.id === store.state.against));
    against.offer(twins.map(({ id, name }) => ({ id, name: `with ${name}` })));
    against.select.hidden = mode === "off" || !inGrid || !twins.some(({ id }) => there[id]) || Boolean(otherBuild);
    over.offer(OVERLAYS.filter(({ id }) => there[id] || id === "mask" || id === store.state.over));
    cover.hidden = !inGrid;
    nominal.hidden = !there.reference || !inGrid;
    points.hidden = !layerView?.prompts?.length || !inGrid;
  });
  return el("div.toolbar", {}, views.group, compare.group, against.select, cover, nominal, points);
}
