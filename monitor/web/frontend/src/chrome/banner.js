// What needs a person now, in a line each. Empty and hidden when all is well.

import { el } from "../dom.js";
import { summaryOf } from "../model/alarms.js";
import { ORDER, complaints } from "../model/health.js";
import { clock, sentence } from "../words.js";

/** Lines of the banner: [{light, words, closes, alarms}]; pure. */
export function lines({ live, connection, lostAt, notice, trouble }) {
  if (connection === "lost") {
    const since = lostAt ? ` since ${clock(lostAt.toISOString())}` : "";
    return [{ light: "bad", words: `Connection lost${since}. What you see is old; the page keeps trying.` }];
  }
  const alarm = summaryOf(live?.alarms?.open ?? []);
  const found = alarm ? [{ ...alarm, alarms: true }] : [];
  const ill = complaints(live?.processes ?? []).filter(({ light }) => light === "bad");
  if (ill.length) found.push({ light: "bad", words: ill.map(({ words }) => sentence(words)).join(" · ") });
  if (trouble) found.push({ light: "warn", words: trouble });
  if (notice) found.push({ light: "off", words: notice, closes: true });
  return found.sort((a, b) => ORDER.indexOf(b.light) - ORDER.indexOf(a.light));
}

/** `alarms` leads to the alarms. */
export function installBanner(banner, store, alarms) {
  let shown = "";
  store.watch(["live", "connection", "lostAt", "notice", "trouble"], (state) => {
    const now = lines(state);
    const key = JSON.stringify(now);
    if (key === shown) return;
    shown = key;
    banner.hidden = !now.length;
    banner.replaceChildren(...now.map((line) => el("p", { "data-light": line.light }, el("span", {}, sentence(line.words)), line.closes && closer(store), line.alarms && el("button", { type: "button", onclick: alarms }, "See alarms"))));
  });
}

const closer = (store) => el("button.quiet", { type: "button", onclick: () => store.set({ notice: null }) }, "Close");
