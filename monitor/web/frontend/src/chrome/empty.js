// What the page says before there is anything to see. Owns hiding the panels that would be empty.

import { el, say } from "../dom.js";

/** Title and text while there is no layer; null once there is one. Pure. */
export function emptyWords({ live, loaded, build, rows, chosen }) {
  if (rows.length) return null;
  if (!live && !loaded) return ["Connecting", "Asking the monitor for its newest build."];
  if (build) {
    const text = build.ended
      ? `It ended before its first layer: ${build.ended}.`
      : "Its first layer appears here as soon as the laser has finished it.";
    return [`Build ${build.name} has no layer yet`, text];
  }
  if (chosen || live?.build) return ["Loading", "Reading the layers of the build."];
  const acquire = live?.processes.find(({ process }) => process === "acquire");
  if (acquire && acquire.light !== "off") return ["Waiting for the first layer", "A build begins when the laser is first on. It appears here by itself."];
  return ["No build yet", "Acquisition is not running. Start it with lpbf-monitor run, or see everything on the virtual printer with lpbf-monitor demo."];
}

export function installEmpty(empty, store) {
  const title = el("h2");
  const text = el("p");
  empty.append(title, text);
  store.watch(["live", "loaded", "build", "rows", "chosen"], (state) => {
    const words = emptyWords(state);
    empty.hidden = !words;
    document.body.classList.toggle("is-empty", Boolean(words));
    if (!words) return;
    say(title, words[0]);
    say(text, words[1]);
  });
}
