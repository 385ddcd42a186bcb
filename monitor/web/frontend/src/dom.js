// Making elements. Owns nothing else.

/** An element: `el("div.panel", { onclick }, "text", child)`; `data-*`, `aria-*` and unknown names become attributes. */
export function el(kind, props = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in node && !name.includes("-") && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An SVG icon from one path on a 24 × 24 field. */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Set text only when it differs, so that screen readers and selections are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Call `draw` at most once a frame. */
export function onFrame(draw) {
  let asked = 0;
  return () => {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); });
  };
}

/** A value of a CSS variable of the page. */
export function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Call `changed` when the colour scheme did. */
export function onScheme(changed) {
  addEventListener("theme", changed);
}

/** Pixels of a length in rem, for what is drawn: a wall has larger letters than a desk. */
export const rem = (n) => n * parseFloat(getComputedStyle(document.documentElement).fontSize);

const MARKS = 16;
const marks = [];

/** Leave a mark with this name in the browser's timeline, for who measures; the oldest ones go. */
export function mark(name) {
  performance.mark(name);
  marks.push(name);
  if (marks.length > MARKS) performance.clearMarks(marks.shift());
}

const HIDDEN_MS = 200;

/** Resolves with the next frame; soon in a hidden page, which has none. */
export const frame = () => new Promise((done) => {
  requestAnimationFrame(done);
  setTimeout(done, HIDDEN_MS);
});

/** Leave a mark when what was drawn up to now is on the screen. */
export const markShown = (name) => requestAnimationFrame(() => requestAnimationFrame(() => mark(name)));
