// Controls of the pictures: which, against what, and what lies over them. Owns the controls, not the pictures.

import { el } from "../dom.js";
import { COMPARE, KINDS, comparable, kindOf } from "./kinds.js";

/** One choice of several as buttons with arrow keys (radio group). */
function choice(store, key, label, items) {
  const buttons = items.map(({ id, name, title }) => el("button", {
    type: "button", role: "radio", "data-id": id, "data-tip": title, onclick: () => store.set({ [key]: id }),
  }, name));
  const group = el("div.choice", { role: "radiogroup", "aria-label": label }, buttons);
  group.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const open = buttons.filter((button) => !button.disabled);
    const next = open[(open.indexOf(document.activeElement) + by + open.length) % open.length];
    event.preventDefault();
    next.focus();
    next.click();
  });
  store.watch([key], (state) => {
    for (const button of buttons) {
      const on = button.dataset.id === state[key];
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
  });
  return { group, buttons };
}

function toggle(store, key, label, tip) {
  const box = el("input", { type: "checkbox", onchange: () => store.set({ [key]: box.checked }) });
  store.watch([key], (state) => { box.checked = state[key]; });
  return el("label.toggle", { "data-tip": tip }, box, label);
}

export function makeToolbar(store) {
  const views = choice(store, "view", "Picture", KINDS);
  const compare = choice(store, "compare", "Comparison with the webcam", COMPARE);
  const percent = el("output.number");
  const overlay = el("input", {
    type: "range", min: 0, max: 100, step: 5, "aria-label": "Mask over the picture, percent",
    oninput: () => store.set({ overlay: Number(overlay.value) / 100 }),
  });
  store.watch(["overlay"], (state) => {
    overlay.value = String(Math.round(state.overlay * 100));
    percent.textContent = `${overlay.value} %`;
  });
  const reference = toggle(store, "reference", "Reference", "Outline of the part as it should be, where the build has it");
  const points = toggle(store, "points", "Points", "Where the segmenter was asked");
  store.watch(["layerView", "view"], ({ layerView, view }) => {
    const there = layerView?.pictures ?? {};
    for (const button of views.buttons) button.disabled = !there[button.dataset.id] && button.dataset.id !== view;
    for (const button of compare.buttons) button.disabled = !comparable(kindOf(view));
    reference.hidden = !there.reference;
    points.hidden = !layerView?.prompts?.length;
  });
  const mask = el("label.slider", {}, el("span.swatch.mask", { "aria-hidden": "true" }), "Mask", overlay, percent);
  return el("div.toolbar", {}, views.group, compare.group, mask, reference, points);
}
