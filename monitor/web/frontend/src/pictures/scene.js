// From a layer to what a pane shows. Owns choosing and asking for pictures; refuses to draw.

import { cssColour } from "../dom.js";
import { AGAINST, comparable, kindOf } from "./kinds.js";
import { coloured, outlined, tinted } from "./paint.js";
import { columnsFor } from "./view.js";

const INSTEAD = ["upscaled", "rectified", "webcam", "basler"];

/** The kind to show where the wanted one is not there; null where there is no picture at all. Pure. */
export function shownKind(wanted, pictures) {
  if (pictures[wanted]) return wanted;
  return INSTEAD.find((id) => pictures[id]) ?? null;
}

/** Panes of a layer: [{id, left}], left being what a wipe shows on its left. Pure. */
export function panes({ view, compare }, pictures) {
  const id = shownKind(view, pictures);
  if (!id) return [{ id: null, left: null }];
  const twin = comparable(kindOf(id)) && pictures[AGAINST] ? AGAINST : null;
  if (!twin || compare === "off") return [{ id, left: null }];
  return compare === "wipe" ? [{ id, left: twin }] : [{ id: twin, left: null }, { id, left: null }];
}

/**
 * What a stage shows of one pane.
 *
 * `across` says how many device pixels the whole picture covers, so that no more is fetched than is seen.
 */
export async function sceneOf(shelf, view, pane, state, across, marked) {
  const { pictures } = view;
  const facts = pictures[pane.id];
  const inGrid = facts.um_per_px !== null;
  const get = (id, name, paint) => shelf.get(sized(pictures[id], across), name, paint);
  const plain = (id) => (pictures[id].full_scale === null ? get(id, "plain") : get(id, "map", coloured));
  const mark = (id, wanted, paint, colour) =>
    wanted && marked && inGrid && pictures[id] ? get(id, `mark ${colour}`, (bitmap) => paint(bitmap, colour)) : null;
  const [main, left, overlay, outline] = await Promise.all([
    plain(pane.id),
    pane.left ? plain(pane.left) : null,
    mark("mask", state.overlay > 0, tinted, cssColour("--mask")),
    mark("reference", state.reference, outlined, cssColour("--reference")),
  ]);
  return {
    size: [facts.width, facts.height],
    mmPerPixel: inGrid ? facts.um_per_px / 1000 : null,
    left: left ?? main,
    right: left ? main : null,
    wipe: state.wipe,
    overlay,
    overlayAlpha: state.overlay,
    outline,
    points: state.points && marked && inGrid ? view.prompts : null,
  };
}

function sized(facts, across) {
  const columns = columnsFor(facts.width, across);
  return columns < facts.width ? `${facts.url}&width=${columns}` : facts.url;
}
