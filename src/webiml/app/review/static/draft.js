/** The mask of one case as it stands on the screen: a base, and the strokes on it, each saved as soon as it is done. */

import { ask, caseAddress, Refused, withQuery } from "./api.js";
import { apply } from "./shapes.js";

/**
 * The drawn mask on which this person's draft rests, or would: its SHA-256, or null for the machine's. In a dispute a
 * server may leave it open (undefined).
 */
export function seenMask({ draft, shown, state }) {
  if (draft) {
    return draft.base;
  }
  return shown === undefined && state.reason !== "disputed" ? state.mask : shown;
}

export class Draft {
  /**
   * @param {{key: string, grid: [number, number], draft: object | null}} found the case, as the server tells it
   * @param {string} reviewer
   * @param {Uint8Array} base the mask that the draft rests on, 0 or 1, a byte a pixel of the grid
   * @param {Uint8Array | null} levels the probability of the machine, 0 to 255, a byte a pixel
   */
  constructor(found, reviewer, base, levels) {
    this.key = found.key;
    this.reviewer = reviewer;
    this.on = seenMask(found);
    this.moved = false; // whether somebody put another mask below the first stroke before it arrived
    [this.height, this.width] = found.grid;
    this.base = base;
    this.levels = levels;
    this.threshold = found.draft?.threshold ?? null; // null: the base as it is
    this.strokes = (found.draft?.strokes ?? []).map(({ value, runs }) => ({ value, runs }));
    this.mask = new Uint8Array(this.height * this.width);
    this.waiting = []; // what is not saved yet, in order: {body, count}, count of strokes after it
    this.saving = Promise.resolve();
    this.rebuild();
  }

  /** Whether anything was drawn, or another threshold chosen. */
  get changed() {
    return this.threshold !== null || this.strokes.length > 0;
  }

  /** Marked pixels. */
  get marked() {
    let sum = 0;
    for (const pixel of this.mask) {
      sum += pixel;
    }
    return sum;
  }

  rebuild() {
    if (this.threshold === null || !this.levels) {
      this.mask.set(this.base);
    } else {
      for (let index = 0; index < this.mask.length; index += 1) {
        this.mask[index] = this.levels[index] >= this.threshold ? 1 : 0;
      }
    }
    for (const stroke of this.strokes) {
      apply(this.mask, stroke);
    }
  }

  /** Another threshold, 1 to 255, or null for the base. It is saved by `saveThreshold`, once the slider rests. */
  moveThreshold(level) {
    this.threshold = level;
    this.rebuild();
  }

  saveThreshold() {
    const last = this.waiting.at(-1);
    if (last && "threshold" in last.body && this.waiting.length > 1) {
      last.body.threshold = this.threshold;
      return this.saving;
    }
    return this.save({ threshold: this.threshold });
  }

  add(stroke) {
    this.strokes.push(stroke);
    apply(this.mask, stroke);
    return this.save({ stroke });
  }

  /** Takes the last stroke back; false where there is none. */
  undo() {
    if (!this.strokes.length) {
      return false;
    }
    this.strokes.pop();
    this.rebuild();
    this.save({ undo: true });
    return true;
  }

  /** Forgets everything that was drawn. */
  async drop() {
    await this.saving.catch(() => {});
    this.waiting = [];
    await ask(withQuery(caseAddress(this.key, "draft"), { reviewer: this.reviewer }), { method: "DELETE" });
  }

  /** Resolves when all is saved; fails with the reason why not. What failed stays and is sent again by `retry`. */
  save(body) {
    this.waiting.push({ body, count: this.strokes.length });
    return this.retry();
  }

  retry() {
    this.saving = this.saving.catch(() => {}).then(() => this.send());
    this.saving.catch(() => {}); // whoever waits for it hears of it
    return this.saving;
  }

  async send() {
    while (this.waiting.length) {
      const { body, count } = this.waiting[0];
      if (!this.uncertain || !(await this.arrived(body, count))) {
        try {
          const path = caseAddress(this.key, "draft");
          const { base } = await ask(path, { body: { reviewer: this.reviewer, ...body } });
          this.moved ||= base !== undefined && this.on !== undefined && base !== this.on;
        } catch (error) {
          if (error instanceof Refused) {
            this.waiting.shift(); // it will not be taken the next time either
          }
          this.uncertain = !(error instanceof Refused);
          throw error;
        }
      }
      this.uncertain = false;
      this.waiting.shift();
    }
  }

  /** Whether the server has it although its answer did not come: it may have ended in between. */
  async arrived(body, count) {
    const { draft } = await ask(withQuery(caseAddress(this.key), { reviewer: this.reviewer }));
    return !("threshold" in body) && (draft?.count ?? 0) === count;
  }
}
