/** Pictures that are loaded, or being loaded, for this case and its neighbours; others are let go. */

import { askPicture } from "./api.js";

export class Pictures {
  constructor() {
    this.entries = new Map(); // address -> {abort, bitmap, pixels, promise}
  }

  /** The picture at this address as an ImageBitmap. Its colours are not touched: maps must come as they were sent. */
  bitmap(address) {
    let entry = this.entries.get(address);
    if (!entry) {
      const abort = new AbortController();
      entry = { abort, promise: null, loaded: null, pixels: null };
      entry.promise = this.load(address, entry);
      entry.promise.catch(() => this.forget(address, entry)); // asked again the next time
      this.entries.set(address, entry);
    }
    return entry.promise;
  }

  /** The pixels of the picture, RGBA, row by row. */
  async pixels(address) {
    const bitmap = await this.bitmap(address);
    const entry = this.entries.get(address);
    if (entry?.pixels) {
      return entry.pixels;
    }
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
    if (entry) {
      entry.pixels = pixels;
    }
    return pixels;
  }

  /** The bitmap if it is there already, else null. */
  ready(address) {
    return this.entries.get(address)?.loaded ?? null;
  }

  /** Keeps these alone: loading of all others ends, and their memory is given back. */
  keep(addresses) {
    for (const [address, entry] of this.entries) {
      if (!addresses.has(address)) {
        entry.abort.abort();
        entry.loaded?.close();
        this.entries.delete(address);
      }
    }
  }

  async load(address, entry) {
    const blob = await askPicture(address, entry.abort.signal);
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    if (entry.abort.signal.aborted) {
      bitmap.close();
      throw new DOMException("no longer wanted", "AbortError");
    }
    entry.loaded = bitmap;
    return bitmap;
  }

  forget(address, entry) {
    if (this.entries.get(address) === entry) {
      this.entries.delete(address);
    }
  }
}
