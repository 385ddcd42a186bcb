// The key of the surface's colours. Owns how it looks.

import { el, say } from "../dom.js";
import { legendWords, swatches } from "./colour.js";

const SIZE = [120, 10];

export function makeLegend() {
  const bar = el("canvas.colour-bar", { width: SIZE[0], height: SIZE[1], "aria-hidden": "true" });
  const low = el("span");
  const high = el("span");
  const node = el("p.colour-key", { hidden: true, tabIndex: 0 }, low, bar, high);
  return {
    node,
    set(kind, scale) {
      node.hidden = !scale;
      if (!scale) return;
      const words = legendWords(kind, scale);
      say(low, words.low);
      say(high, words.high);
      node.dataset.tip = words.tip;
      const context = bar.getContext("2d");
      const colours = swatches(kind, SIZE[0]);
      colours.forEach((colour, x) => {
        context.fillStyle = colour;
        context.fillRect(x, 0, 1, SIZE[1]);
      });
    },
  };
}
