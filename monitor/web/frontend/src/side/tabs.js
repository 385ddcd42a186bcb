// Several panels in one place. Owns which is seen.

import { el } from "../dom.js";

/** Tabs [{id, name, panel}] in `head`; the state's `tab` says which is shown. */
export function installTabs(head, store, items) {
  const buttons = items.map(({ id, name, panel }) => {
    const button = el("button.tab", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": panel.id, onclick: () => store.set({ tab: id }) }, name);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    return button;
  });
  head.prepend(el("div.tabs", { role: "tablist", "aria-label": "Layer, parts and problems" }, buttons));
  head.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = buttons[(buttons.indexOf(document.activeElement) + (event.key === "ArrowLeft" ? -1 : 1) + buttons.length) % buttons.length];
    event.stopPropagation();
    event.preventDefault();
    next.focus();
    next.click();
  });
  store.watch(["tab"], ({ tab }) => items.forEach(({ id, panel }, i) => {
    const on = id === tab;
    panel.hidden = !on;
    buttons[i].setAttribute("aria-selected", String(on));
    buttons[i].tabIndex = on ? 0 : -1;
  }));
}
