// Keys of the whole page. A control that uses a key itself keeps it.

import { place, step } from "../layers/place.js";

const TAKES_KEYS = "input, select, textarea, [contenteditable], [role=radio]";

export function installKeys(store) {
  const moves = {
    ArrowLeft: () => step(store, -1),
    ArrowRight: () => step(store, 1),
    PageDown: () => step(store, -10),
    PageUp: () => step(store, 10),
    Home: () => place(store, 0),
    End: () => store.set({ follow: true }),
    m: () => store.set({ overlay: store.state.overlay > 0 ? 0 : 0.35 }),
    r: () => store.set({ reference: !store.state.reference }),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.(TAKES_KEYS)) return;
    const move = moves[event.key];
    if (!move || !store.state.rows.length) return;
    const scrolls = document.documentElement.scrollHeight > innerHeight + 1;
    if (scrolls && ["PageUp", "PageDown", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    move();
  });
}
