// What the page keeps: where one looks in the address (so that a link shows the same), how one likes it in the browser.

const KEPT = "lpbf-monitor";
const LIKED = ["view", "compare", "against", "over", "overlay", "wipe", "reference", "points", "stretch", "colour", "cut", "cutAt", "tab", "theme"];

/** State from an address hash such as "#build=…&layer=12"; a layer means that the newest is not followed. */
export function readHash(hash) {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const layer = /^\d{1,7}$/.test(found.get("layer") ?? "") ? Number(found.get("layer")) : null;
  const state = { chosen: found.get("build") || null, set: found.get("set") || "", other: found.get("with") || null, otherSet: found.get("withset") || "", layer, follow: layer === null };
  if (found.get("view")) state.view = found.get("view");
  return state;
}

/** The hash of a state. */
export function writeHash({ chosen, set, other, otherSet, layer, follow, view }) {
  const said = new URLSearchParams();
  if (chosen) said.set("build", chosen);
  if (set) said.set("set", set);
  if (other) said.set("with", other);
  if (other && otherSet) said.set("withset", otherSet);
  if (!follow && layer !== null) said.set("layer", String(layer));
  said.set("view", view);
  return `#${said}`;
}

/** How this browser's user likes the page; only values of the same type as the defaults are taken. */
export function readLiked(defaults) {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch { /* blocked or damaged: the defaults are fine */ }
  return Object.fromEntries(LIKED.filter((key) => typeof kept[key] === typeof defaults[key]).map((key) => [key, kept[key]]));
}

export function keepAddress(store) {
  store.watch(["chosen", "set", "other", "otherSet", "layer", "follow", "view"], (state) => {
    const hash = writeHash(state);
    if (hash !== location.hash) history.replaceState(null, "", hash);
  });
  store.watch(LIKED, (state) => {
    try {
      localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(LIKED.map((key) => [key, state[key]]))));
    } catch { /* a browser that keeps nothing still shows everything */ }
  });
  addEventListener("hashchange", () => store.set(readHash(location.hash)));
}
