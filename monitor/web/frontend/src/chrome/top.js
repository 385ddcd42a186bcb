// The head of the page: which build, and how all is in one line. Refuses to know why.

import { originWord, showBuild } from "../builds/dialog.js";
import { el, say } from "../dom.js";
import { unseen } from "../model/alarms.js";
import { problem } from "../model/layers.js";
import { isRunning, summary } from "../model/health.js";
import { namesOf } from "../model/other.js";
import { clock, count, sentence } from "../words.js";
import { makeLight } from "./light.js";

/** `windows` open {help, builds, person}. */
export function installTop(top, store, windows) {
  const picker = el("select", { id: "build", "aria-label": "Build", onchange: () => showBuild(store, picker.value) });
  const label = el("label.picker", { htmlFor: "build" }, el("span.dim", {}, "Build"), picker);
  const facts = el("p.facts-line");
  const health = makeLight("p.chip.light");
  health.node.setAttribute("role", "status");
  const mark = el("img.mark", { src: "favicon.svg", alt: "", width: 26, height: 26 });
  const compared = el("span.compared", { hidden: true });
  const past = el("button", { type: "button", onclick: windows.builds }, "Builds");
  const help = el("button.round", { type: "button", "aria-label": "Keys and gestures", onclick: windows.help }, "?");
  const person = el("button.person", { type: "button", onclick: windows.person });
  top.append(el("h1.brand", {}, mark, el("span", {}, "LPBF monitor")), label, past, compared, facts, health.node, el("div.tools", {}, person, help));

  store.watch(["me"], ({ me }) => {
    say(person, me?.name ? me.name : "Log in");
    person.hidden = me === null;
    person.dataset.tip = me?.name ? `${me.name}, ${me.role}` : "Acknowledging alarms needs a name";
  });
  store.watch(["other", "otherBuild", "build"], (state) => {
    const { other, otherBuild, build } = state;
    compared.hidden = !other;
    if (!other) return;
    compared.replaceChildren(el("span", {}, `compared with ${otherBuild && build ? namesOf(state)[1] : other}`), el("button.quiet", { type: "button", "aria-label": "Stop comparing", onclick: () => store.set({ other: null, otherSet: "" }) }, "✕"));
  });

  store.watch(["builds", "chosen", "build", "live"], (state) => {
    fill(picker, state);
    say(facts, buildLine(state));
  });
  store.watch(["rows"], (state) => say(facts, buildLine(state)));
  store.watch(["live", "connection"], ({ live, connection }) => {
    const { light, words } = summary(live, connection);
    health.set(light, sentence(words));
  });
  store.watch(["live", "connection", "layer", "build"], ({ live, connection, layer, build }) => {
    const light = unseen(live?.alarms?.open ?? []).length ? "bad" : summary(live, connection).light;
    const place = build ? `${layer === null ? "" : `layer ${layer} · `}${build.name} · ` : "";
    document.title = `${light === "bad" ? "(!) " : ""}${place}LPBF monitor`;
  });
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

/** "virtual printer · running · 50 layers, 1 in work, 3 with problems". */
function buildLine({ build, rows, live, set }) {
  if (!build) return "";
  const shown = live?.build?.id === build.id ? live.build : build;
  const open = rows.filter((row) => row.state === "pending").length;
  const bad = rows.filter(problem).length;
  const tally = [count(rows.length, "layer"), open && `${open} in work`, bad && `${bad} with problems`].filter(Boolean).join(", ");
  return [set && `products: ${set}`, originWord(build.origin), shown.ended ? `ended: ${shown.ended}` : isRunning(build, live) ? "running" : "not ended", tally].filter(Boolean).join(" · ");
}
