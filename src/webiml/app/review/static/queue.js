/** The list of pairs at the left. Only the rows that are seen are elements, however long the queue is. */

import { ask, withQuery } from "./api.js";
import { make, number, onceAFrame } from "./dom.js";

const ROW = 42; // height of a row in the style sheet, in pixels
const AT_ONCE = 100; // rows asked for together
const KEPT = 5000; // rows remembered

export class Queue {
  /**
   * @param {HTMLElement} list the box that scrolls
   * @param {{reviewer: () => string, open: (key: string) => void, failed: (error: Error) => void}} page
   */
  constructor(list, page) {
    this.list = list;
    this.page = page;
    this.keys = [];
    this.places = new Map(); // key -> place in keys
    this.rows = new Map(); // key -> what the server says of it
    this.asked = new Set();
    this.current = null;
    this.space = make("div", { class: "space", role: "presentation" });
    list.replaceChildren(this.space);
    this.draw = onceAFrame(() => this.drawNow());
    list.addEventListener("scroll", this.draw);
    list.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(this.draw).observe(list);
  }

  /** The keys that the server gives for these filters, in its order. */
  async load(query, answer = null) {
    const found = answer ?? (await ask(withQuery("api/queue", { ...query, reviewer: this.page.reviewer() })));
    this.keys = found.keys;
    this.places = new Map(this.keys.map((key, place) => [key, place]));
    this.forget();
    this.space.style.height = `${this.keys.length * ROW}px`;
    this.list.scrollTop = 0;
    this.draw();
    return found;
  }

  /** Asks for all rows again (no key), or for one. */
  forget(key = null) {
    if (key === null) {
      this.rows.clear();
      this.asked.clear();
    } else {
      this.rows.delete(key);
      this.asked.delete(key);
    }
    this.draw();
  }

  /** What stands in the row from now on, as far as the page knows it already. */
  patch(key, changes) {
    const row = this.rows.get(key);
    if (row) {
      this.rows.set(key, { ...row, ...changes });
      this.draw();
    }
  }

  /** The key `by` places after this one; null at the ends. From a key that is not in the queue: its first. */
  beside(key, by) {
    const place = this.places.get(key);
    return (place === undefined ? this.keys[0] : this.keys[place + by]) ?? null;
  }

  select(key) {
    this.current = key;
    const place = this.places.get(key);
    if (place !== undefined) {
      const [top, height] = [this.list.scrollTop, this.list.clientHeight];
      if (place * ROW < top + ROW || (place + 2) * ROW > top + height) {
        this.list.scrollTop = place * ROW - height / 3;
      }
    }
    this.draw();
  }

  drawNow() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 4);
    const count = Math.ceil(this.list.clientHeight / ROW) + 8;
    const seen = this.keys.slice(first, first + count);
    this.space.replaceChildren(...seen.map((key, index) => this.element(key, first + index)));
    const active = seen.includes(this.current);
    this.list.setAttribute("aria-activedescendant", active ? `row-${this.places.get(this.current)}` : "");
    this.ask(first, count);
  }

  element(key, place) {
    const row = this.rows.get(key);
    const mark = markOf(row);
    const element = make(
      "div",
      {
        id: `row-${place}`,
        class: `row ${row?.state.status ?? ""}`,
        role: "option",
        "aria-selected": String(key === this.current),
        "aria-posinset": place + 1,
        "aria-setsize": this.keys.length,
      },
      [
        make("span", { class: `mark ${mark.name}`, title: mark.words, "aria-label": mark.words, text: mark.sign }),
        make("span", { class: "name", title: row?.name, text: endOf(row?.name || key) }),
        make("span", { class: "about", text: row ? aboutRow(row) : "" }),
      ],
    );
    element.style.top = `${place * ROW}px`;
    element.addEventListener("click", () => this.page.open(key));
    return element;
  }

  async ask(first, count) {
    const from = Math.max(0, first - count);
    const missing = (key) => !this.rows.has(key) && !this.asked.has(key);
    const wanted = this.keys.slice(from, first + 2 * count).filter(missing);
    const needed = this.keys.slice(first, first + count).some(missing);
    for (let at = 0; needed && at < wanted.length; at += AT_ONCE) {
      const keys = wanted.slice(at, at + AT_ONCE);
      keys.forEach((key) => this.asked.add(key));
      try {
        const { rows } = await ask(withQuery("api/rows", { keys, reviewer: this.page.reviewer() }));
        if (this.rows.size > KEPT) {
          this.forget();
        }
        rows.forEach((row) => this.rows.set(row.key, row));
      } catch (error) {
        keys.forEach((key) => this.asked.delete(key));
        this.page.failed(error);
        return;
      }
      this.draw();
    }
  }

  key(event) {
    const screen = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const place = this.places.get(this.current) ?? 0;
    const to = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      PageDown: place + screen,
      PageUp: place - screen,
      Home: 0,
      End: this.keys.length - 1,
    }[event.key];
    if (to !== undefined && this.keys.length) {
      event.preventDefault();
      event.stopPropagation();
      this.page.open(this.keys[Math.min(this.keys.length - 1, Math.max(0, to))]);
    }
  }
}

function markOf(row) {
  if (!row) {
    return { name: "", sign: "", words: "" };
  }
  if (row.state.reason === "disputed") {
    return { name: "disputed", sign: "≠", words: "disputed" };
  }
  if (row.mine) {
    return row.mine === "accept"
      ? { name: "accept", sign: "✓", words: "you accepted it" }
      : { name: "reject", sign: "✕", words: "you rejected it" };
  }
  return row.by.length
    ? { name: "others", sign: "•", words: "others decided" }
    : { name: "", sign: "", words: "not decided" };
}

/** The last two parts of a path: what tells one from another when there is little room. */
function endOf(name) {
  return name.split("/").slice(-2).join("/");
}

function aboutRow(row) {
  const parts = [row.kind, row.state.reason ? row.state.reason.replaceAll("_", " ") : row.state.status];
  if (typeof row.qes === "number") {
    parts.push(`QES ${number(row.qes)}`);
  } else if (typeof row.score === "number") {
    parts.push(`score ${number(row.score)}`);
  }
  return parts.filter(Boolean).join(" · ");
}
