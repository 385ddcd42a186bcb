// Controls that set one key of the store: a choice, a list, a toggle, a slider. Owns their keys and their words.

import { el } from "./dom.js";

/** One choice of several as buttons with arrow keys (radio group): {group, buttons}. */
export function choice(store, key, label, items) {
  const buttons = items.map(({ id, name, title }) => el("button", {
    type: "button", role: "radio", "data-id": id, "data-tip": title, onclick: () => store.set({ [key]: id }),
  }, name));
  const group = el("div.choice", { role: "radiogroup", "aria-label": label }, buttons);
  group.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const open = buttons.filter((button) => !button.disabled && !button.hidden);
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

/** A box to tick. */
export function toggle(store, key, label, tip) {
  const box = el("input", { type: "checkbox", onchange: () => store.set({ [key]: box.checked }) });
  store.watch([key], (state) => { box.checked = state[key]; });
  return el("label.toggle", { "data-tip": tip }, box, label);
}

/** A list to choose from; `offer` replaces its items [{id, name}] where they differ. */
export function list(store, key, label, items) {
  const select = el("select", { "aria-label": label, onchange: () => store.set({ [key]: select.value }) });
  let shown = "";
  const offer = (wanted) => {
    const now = JSON.stringify(wanted);
    if (now !== shown) select.replaceChildren(...wanted.map(({ id, name }) => el("option", { value: id }, name)));
    shown = now;
    select.value = store.state[key];
  };
  offer(items);
  store.watch([key], (state) => { select.value = state[key]; });
  return { select, offer };
}

/** A slider over the shares 0 … 1 in steps of `step`; `node` is the range alone. */
export function slider(store, key, label, step = 0.05) {
  const range = el("input", {
    type: "range", min: 0, max: 100, step: step * 100, "aria-label": label,
    oninput: () => store.set({ [key]: Number(range.value) / 100 }),
  });
  store.watch([key], (state) => { range.value = String(Math.round(state[key] * 100)); });
  return range;
}
