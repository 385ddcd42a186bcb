// The pictures that a layer can have: what they are called and what they are made of. Pure.

export const KINDS = [
  { id: "webcam", name: "Webcam", title: "The webcam's frame as it was taken", raw: true },
  { id: "basler", name: "Basler", title: "The Basler's frame as it was taken", raw: true },
  { id: "rectified", name: "Rectified", caption: "Webcam, rectified", title: "The webcam's frame, seen straight from above" },
  { id: "hr", name: "High-res", caption: "Basler, rectified", title: "The Basler's frame, seen straight from above: what the model tries to make" },
  { id: "upscaled", name: "Super-resolved", title: "What the high-resolution camera would have seen, by a model", generated: true, upscaled: true },
  { id: "webcam-recoat", name: "Webcam, recoated", title: "The webcam's frame of the fresh powder, before the laser melted this layer", raw: true, optional: true },
  { id: "basler-recoat", name: "Basler, recoated", title: "The Basler's frame of the fresh powder, before the laser melted this layer", raw: true, optional: true },
];

export const kindOf = (id) => KINDS.find((kind) => kind.id === id) ?? KINDS[4];

/** What can lie over a picture of the plate. `by` is the bundle that made it. */
export const OVERLAYS = [
  { id: "mask", name: "Mask", title: "Where the segmenter found metal" },
  { id: "probability", name: "Probability", title: "How sure the segmenter is of metal", by: "segment" },
  { id: "inconsistency", name: "Guard", title: "Where the super-resolved picture, degraded again, differs from the webcam's", by: "upscale" },
  { id: "trust", name: "Trust", title: "How far the drawn detail may be believed: nothing measured, half plausible, full invented: the webcam contradicts it", by: "upscale" },
  { id: "spread", name: "Spread", title: "Where the model's samples differ from each other", by: "upscale" },
  { id: "laser", name: "Laser on", title: "Where the laser was on, from the mirrors' voltages" },
];

export const overlayOf = (id) => OVERLAYS.find((overlay) => overlay.id === id) ?? OVERLAYS[0];

export const COMPARE = [
  { id: "off", name: "One" },
  { id: "wipe", name: "Wipe" },
  { id: "split", name: "Side by side" },
];

/** Whether a finished layer was taken by a high-resolution camera, and so not super-resolved. */
export const isMeasured = ({ state, bundles }) => state !== "pending" && state !== "missing" && !bundles.upscale;

/** Whether a layer offers a picture of this kind, or says why it has none; most kinds are always offered. */
export const offered = ({ id, optional }, view) => !optional || Boolean(view?.pictures[id] || view?.recoat_gaps?.[id]);

/** Whether a picture of this kind lies in the plate grid, and so can be compared and covered. */
export const comparable = (kind) => !kind.raw;
