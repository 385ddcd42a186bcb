// Colours of numbers on the surface. Owns the maps, their scales and their words. Pure.

const GREY = [150, 158, 166];
// Anchors: a diverging map from blue over grey to red (Moreland's "cool to warm"), and matplotlib's viridis and inferno (CC0).
const MAPS = {
  deviation: [[59, 76, 192], [124, 159, 249], [221, 221, 221], [244, 152, 122], [180, 4, 38]],
  height: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
  uncertainty: [[22, 11, 57], [106, 23, 110], [188, 55, 84], [243, 120, 25], [246, 215, 70]],
};

export const COLOURS = [
  { id: "plain", name: "Plain" },
  { id: "height", name: "Height" },
  { id: "deviation", name: "Deviation", url: "deviation_url", unit: "mm", missing: "the build has no nominal outline" },
  { id: "uncertainty", name: "Uncertainty", url: "uncertainty_url", unit: "%", missing: "no layer was made by several samples" },
];

export const colourOf = (id) => COLOURS.find((colour) => colour.id === id) ?? COLOURS[0];

/** [r, g, b] of a share 0 … 1 of a map. */
export function colourAt(kind, share) {
  const map = MAPS[kind];
  const at = Math.min(Math.max(share, 0), 1) * (map.length - 1);
  const i = Math.min(Math.floor(at), map.length - 2);
  return map[i].map((low, c) => low + (map[i + 1][c] - low) * (at - i));
}

/** The round number of the series 1, 2, 5, 10 … that is at least `value`. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}

/** A round height with room for more, so that a part that grows is not painted anew with each layer. */
export function roomFor(tall) {
  const step = 2 ** Math.ceil(Math.log2(Math.max(tall, 1e-3))) / 8;
  return Math.ceil(tall / step - 1e-9) * step;
}

/** A scale [low, high] for all values (a list of arrays): round, and wide enough for 98 % of them. */
export function scaleOf(kind, arrays) {
  const known = [];
  for (const values of arrays) for (let i = 0; i < values.length; i += 7) if (values[i] === values[i]) known.push(Math.abs(values[i]));
  if (!known.length) return kind === "deviation" ? [-0.1, 0.1] : [0, 0.1];
  const high = roundUp(known.sort((a, b) => a - b)[Math.floor(known.length * 0.98)] || 1e-3);
  return kind === "deviation" ? [-high, high] : [0, high];
}

const STEPS = 256;
const linear = (byte) => {
  const c = byte / 255;
  return Math.round(65535 * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
};

/** Colours for vertices, Uint16 (3 a vertex, linear light × 65535); what is not a number is grey. */
export function paint(kind, values, [low, high]) {
  const table = Array.from({ length: STEPS }, (_, i) => colourAt(kind, i / (STEPS - 1)).map(linear));
  const grey = GREY.map(linear);
  const found = new Uint16Array(values.length * 3);
  const slope = (STEPS - 1) / (high - low);
  for (let i = 0; i < values.length; i++) {
    const step = Math.round((values[i] - low) * slope);
    const [r, g, b] = step === step ? table[Math.min(Math.max(step, 0), STEPS - 1)] : grey;
    found[3 * i] = r;
    found[3 * i + 1] = g;
    found[3 * i + 2] = b;
  }
  return found;
}

/** Words of a legend: {low, middle, high, tip}. */
export function legendWords(kind, [low, high]) {
  const say = (value, decimals) => value.toFixed(decimals).replace("-", "−");
  const fine = Math.max(0, -Math.floor(Math.log10(high || 1)));
  if (kind === "deviation") return { low: `${say(low, fine)}`, high: `+${say(high, fine)} mm`, tip: "Distance of the surface from the nominal outline, in the layer's plane; red is metal too much, blue too little, grey not known" };
  if (kind === "uncertainty") return { low: "0", high: `${say(high * 100, Math.max(0, fine - 2))} %`, tip: "Standard deviation between the model's samples at the surface, in shares of the grey scale; grey is not known" };
  return { low: say(low, 2), high: `${say(high, 2)} mm`, tip: "Height above the plate" };
}

/** The map as a list of CSS colours. */
export const swatches = (kind, n = 24) => Array.from({ length: n }, (_, i) => `rgb(${colourAt(kind, i / (n - 1)).map(Math.round)})`);
