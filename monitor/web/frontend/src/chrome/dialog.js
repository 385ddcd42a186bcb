// A window over the page. Owns opening, closing and giving the focus back; the browser's <dialog> does the rest.

import { el } from "../dom.js";

/** A dialog with a title: {node, body, open, close}. `onclose` is called whichever way it is closed. */
export function makeDialog(id, title, onclose = () => {}) {
  const heading = el("h2", { id: `${id}-title` }, title);
  const shut = el("button.quiet", { type: "button", "aria-label": "Close", onclick: () => node.close() }, "Close");
  const body = el("div.dialog-body");
  const node = el("dialog", { id, "aria-labelledby": heading.id }, el("div.head", {}, heading, shut), body);
  node.addEventListener("click", (event) => { if (event.target === node) node.close(); });
  node.addEventListener("close", onclose);
  document.body.append(node);
  return {
    node, body, heading,
    open() { if (!node.open) node.showModal(); },
    close() { node.close(); },
  };
}

/** A labelled field of a form. */
export function field(label, props, kind = "input") {
  const control = el(kind, { ...props, id: props.id });
  return { control, node: el("label.field", { htmlFor: props.id }, el("span", {}, label), control) };
}

/** What went wrong, for a screen reader too: {node, tell}. */
export function makeTrouble() {
  const node = el("p.trouble", { role: "alert" });
  return { node, tell: (error) => { node.textContent = error ? [error.what ?? String(error), error.cure].filter(Boolean).join(": ") : ""; } };
}
