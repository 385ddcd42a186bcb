// Pictures that were fetched. Owns a bounded number of decoded ones; refuses to know layers.

import { getBlob } from "../model/api.js";

const ROOM_PIXELS = 120e6;

export class Shelf {
  #kept = new Map();
  #pixels = 0;

  /** The decoded picture at an address, painted by `paint`; fetched once. */
  get(address, name, paint = (bitmap) => bitmap) {
    const key = `${name} ${address}`;
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
      return found.coming;
    }
    const entry = { pixels: 0, ready: null, coming: null };
    entry.coming = this.#fetch(address, paint).then((picture) => {
      entry.ready = picture;
      entry.pixels = picture.width * picture.height;
      this.#pixels += entry.pixels;
      this.#trim();
      return picture;
    });
    entry.coming.catch(() => this.#kept.delete(key));
    this.#kept.set(key, entry);
    return entry.coming;
  }

  async #fetch(address, paint) {
    return paint(await createImageBitmap(await getBlob(address)));
  }

  #trim() {
    for (const [key, entry] of this.#kept) {
      if (this.#pixels <= ROOM_PIXELS || this.#kept.size <= 4) return;
      if (!entry.ready) continue;
      this.#kept.delete(key);
      this.#pixels -= entry.pixels;
    }
  }
}
