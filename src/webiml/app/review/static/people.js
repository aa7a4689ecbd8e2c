/** Other people: what they decide meanwhile, how far they agree, and who sits here. */

import { ask, withQuery } from "./api.js";
import { byId, make, number, say } from "./dom.js";

/** Asks again and again what was decided since, and tells it. */
export class Changes {
  /** @param {{decided: (decisions: object[]) => void, answers: () => void, silent: (error: Error) => void}} page */
  constructor(page) {
    this.page = page;
    this.since = 0;
    this.own = new Set(); // decisions taken here: no news
  }

  start(since, milliseconds) {
    this.since = since;
    const again = async () => {
      await this.look();
      setTimeout(again, document.hidden ? 10 * milliseconds : milliseconds);
    };
    setTimeout(again, milliseconds);
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    window.addEventListener("online", () => this.look());
  }

  async look() {
    if (this.looking) {
      return;
    }
    this.looking = true;
    try {
      const { next, decisions } = await ask(withQuery("api/changes", { since: this.since }));
      this.since = next;
      const news = decisions.filter(({ id }) => !this.own.has(id));
      if (news.length) {
        this.page.decided(news);
      }
      this.page.answers();
    } catch (error) {
      this.page.silent(error);
    } finally {
      this.looking = false;
    }
  }
}

/** What somebody did, in a sentence. */
export function toldOf(decision, reasons) {
  const verbs = { accept: "accepted", reject: "rejected", undo: "took back a decision on" };
  const why = decision.reason ? ` (${reasons.get(decision.reason) ?? decision.reason})` : "";
  return `${decision.reviewer} ${verbs[decision.verdict]} ${decision.key}${why}.`;
}

/** Opens the dialog with how far the reviewers agree. */
export async function showAgreement() {
  const found = await ask("api/agreement");
  const people = Object.entries(found.reviewers);
  const box = byId("agreement-body");
  const cell = (text) => make("td", { text: String(text), class: typeof text === "string" ? false : "number" });
  const share = (value) => (typeof value === "number" ? number(value) : "none");
  const table = (heads, rows) =>
    make("table", {}, [
      make("thead", {}, [make("tr", {}, heads.map((head) => make("th", { scope: "col", text: head })))]),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((value) => cell(value))))),
    ]);
  const parts = [
    people.length
      ? table(["reviewer", "rows decided"], people)
      : make("p", { text: "Nobody has decided anything yet." }),
  ];
  if (found.pairs.length) {
    parts.push(
      table(
        ["two people", "rows of both", "same verdict", "kappa", "masks of both", "IoU of the masks"],
        found.pairs.map((one) => [
          `${one.a}, ${one.b}`,
          one.rows,
          share(one.agreement),
          share(one.kappa),
          one.masks,
          share(one.mask_iou),
        ]),
      ),
      make("p", {
        class: "soft",
        text: "Kappa is the agreement beyond what chance alone would bring: 1 is full, 0 is none.",
      }),
    );
  } else if (people.length) {
    parts.push(make("p", { text: "No row has been decided by two people." }));
  }
  parts.push(make("p", { text: `${found.disputed} disputed. The filter "Review: disputed" shows them.` }));
  box.replaceChildren(...parts);
  byId("agreement").showModal();
}

/** Asks for the name of who sits here; `then` gets it. */
export function askName(present, then) {
  const [dialog, field] = [byId("who"), byId("who-name")];
  field.value = present;
  dialog.onclose = () => {
    const name = field.value.trim();
    if (dialog.returnValue === "ok" && name && name !== present) {
      then(name);
      say(`You are ${name}.`);
    }
  };
  dialog.returnValue = "";
  dialog.showModal();
  field.select();
}

/** Pairs a minute over the last decisions of this sitting, null before there are three. */
export class Pace {
  constructor() {
    this.times = [];
  }

  count(now = performance.now()) {
    this.times = [...this.times, now].slice(-20);
  }

  get perMinute() {
    const recent = this.times.filter((time) => performance.now() - time < 300_000);
    return recent.length < 3 ? null : ((recent.length - 1) / (recent.at(-1) - recent[0])) * 60_000;
  }
}
