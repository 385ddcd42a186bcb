// The pictures that a layer can have: what they are called and what they are made of. Pure.

export const KINDS = [
  { id: "webcam", name: "Webcam", title: "The webcam's frame as it was taken", raw: true },
  { id: "basler", name: "Basler", title: "The Basler's frame as it was taken", raw: true },
  { id: "rectified", name: "Rectified", caption: "Webcam, rectified", title: "The webcam's frame, seen straight from above" },
  { id: "upscaled", name: "Super-resolved", title: "What the high-resolution camera would have seen, by a model", generated: true, upscaled: true },
  { id: "inconsistency", name: "Inconsistency", title: "Where the super-resolved picture, degraded again, differs from the webcam's", map: true, upscaled: true },
  { id: "spread", name: "Spread", title: "Where the model's samples differ from each other", map: true, upscaled: true },
  { id: "probability", name: "Probability", title: "How sure the segmenter is of metal", map: true },
];

export const kindOf = (id) => KINDS.find((kind) => kind.id === id) ?? KINDS[3];

export const COMPARE = [
  { id: "off", name: "One" },
  { id: "wipe", name: "Wipe" },
  { id: "split", name: "Side by side" },
];

/** What stands left of a picture in a comparison: the webcam's, rectified. */
export const AGAINST = "rectified";

/** Whether a finished layer was taken by a high-resolution camera, and so not super-resolved. */
export const isMeasured = ({ state, bundles }) => state !== "pending" && state !== "missing" && !bundles.upscale;

/** Whether a picture of this kind can be compared with the webcam's. */
export const comparable = (kind) => !kind.raw && kind.id !== AGAINST;
