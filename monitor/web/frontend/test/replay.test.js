import assert from "node:assert/strict";
import test from "node:test";

import { replayOf } from "../src/side/replay.js";

const running = { layer: 3, layers: 10, paused: false, speed: 1, goto: -1 };

test("a replay says where it is, and its buttons ask for what they say", () => {
  const said = replayOf(running);
  assert.equal(said.words, "layer 3 of 9, × 1");
  assert.deepEqual(said.buttons.map(({ name }) => name), ["Pause", "One layer", "As fast as possible"]);
  const paused = replayOf({ ...running, paused: true, speed: 0 });
  assert.equal(paused.words, "layer 3 of 9, paused");
  assert.deepEqual(paused.buttons.map(({ order }) => order), [{ verb: "run" }, { verb: "step" }, { verb: "speed", value: 1 }]);
  assert.equal(replayOf({ ...running, layer: null, goto: 5 }).words, "no layer yet, on the way to layer 5");
});
