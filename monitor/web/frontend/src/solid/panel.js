// The panel of the growing part. Owns which slabs are fetched and what is said of them; the drawing is loaded late.

import { list, slider, toggle } from "../controls.js";
import { el, frame, markShown, say } from "../dom.js";
import { getBytes, getJson } from "../model/api.js";
import { find } from "../model/layers.js";
import { count, height, number } from "../words.js";
import { COLOURS, colourOf } from "./colour.js";
import { makeLegend } from "./legend.js";
import { decodeSlab, difference, gridStep, stretchFor } from "./slab.js";
import { Tint } from "./tint.js";

const TURN = 0.12;
const PATIENCE_MS = 200;
const WITHIN = 0.25;

export function installSolid(panel, store) {
  const { state } = store;
  const canvas = el("canvas", { tabIndex: 0, role: "img", "aria-label": "Part volume in three dimensions" });
  const note = el("p.note");
  const facts = el("p.dim.facts-line");
  const tools = el("div.toolbar");
  const reset = el("button.quiet", { type: "button", hidden: true, onclick: () => solid.view.frame() }, "Reset view");
  panel.append(el("div.head", {}, el("h2", { id: "solid-title" }, "Part volume"), reset), tools, el("div.stage", {}, canvas, note), facts);
  const legend = makeLegend();
  panel.querySelector(".stage").append(legend.node);
  const tell = (text) => { say(note, text); note.hidden = !text; };
  const solid = { view: null, tint: null, mesh: null, tell, facts };
  tell("Loading the 3D view");

  import("./view.js").then(({ SolidView }) => {
    solid.view = new SolidView(canvas);
    solid.tint = new Tint(solid.view, legend);
    addTools(tools, store);
    reset.hidden = false;
    canvas.addEventListener("keydown", (event) => turn(event, solid.view));
    store.watch(["build", "mesh"], follower(solid, store));
    let waiting = 0;
    store.watch(["layer", "follow", "stretch"], () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => arrange(solid, state), PATIENCE_MS);
    });
    store.watch(["cut", "cutAt"], () => arrange(solid, state));
    store.watch(["colour"], () => {
      arrange(solid, state);
      colour(solid, state);
    });
  }).catch((error) => {
    tell("The 3D view needs WebGL, which this browser does not offer. Everything else works without it.");
    console.warn(error);
  });
}

/** A function that brings the slabs up to date; one at a time, and once more for what came meanwhile. */
function follower(solid, store) {
  const { state } = store;
  let busy = false;
  let again = false;
  let done = "";
  const afterPictures = picturesFirst(store);
  return async function follow() {
    const key = state.build ? `${state.build.mesh_url} ${state.build.processed}` : "";
    if (key === done) return;
    if (busy) { again = true; return; }
    busy = true;
    try {
      await refresh(solid, state, afterPictures);
      done = key;
    } catch (error) {
      solid.tell(error.what ? `No 3D view now: ${error.what}` : String(error));
    }
    busy = false;
    if (again) { again = false; follow(); }
  };
}

/** A function that waits until the shown layer's pictures are on the screen, but not for long: a weak machine takes its time for the part. */
function picturesFirst({ state, watch }) {
  const waiting = new Set();
  const there = () => !state.follow || state.drawn === `${state.build?.id} ${state.layer}`;
  watch(["drawn", "follow"], () => {
    if (!there()) return;
    for (const done of waiting) done();
    waiting.clear();
  });
  return async () => {
    if (!there()) await new Promise((done) => { waiting.add(done); setTimeout(done, PATIENCE_MS); });
    await frame();
  };
}

async function refresh(solid, state, afterPictures) {
  const { view } = solid;
  const { build } = state;
  if (!build) {
    view.addresses.forEach((address) => view.drop(address));
    return;
  }
  const told = state.mesh?.build === build.id && state.mesh.processed === build.processed;
  const mesh = told ? state.mesh.view : await getJson(build.mesh_url);
  const { add, drop } = difference(view.addresses, mesh.slabs.map((slab) => slab.url));
  const came = await Promise.all(add.map(async (address) => [address, decodeSlab(await getBytes(address))]));
  await afterPictures();
  if (state.build?.id !== build.id) return;
  for (const address of drop) view.drop(address);
  for (const [address, slab] of came) view.add(address, slab);
  solid.mesh = mesh;
  arrange(solid, state);
  view.gaps(mesh.gaps.filter((gap) => gap.state !== "pending"), mesh);
  view.frame(build.id);
  solid.tell(mesh.slabs.length ? "" : "No layer is in the volume yet");
  await colour(solid, state);
  markShown(`volume of ${build.processed} layers`);
}

async function colour({ tint, mesh, tell }, state) {
  if (!mesh) return;
  const kind = state.colour;
  try {
    await tint.apply(mesh, kind);
  } catch (error) {
    tell(error.what ? `No colours now: ${error.what}` : String(error));
  }
}

/** Where the part is cut: {axis, mm}, null for nowhere. Pure. */
export function cutOf({ cut, cutAt, follow, layer, rows }, mesh) {
  if (cut === "x" || cut === "y") {
    const [low, high] = mesh[`${cut}_mm`];
    return { axis: cut, mm: low + (high - low) * cutAt };
  }
  const at = find(rows, layer);
  if (cut !== "layer" || follow || at < 0) return null;
  // Through the layer, not along its top, where the metal's own faces lie and would flicker with the cut's.
  const [top, below] = [rows[at].height_mm, rows[at - 1]?.height_mm ?? 0];
  return { axis: "height", mm: top - WITHIN * (top - below) };
}

function arrange({ view, mesh, facts }, state) {
  if (!mesh) return;
  const wide = Math.max(mesh.x_mm[1] - mesh.x_mm[0], mesh.y_mm[1] - mesh.y_mm[0]);
  const factor = state.stretch ? stretchFor(mesh.top_mm - mesh.bottom_mm, wide) : 1;
  view.place(mesh, factor);
  view.cutAt(cutOf(state, mesh));
  say(facts, [colourless(mesh, state.colour), solidWords(mesh, factor, wide, view.triangles)].filter(Boolean).join(" · "));
}

/** Why the part has not the colours that are asked for; "" where it has. Pure. */
export function colourless(mesh, colour) {
  const { url, name, missing } = colourOf(colour);
  return url && mesh.slabs.length && !mesh.slabs.some((slab) => slab[url]) ? `No ${name.toLowerCase()} to show: ${missing}` : "";
}

/** What is drawn, with every scale it rests on. Pure. */
export function solidWords(mesh, factor, wide, triangles) {
  const tall = mesh.top_mm - mesh.bottom_mm;
  const gaps = mesh.gaps.filter((gap) => gap.state !== "pending");
  const missing = gaps.reduce((sum, gap) => sum + gap.last - gap.first + 1, 0);
  return [
    `${height(tall)} mm high${factor > 1 ? `, drawn ${factor} × higher` : ""}`,
    `grid ${number(gridStep(wide), 1)} mm`,
    `${number(mesh.um_per_px, 3)} µm per pixel${mesh.layers_per_plane > 1 ? `, ${mesh.layers_per_plane} layers a plane` : ""}`,
    count(triangles, "triangle"),
    missing ? `${count(missing, "layer")} not in the volume (red frames)` : "",
  ].filter(Boolean).join(" · ");
}

const CUTS = [
  { id: "none", name: "No cut" },
  { id: "layer", name: "Cut at layer" },
  { id: "x", name: "Cut along x" },
  { id: "y", name: "Cut along y" },
];

function addTools(tools, store) {
  const cut = list(store, "cut", "Cut", CUTS);
  const at = slider(store, "cutAt", "Place of the cut", 0.01);
  store.watch(["cut"], (state) => { at.hidden = state.cut !== "x" && state.cut !== "y"; });
  tools.append(
    list(store, "colour", "Colours of the part", COLOURS.map(({ id, name }) => ({ id, name: `Colour: ${name.toLowerCase()}` }))).select,
    cut.select,
    at,
    toggle(store, "stretch", "Stretch", "A layer is some hundredths of a millimetre: draw heights larger by a round factor"),
  );
}

function turn(event, view) {
  const by = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, -TURN], ArrowDown: [0, TURN] }[event.key];
  if (!by) return;
  view.turn(...by);
  event.preventDefault();
  event.stopPropagation();
}
