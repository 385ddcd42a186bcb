// The replay that runs, and three buttons for it. Hidden while none runs; the server decides who may press them.

import { el } from "../dom.js";
import { postJson } from "../model/api.js";
import { number } from "../words.js";

/** What is said of a replay, and what its buttons ask for: {words, buttons: [{name, order}]}. Pure. */
export function replayOf({ layer, layers, paused, speed, goto: target }) {
  const at = layer === null ? "no layer yet" : `layer ${layer} of ${layers - 1}`;
  const pace = speed === 0 ? "as fast as possible" : `× ${number(speed)}`;
  const state = target > (layer ?? -1) ? `on the way to layer ${target}` : paused ? "paused" : pace;
  return {
    words: `${at}, ${state}`,
    buttons: [
      paused ? { name: "Go on", order: { verb: "run" } } : { name: "Pause", order: { verb: "pause" } },
      { name: "One layer", order: { verb: "step" } },
      speed === 1 ? { name: "As fast as possible", order: { verb: "speed", value: 0 } } : { name: "As recorded", order: { verb: "speed", value: 1 } },
    ],
  };
}

export function installReplay(panel, store, asPerson) {
  const words = el("p", { role: "status" });
  const buttons = el("div.actions");
  // Layers that are made already are looked at by the layer control; this one sends the replay on.
  let held = false;
  const range = el("input", {
    type: "range", min: 0, step: 1, "aria-label": "Replay up to layer",
    oninput: () => { held = true; words.textContent = `to layer ${range.value}`; },
    onchange: async () => {
      await send(store.state.live?.replay?.build, { verb: "goto", value: Number(range.value) });
      held = false;
    },
  });
  panel.append(el("h2", { id: "replay-title" }, "Replay"), words, range, buttons);
  const send = async (build, order) => {
    try {
      await asPerson(() => postJson(`builds/${encodeURIComponent(build)}/replay`, order), "operator");
    } catch (error) {
      store.set({ notice: error.what ? `${error.what}${error.cure ? `: ${error.cure}` : ""}` : String(error) });
    }
  };
  let shown = "";
  store.watch(["live"], ({ live }) => {
    const replay = live?.replay ?? null;
    panel.hidden = !replay;
    if (!replay) return;
    const said = replayOf(replay);
    range.max = String(replay.layers - 1);
    if (!held) {
      words.textContent = said.words;
      range.value = String(Math.max(replay.layer ?? 0, replay.goto));
    }
    const key = JSON.stringify([replay.build, said.buttons]);
    if (key === shown) return;
    shown = key;
    buttons.replaceChildren(...said.buttons.map(({ name, order }) => el("button", { type: "button", onclick: () => send(replay.build, order) }, name)));
  });
}
