// The bytes of a mesh slab (see monitor/web/surface.py for the layout). Pure.

const MAGIC = "LPM1";
const HEAD = 16;

/** {positions: Float32Array (3 a vertex), normals: Int8Array (4 a vertex, × 127), faces: Uint32Array (3 a triangle)}. */
export function decodeSlab(buffer) {
  const head = new DataView(buffer);
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(4, buffer.byteLength)));
  if (magic !== MAGIC) throw new Error(`not a mesh slab: it begins with "${magic}"`);
  const [vertices, triangles] = [head.getUint32(4, true), head.getUint32(8, true)];
  const size = HEAD + vertices * 16 + triangles * 12;
  if (buffer.byteLength !== size) throw new Error(`a mesh slab of ${buffer.byteLength} bytes should have ${size}`);
  return {
    positions: new Float32Array(buffer, HEAD, vertices * 3),
    normals: new Int8Array(buffer, HEAD + vertices * 12, vertices * 4),
    faces: new Uint32Array(buffer, HEAD + vertices * 16, triangles * 3),
  };
}

/** What to add and what to drop so that the slabs at hand (addresses) become those that are wanted. */
export function difference(atHand, wanted) {
  const there = new Set(atHand);
  const kept = new Set(wanted);
  return { add: wanted.filter((url) => !there.has(url)), drop: atHand.filter((url) => !kept.has(url)) };
}

/** A round factor by which heights are drawn larger, so that a flat build can be seen; 1 where it is high enough. */
export function stretchFor(tall, wide) {
  const wanted = (0.45 * wide) / Math.max(tall, 1e-6);
  return [50, 20, 10, 5, 2].find((factor) => factor <= wanted) ?? 1;
}

/** A round spacing for a grid with at least five lines over `length`, mm. */
export function gridStep(length) {
  const power = 10 ** Math.floor(Math.log10(length / 5));
  return [5, 2, 1].map((n) => n * power).find((step) => length / step >= 5) ?? power;
}
