// Turning the server's pictures into what is drawn: tinted masks, outlines, maps of numbers in colour.

// Anchors of the colour map "inferno" (matplotlib, CC0): even in lightness, and readable without colour vision.
const INFERNO = [
  [0, 0, 4], [22, 11, 57], [66, 10, 104], [106, 23, 110], [147, 38, 103], [188, 55, 84],
  [221, 81, 58], [243, 120, 25], [252, 165, 10], [246, 215, 70], [252, 255, 164],
];

/** Colour of a share 0 … 1, as [r, g, b]. */
export function inferno(share) {
  const at = Math.min(Math.max(share, 0), 1) * (INFERNO.length - 1);
  const i = Math.min(Math.floor(at), INFERNO.length - 2);
  return INFERNO[i].map((low, c) => Math.round(low + (INFERNO[i + 1][c] - low) * (at - i)));
}

export const INFERNO_CSS = `linear-gradient(to right, ${INFERNO.map((c) => `rgb(${c})`).join(", ")})`;

const LUT = (() => {
  const lut = new Uint32Array(256);
  const bytes = new Uint8Array(lut.buffer);
  for (let level = 0; level < 256; level++) bytes.set([...inferno(level / 255), 255], level * 4);
  return lut;
})();

function sheet(width, height, options) {
  const canvas = new OffscreenCanvas(width, height);
  return [canvas, canvas.getContext("2d", options)];
}

/** A grey map in colour. */
export function coloured(bitmap) {
  const [canvas, context] = sheet(bitmap.width, bitmap.height, { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = LUT[pixels.data[i * 4]];
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A white mask in one colour. */
export function tinted(bitmap, colour) {
  const [canvas, context] = sheet(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The outline of a white mask in one colour, drawn outside it. */
export function outlined(bitmap, colour) {
  const [canvas, context] = sheet(bitmap.width, bitmap.height);
  const reach = Math.max(1, Math.round(bitmap.width / 700));
  for (let angle = 0; angle < 8; angle++) {
    context.drawImage(bitmap, reach * Math.cos((angle * Math.PI) / 4), reach * Math.sin((angle * Math.PI) / 4));
  }
  context.globalCompositeOperation = "destination-out";
  context.drawImage(bitmap, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}
