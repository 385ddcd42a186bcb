// Keys of the whole page; `help.js` says them. A control that uses a key itself keeps it.

import { place, step } from "../layers/place.js";
import { find, problem } from "../model/layers.js";
import { COMPARE, KINDS, OVERLAYS } from "../pictures/kinds.js";
import { COLOURS } from "../solid/colour.js";
import { THEMES } from "./theme.js";

const TAKES_KEYS = "input:not([type=checkbox]), select, textarea, [contenteditable], [role=radio], [role=tab], dialog";
const CUTS = ["none", "layer", "x", "y"];
const WIPE = 0.05;

const after = (list, item) => list[(list.indexOf(item) + 1) % list.length];
const ids = (list) => list.map(({ id }) => id);

/** The layer with a problem below the shown one, else the newest with one; null where there is none. Pure. */
export function nextProblem({ rows, layer }) {
  const found = rows.filter(problem).map((row) => row.index).reverse();
  return found.find((index) => index < layer) ?? found[0] ?? null;
}

/** What each key does; `windows` are the dialogs {help, builds, alarms}. */
function movesOf(store, windows) {
  const { state, set } = store;
  const cycle = (key, list) => () => set({ [key]: after(list, state[key]) });
  const wipe = (by) => () => set({ wipe: Math.min(Math.max(state.wipe + by, 0), 1) });
  const views = Object.fromEntries(KINDS.map(({ id }, i) => [String(i + 1), () => set({ view: id })]));
  return {
    ...views,
    ArrowLeft: () => step(store, -1),
    ArrowRight: () => step(store, 1),
    PageDown: () => step(store, -10),
    PageUp: () => step(store, 10),
    Home: () => place(store, 0),
    End: () => set({ follow: true }),
    n: () => {
      const index = nextProblem(state);
      if (index !== null) place(store, find(state.rows, index));
    },
    m: () => set({ overlay: state.overlay > 0 ? 0 : 0.35 }),
    o: cycle("over", ids(OVERLAYS)),
    r: () => set({ reference: !state.reference }),
    c: cycle("compare", ids(COMPARE)),
    ",": wipe(-WIPE),
    ".": wipe(WIPE),
    v: cycle("colour", ids(COLOURS)),
    x: cycle("cut", CUTS),
    t: cycle("theme", THEMES),
    a: windows.alarms,
    b: windows.builds,
    "?": windows.help,
  };
}

const ALWAYS = ["t", "?", "b", "a"];

export function installKeys(store, windows) {
  const moves = movesOf(store, windows);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.(TAKES_KEYS)) return;
    const move = moves[event.key];
    if (!move || (!store.state.rows.length && !ALWAYS.includes(event.key))) return;
    const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
    if (scrolls && ["PageUp", "PageDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    move();
  });
}
