// From a layer to what a pane shows. Owns choosing and asking for pictures; refuses to draw.

import { cssColour } from "../dom.js";
import { comparable, kindOf, overlayOf } from "./kinds.js";
import { coloured, outlined, tinted } from "./paint.js";
import { columnsFor } from "./view.js";

const INSTEAD = ["upscaled", "rectified", "hr", "webcam", "basler"];
const TWINS = ["rectified", "hr", "upscaled"];

/** The kind to show where the wanted one is not there; null where there is no picture at all. Pure. */
export function shownKind(wanted, pictures) {
  if (pictures[wanted]) return wanted;
  return INSTEAD.find((id) => pictures[id]) ?? null;
}

/** What a picture is compared with: {id, other}, `other` meaning the other build's layer; null for nothing. Pure. */
export function twinOf(id, { against }, pictures, others) {
  if (!comparable(kindOf(id))) return null;
  if (others) {
    const twin = shownKind(id, others);
    return twin ? { id: twin, other: true } : null;
  }
  const twin = [against, ...TWINS].find((kind) => kind !== id && pictures[kind]);
  return twin ? { id: twin, other: false } : null;
}

/**
 * Panes of a layer: [{id, other, left}], `left` being what a wipe shows on its left. Pure.
 *
 * `others` are the pictures of the other build's layer, null where no build is compared; `sameGrid` whether both lie in
 * one plate grid, without which nothing can be wiped.
 */
export function panes(state, pictures, others = null, sameGrid = true) {
  const id = shownKind(state.view, pictures);
  if (!id) return [{ id: null, other: false, left: null }];
  const twin = state.compare === "off" ? null : twinOf(id, state, pictures, others);
  if (!twin) return [{ id, other: false, left: null }];
  if (state.compare === "wipe" && (!twin.other || sameGrid)) return [{ id, other: false, left: twin }];
  return [{ ...twin, left: null }, { id, other: false, left: null }];
}

/** The overlay of a pane: its kind where the user wants one and the layer has it, else null. Pure. */
export function overlayShown({ over, overlay }, pictures, id) {
  return overlay > 0 && comparable(kindOf(id)) && pictures[over] ? overlayOf(over).id : null;
}

/**
 * What a stage shows of one pane.
 *
 * `views` are the layers {own, other}; `across` says how many device pixels the whole picture covers, so that no more
 * is fetched than is seen.
 */
export async function sceneOf(shelf, views, pane, state, across, marked) {
  const view = pane.other ? views.other : views.own;
  const { pictures } = view;
  const facts = pictures[pane.id];
  const inGrid = facts.um_per_px !== null;
  const get = (from, id, name, paint) => shelf.get(sized(from.pictures[id], across), name, paint);
  const over = (from) => {
    const shown = marked ? overlayShown(state, from.pictures, pane.id) : null;
    if (shown !== "mask") return shown && get(from, shown, "map", coloured);
    return get(from, "mask", `mask ${cssColour("--mask")}`, (bitmap) => tinted(bitmap, cssColour("--mask")));
  };
  const outline = () => get(view, "reference", `outline ${cssColour("--reference")}`, (bitmap) => outlined(bitmap, cssColour("--reference")));
  const [main, left, overlay, leftOverlay, nominal] = await Promise.all([
    get(view, pane.id, "plain"),
    pane.left ? get(pane.left.other ? views.other : views.own, pane.left.id, "plain") : null,
    over(view),
    pane.left?.other ? over(views.other) : null,
    state.reference && marked && inGrid && pictures.reference ? outline() : null,
  ]);
  return {
    size: [facts.width, facts.height],
    mmPerPixel: inGrid ? facts.um_per_px / 1000 : null,
    left: left ?? main,
    right: left ? main : null,
    wipe: state.wipe,
    overlay,
    leftOverlay: pane.left?.other ? leftOverlay : overlay,
    overlayAlpha: state.overlay,
    outline: nominal,
    points: state.points && marked && inGrid ? view.prompts : null,
  };
}

function sized(facts, across) {
  const columns = columnsFor(facts.width, across);
  return columns < facts.width ? `${facts.url}&width=${columns}` : facts.url;
}
