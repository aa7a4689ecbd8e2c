/** Decisions: sent one after the other, and the next pair is shown meanwhile. */

import { ask, caseAddress } from "./api.js";

export class Decisions {
  /**
   * @param {object} page
   * @param {() => string} page.reviewer
   * @param {(answer: object, key: string) => void} page.decided the server has it on its disk
   * @param {(error: Error, key: string) => void} page.failed
   */
  constructor(page) {
    this.page = page;
    this.chain = Promise.resolve();
    this.open = 0; // sent and not answered
  }

  /**
   * Takes a decision once everything drawn is saved. Resolves to whether it was taken.
   * @param {import("./draft.js").Draft | null} draft
   */
  decide(key, draft, verdict, { reason = null, note = "" } = {}) {
    const reviewer = this.page.reviewer();
    return this.next(key, async () => {
      await draft?.saving;
      const seen = draft === null || draft.on === undefined ? {} : { mask: draft.on };
      const body = { reviewer, verdict, note, ...seen, ...(reason ? { reason } : {}) };
      return ask(caseAddress(key, "decision"), { body });
    });
  }

  /** Takes the newest decision of this person back; resolves to its key, or null where there was none. */
  undo() {
    const reviewer = this.page.reviewer();
    return this.next(null, () => ask("api/undo", { body: { reviewer } }));
  }

  next(key, work) {
    this.open += 1;
    const done = this.chain
      .then(work)
      .then((answer) => {
        this.page.decided(answer, key ?? answer.key);
        return answer;
      })
      .catch((error) => {
        this.page.failed(error, key);
        return null;
      })
      .finally(() => (this.open -= 1));
    this.chain = done;
    return done;
  }
}
