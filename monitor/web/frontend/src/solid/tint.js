// The surface in the colours of a number. Owns which numbers are fetched and which slabs are painted again.

import { getBytes } from "../model/api.js";
import { colourOf, paint, roomFor, scaleOf } from "./colour.js";

export class Tint {
  #kept = new Map();
  #painted = new Map();

  constructor(view, legend) {
    this.view = view;
    this.legend = legend;
  }

  /** Bring every slab into the colours of `kind`; where no slab has such numbers, the part is plain. */
  async apply(mesh, kind) {
    const colour = colourOf(kind);
    const slabs = mesh.slabs.filter(({ url }) => this.view.has(url));
    const found = colour.id === "plain" ? [] : await Promise.all(slabs.map((slab) => this.#values(slab, colour, mesh)));
    this.#forget(slabs);
    if (!found.some(Boolean)) {
      this.#painted.clear();
      this.view.plain();
      this.legend.set(kind, null);
      return;
    }
    const scale = colour.id === "height" ? [mesh.bottom_mm, mesh.bottom_mm + roomFor(mesh.top_mm - mesh.bottom_mm)] : scaleOf(kind, found.filter(Boolean));
    slabs.forEach(({ url }, i) => this.#paint(url, slabs[i][colour.url] ?? url, kind, found[i], scale));
    this.legend.set(kind, scale);
  }

  async #values(slab, { id, url }, mesh) {
    if (id === "height") return this.view.heights(slab.url);
    const address = slab[url];
    if (!address) return null;
    const key = `${slab.url} ${address}`;
    if (!this.#kept.has(key)) this.#kept.set(key, getBytes(address).then((bytes) => new Float32Array(bytes)));
    return this.#kept.get(key).catch((error) => {
      this.#kept.delete(key);
      throw error;
    });
  }

  /** Painting takes longer than looking: only what is new, or on another scale. */
  #paint(url, version, kind, values, scale) {
    const key = `${version} ${kind} ${scale}`;
    if (this.#painted.get(url) === key || !this.view.has(url)) return;
    const count = this.view.heights(url).length;
    this.view.tint(url, paint(kind, values ?? new Float32Array(count).fill(Number.NaN), scale));
    this.#painted.set(url, key);
  }

  #forget(slabs) {
    const there = new Set(slabs.map(({ url }) => url));
    for (const url of this.#painted.keys()) if (!there.has(url)) this.#painted.delete(url);
    for (const key of this.#kept.keys()) if (!there.has(key.split(" ")[0])) this.#kept.delete(key);
  }
}
