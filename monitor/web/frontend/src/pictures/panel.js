// The pictures of the shown layer, one or two side by side, linked in zoom. Owns what is loading; refuses to draw.

import { el, markShown, onScheme, say } from "../dom.js";
import { find, problem } from "../model/layers.js";
import { namesOf, otherLayer, sameGrid } from "../model/other.js";
import { makeCaption } from "./caption.js";
import { comparable, isMeasured, kindOf } from "./kinds.js";
import { panes, sceneOf, shownKind } from "./scene.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { makeToolbar } from "./toolbar.js";
import { FIT, viewOn } from "./view.js";
import { height } from "../words.js";

const REFINE_MS = 120;

export function installPictures(panel, store, layerOf) {
  const { state } = store;
  const shelf = new Shelf();
  let view = FIT;
  let refining = 0;

  const look = (next, moved) => {
    view = next;
    if (moved) for (const { stage } of made) stage.look(view);
    clearTimeout(refining);
    refining = setTimeout(show, REFINE_MS);
  };
  const made = [makePane(store, look), makePane(store, look)];
  const note = el("p.note", { role: "status" });
  const doubt = el("p.doubted", { role: "status", tabIndex: 0 });
  const stages = el("div.stages", {}, made.map((pane) => pane.figure), note);
  panel.append(el("div.head", {}, el("h2", { id: "pictures-title" }, "Layer"), makeToolbar(store)), doubt, stages);

  async function show() {
    const { layerView } = state;
    say(note, noteWords(state));
    note.hidden = !note.textContent;
    say(doubt, doubtWords(state));
    doubt.hidden = !doubt.textContent;
    doubt.dataset.tip = doubt.textContent;
    if (!layerView) return;
    const other = state.otherBuild && state.compare !== "off" ? await otherLayer(state, layerOf).catch((error) => {
      store.set({ trouble: error.what ?? String(error) });
      return null;
    }) : null;
    if (layerView !== state.layerView) return;
    if (!noteWords(state)) {
      say(note, otherWords(state, other));
      note.hidden = !note.textContent;
    }
    const views = { own: other ? { ...layerView, from: namesOf(state)[0] } : layerView, other };
    const wanted = panes(state, layerView.pictures, other?.pictures ?? null, sameGrid(state));
    stages.dataset.panes = String(wanted.length);
    await Promise.all(made.map((pane, i) => pane.show(shelf, views, wanted[i], state, i === wanted.length - 1 || Boolean(wanted[i]?.other))));
    if (layerView.state !== "pending") markShown(`pictures of layer ${layerView.index}`);
    store.set({ drawn: `${state.build?.id} ${layerView.index}` });
  }
  const title = panel.querySelector("h2");
  store.watch(["layerView"], () => say(title, state.layerView ? `Layer ${state.layerView.index}` : "Layer"));
  store.watch(["layerView", "view", "compare", "against", "otherBuild", "otherRows", "reference", "points", "over", "overlay", "wipe"], show);
  store.watch(["focus"], ({ focus, build }) => {
    if (focus && build) look(viewOn(focus, build.grid, made.at(-1).stage.box), true);
  });
  store.watch(["layer"], () => prefetch(store, layerOf));
  onScheme(show);
}

/** Why the wanted picture is not there, in words; "" when it is. Pure. */
export function noteWords({ layerView, view, rows }) {
  if (!layerView) return rows.length ? "Loading the layer" : "";
  const row = rows[find(rows, layerView.index)];
  const wrong = row && problem(row);
  if (!Object.keys(layerView.pictures).some((id) => id !== "reference")) return `Layer ${layerView.index} is missing: ${layerView.reason || wrong?.reason || "no picture"}`;
  if (layerView.pictures[view]) return "";
  if (kindOf(view).upscaled && isMeasured(layerView)) return "";
  const name = kindOf(view).name.toLowerCase();
  const unpowdered = layerView.recoat_gaps?.[view];
  if (unpowdered) return `No ${name} picture of layer ${layerView.index}: ${unpowdered}`;
  if (kindOf(view).optional) return `No ${name} picture of layer ${layerView.index}: none was wanted`;
  if (layerView.state === "pending") return `Layer ${layerView.index} is in work: no ${name} picture yet`;
  return `No ${name} picture of layer ${layerView.index}${wrong ? `: ${wrong.reason}` : ""}`;
}

/** Why the other build has nothing to compare with; "" where it has, and where none is compared. Pure. */
export function otherWords(state, other) {
  if (!state.otherBuild || state.compare === "off" || !comparable(kindOf(state.view))) return "";
  const [, name] = namesOf(state);
  if (!other) return `${name} has no layer at ${height(state.layerView.height_mm)} mm`;
  return shownKind(state.view, other.pictures) ? "" : `${name} has no picture of its layer ${other.index}`;
}

/** Why the mask over the picture is not believed; "" where it is. Pure. */
export const doubtWords = ({ layerView, view }) => (layerView?.state === "anomaly" && layerView.pictures[view] ? `Mask not believed: ${layerView.reason}` : "");

/** Ask for the neighbours' facts early, so that stepping does not wait. */
function prefetch({ state }, layerOf) {
  const at = find(state.rows, state.layer);
  if (at < 0 || state.follow) return;
  for (const row of [state.rows[at - 1], state.rows[at + 1]]) if (row) layerOf(state.build.id, row).catch(() => {});
}

function makePane(store, onView) {
  const canvas = el("canvas", { tabIndex: 0, role: "img", "aria-label": "no picture yet" });
  const caption = makeCaption();
  const place = el("p.pointer", { "aria-hidden": "true" });
  const figure = el("figure", {}, caption.node, el("div.stage", {}, canvas, place));
  let grid = null;
  const stage = new Stage(canvas, {
    onView,
    onWipe: (wipe) => store.set({ wipe }),
    onHover: (point) => say(place, point && grid ? pointWords(grid, point) : ""),
  });
  let latest = 0;

  async function show(shelf, views, pane, state, marked) {
    const mine = ++latest;
    figure.hidden = !pane;
    if (!pane) return;
    const view = pane.other ? views.other : views.own;
    caption.set(pane, views, state, marked);
    canvas.setAttribute("aria-label", pane.id ? `${kindOf(pane.id).name} picture of layer ${view.index}` : "no picture");
    if (!pane.id) {
      stage.show(null);
      return;
    }
    const size = [view.pictures[pane.id].width, view.pictures[pane.id].height];
    const scene = await sceneOf(shelf, views, pane, state, stage.pixelsAcross(size), marked).catch((error) => {
      store.set({ trouble: error.what ?? String(error) });
      return null;
    });
    if (mine !== latest || !scene) return;
    grid = scene.mmPerPixel ? state.build?.grid : null;
    stage.show(scene);
  }
  return { figure, stage, show };
}

/** Plate position under the pointer. Pure. */
export function pointWords({ origin_mm: [x, y], um_per_px: um }, [column, row]) {
  const mm = (origin, pixel) => (origin + ((pixel - 0.5) * um) / 1000).toFixed(2).replace("-", "−");
  return `x ${mm(x, column)} mm  y ${mm(y, row)} mm`;
}
