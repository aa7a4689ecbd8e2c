/** One open case: what the server says of it, its pictures, and the draft of its mask. Neighbours are fetched ahead. */

import { ask, caseAddress, withQuery } from "./api.js";
import { Draft, seenMask } from "./draft.js";
import { borders, channel, heat, labelsOf, MaskLayer } from "./layers.js";
import { Pictures } from "./pictures.js";
import { viewsNeeded } from "./views.js";

const LARGE = 2_000_000; // pixels of a grid from which on only one neighbour is fetched ahead

export class Cases {
  /** @param {{reviewer: () => string, mode: () => object}} page */
  constructor(page) {
    this.page = page;
    this.pictures = new Pictures();
    this.found = new Map(); // key -> {promise, abort, value}
  }

  /** What the server says of a case: asked for once, until `forget`. */
  get(key) {
    let entry = this.found.get(key);
    if (!entry) {
      const abort = new AbortController();
      const path = withQuery(caseAddress(key), { reviewer: this.page.reviewer() });
      entry = { abort, value: null, promise: ask(path, { signal: abort.signal }) };
      const mine = entry;
      entry.promise.then(
        (value) => (mine.value = value),
        () => this.found.get(key) === mine && this.found.delete(key),
      );
      this.found.set(key, entry);
    }
    return entry.promise;
  }

  forget(key) {
    this.found.delete(key);
  }

  /** Keeps this case and its neighbours; ends what is being loaded of others, and gives their memory back. */
  keep(keys) {
    for (const [key, entry] of this.found) {
      if (!keys.includes(key)) {
        entry.abort.abort();
        this.found.delete(key);
      }
    }
    this.pictures.keep(new Set(keys.flatMap((key) => this.addresses(this.found.get(key)?.value))));
  }

  addresses(found) {
    return found ? [...found.views, "base"].map((view) => this.address(found, view)) : [];
  }

  /** Where a view lies. The base changes with what people draw, so its address names it. */
  address(found, view) {
    const path = caseAddress(found.key, view);
    if (view !== "base") {
      return path;
    }
    return withQuery(path, { reviewer: this.page.reviewer(), on: seenMask(found) ?? "machine" });
  }

  bitmap(found, view) {
    return this.pictures.bitmap(this.address(found, view));
  }

  pixels(found, view) {
    return this.pictures.pixels(this.address(found, view));
  }

  ready(found, view) {
    return this.pictures.ready(this.address(found, view));
  }

  /** Loads what the present view will need of a neighbour; faults are told when it is opened. */
  async ahead(keys) {
    for (const key of keys) {
      try {
        const found = await this.get(key);
        if (!found.views.includes("manipulated")) {
          continue;
        }
        const needed = [...viewsNeeded(found, this.page.mode()), "base", ...only(found, "levels")];
        await Promise.all(needed.map((view) => this.bitmap(found, view)));
        if (found.grid[0] * found.grid[1] > LARGE) {
          return;
        }
      } catch {
        // it is asked for again when it is opened
      }
    }
  }
}

/** What is drawn on: made once the base and the levels are there. */
export class Sheet {
  /** @param {Cases} cases @param {object} found */
  constructor(cases, found) {
    this.cases = cases;
    this.found = found;
    [this.height, this.width] = found.grid;
    this.draft = null;
    this.layer = null;
    this.levels = null;
    this.labels = null;
    this.maps = new Map(); // canvases made here: probability, regions
  }

  async load(reviewer) {
    const { cases, found } = this;
    const [base, levels] = await Promise.all([
      cases.pixels(found, "base"),
      found.views.includes("levels") ? cases.pixels(found, "levels") : null,
    ]);
    this.levels = levels && channel(levels);
    const marked = channel(base).map((level) => (level >= 128 ? 1 : 0));
    this.draft = new Draft(found, reviewer, marked, this.levels);
    this.layer = new MaskLayer(this.height, this.width);
    this.layer.update(this.draft.mask);
  }

  /** The probability as colours; null before the levels are there. */
  heat() {
    if (this.levels && !this.maps.has("heat")) {
      this.maps.set("heat", heat(this.levels, this.height, this.width));
    }
    return this.maps.get("heat") ?? null;
  }

  /** Loads the superpixels, once. */
  async loadRegions() {
    if (!this.labels && this.found.views.includes("superpixels")) {
      this.labels = labelsOf(await this.cases.pixels(this.found, "superpixels"));
      this.maps.set("borders", borders(this.labels, this.height, this.width));
    }
  }

  borders() {
    return this.maps.get("borders") ?? null;
  }
}

function only(found, view) {
  return found.views.includes(view) ? [view] : [];
}
