// The head of the page: which build, and how all is in one line. Refuses to know why.

import { el, say } from "../dom.js";
import { problem } from "../model/layers.js";
import { summary } from "../model/health.js";
import { clock, count, sentence } from "../words.js";
import { makeLight } from "./light.js";

export function installTop(top, store) {
  const picker = el("select", { id: "build", "aria-label": "Build", onchange: () => choose(store, picker.value) });
  const label = el("label.picker", { htmlFor: "build" }, el("span.dim", {}, "Build"), picker);
  const facts = el("p.facts-line");
  const health = makeLight("p.chip.light");
  health.node.setAttribute("role", "status");
  const mark = el("img.mark", { src: "favicon.svg", alt: "", width: 26, height: 26 });
  top.append(el("h1.brand", {}, mark, el("span", {}, "LPBF monitor")), label, facts, health.node);

  store.watch(["builds", "chosen", "build", "live"], (state) => {
    fill(picker, state);
    say(facts, buildLine(state.build, state.rows, state.live));
  });
  store.watch(["rows"], (state) => say(facts, buildLine(state.build, state.rows, state.live)));
  store.watch(["live", "connection"], ({ live, connection }) => {
    const { light, words } = summary(live, connection);
    health.set(light, sentence(words));
  });
  store.watch(["live", "connection", "layer", "build"], ({ live, connection, layer, build }) => {
    const { light } = summary(live, connection);
    const place = build ? `${layer === null ? "" : `layer ${layer} · `}${build.name} · ` : "";
    document.title = `${light === "bad" ? "(!) " : ""}${place}LPBF monitor`;
  });
}

/** Show a build; "" for whichever is newest. */
function choose(store, id) {
  store.set({ chosen: id || null, follow: true, layer: null, layerView: null, build: null, rows: [], legend: {}, notice: null });
}

function fill(picker, { builds, chosen, live }) {
  const newest = live?.build ? `newest: ${live.build.name}` : "newest";
  const wanted = [["", newest], ...builds.map((build) => [build.id, `${build.name} · ${clock(build.created)}`])];
  if (chosen && !builds.some((build) => build.id === chosen)) wanted.push([chosen, chosen]);
  const key = JSON.stringify(wanted);
  if (picker.dataset.key !== key) {
    picker.dataset.key = key;
    picker.replaceChildren(...wanted.map(([value, text]) => el("option", { value }, text)));
  }
  picker.value = chosen ?? "";
}

const ORIGINS = { simulated: "virtual printer", recorded: "replay", imported: "imported", hardware: "printer" };

/** "virtual printer · running · 50 layers, 1 in work, 3 with problems". */
function buildLine(build, rows, live) {
  if (!build) return "";
  const shown = live?.build?.id === build.id ? live.build : build;
  const running = live?.processes.some(({ build: at, light }) => at === build.id && (light === "good" || light === "warn"));
  const open = rows.filter((row) => row.state === "pending").length;
  const bad = rows.filter(problem).length;
  const tally = [count(rows.length, "layer"), open && `${open} in work`, bad && `${bad} with problems`].filter(Boolean).join(", ");
  const origin = ORIGINS[build.origin] ?? build.origin;
  return [origin, shown.ended ? `ended: ${shown.ended}` : running ? "running" : "not ended", tally].join(" · ");
}
