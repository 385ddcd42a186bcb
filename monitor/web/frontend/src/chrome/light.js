// A status light: a shape, a colour and a word. Owns how lights look.

import { el, say } from "../dom.js";
import { SHAPES } from "../model/health.js";

/** A light with its words; `set` changes both. */
export function makeLight(kind = "span.light") {
  const shape = el("span.shape", { "aria-hidden": "true" });
  const words = el("span.words");
  const node = el(kind, {}, shape, words);
  return {
    node,
    set(light, text) {
      node.dataset.light = light;
      say(shape, SHAPES[light]);
      say(words, text);
    },
  };
}
