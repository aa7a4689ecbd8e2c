/** One table of keys: what is listened to is what the help shows. */

import { make } from "./dom.js";

/** Groups of [keys, what they do, the name of the action, words for the keys]. "Shift+" and "Ctrl+" stand before. */
export const KEYS = [
  [
    "Decide",
    [
      [["Enter", "a"], "accept", "accept"],
      [["r"], "reject; then 1 to 6 for the reason", "reject"],
      [["u"], "undo your newest decision", "undo"],
      [["n", "ArrowRight"], "next", "next"],
      [["p", "ArrowLeft"], "previous", "previous"],
      [["t"], "write a note", "note"],
    ],
  ],
  [
    "Look",
    [
      [["1"], "the pair side by side", "view1"],
      [["2"], "overlay", "view2"],
      [["3"], "difference", "view3"],
      [["4"], "correlation", "view4"],
      [["5"], "probability", "view5"],
      [["6"], "confidence or truth", "view6"],
      [["7"], "regions", "view7"],
      [["Space"], "blink; held: the authentic picture", "blink"],
      [["m"], "mask: outline, tint, hidden", "mask"],
      [["s"], "authentic picture aligned, or as it was given", "aligned"],
      [["+", "="], "zoom in", "zoomIn"],
      [["-"], "zoom out", "zoomOut"],
      [["0"], "whole picture", "fit"],
      [["9"], "one pixel a pixel", "actual"],
      [
        ["Shift+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowDown"],
        "move the picture",
        "pan",
        ["Shift + arrows"],
      ],
    ],
  ],
  [
    "Mend the mask",
    [
      [["["], "lower threshold", "lower"],
      [["]"], "higher threshold", "higher"],
      [["{", "}"], "threshold by one level", "fine"],
      [["b"], "brush", "brush"],
      [["e"], "eraser", "eraser"],
      [["l"], "polygon (lasso)", "polygon"],
      [["c"], "click a region", "region"],
      [[",", "."], "smaller, larger brush", "size"],
      [
        ["ArrowUp", "ArrowDown", "Ctrl+ArrowLeft", "Ctrl+ArrowRight", "Ctrl+ArrowUp", "Ctrl+ArrowDown"],
        "with a tool: move the cross; with Ctrl by one pixel",
        "cross",
        ["arrows"],
      ],
      [["Shift+Enter"], "close the polygon and clear its inside", "clearPolygon"],
      [["z", "Ctrl+z"], "take the last stroke back", "strokeUndo"],
      [["x"], "drop everything that was drawn", "drop"],
      [["Escape"], "give up the open stroke; lay the tool down", "escape"],
    ],
  ],
  [
    "Find",
    [
      [["f"], "filters and order", "filters"],
      [["/"], "search", "search"],
      [["g"], "go to a row of the queue", "goTo"],
      [["i"], "facts about the pair", "facts"],
      [["k"], "agreement between reviewers", "agreement"],
      [["?"], "these keys", "help"],
    ],
  ],
];

const BY_KEY = new Map(KEYS.flatMap(([, rows]) => rows.flatMap(([keys, , does]) => keys.map((key) => [key, does]))));
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/** The name of the key of an event, as the table has it. */
export function nameOf({ key, shiftKey, ctrlKey, metaKey }) {
  const control = ctrlKey || metaKey ? "Ctrl+" : "";
  if (key === " ") {
    return `${control}Space`;
  }
  if (key.length > 1) {
    return `${control}${shiftKey ? "Shift+" : ""}${key}`;
  }
  return `${control}${control || !shiftKey ? key.toLowerCase() : key}`; // Caps Lock does not matter
}

/**
 * Calls `act(name, key, event)` for each key of the table that goes down, and `released(key)` for Space going up.
 * Fields that are written in, open dialogs, and Enter and Space on a button keep their keys.
 */
export function listen(act, released) {
  document.addEventListener("keydown", (event) => {
    const key = nameOf(event);
    if (event.altKey || event.isComposing || document.querySelector("dialog[open]")) {
      return;
    }
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.matches("input:not([type=range]), select, textarea")) {
      if (key === "Escape") {
        target.blur();
      }
      return;
    }
    const native = target.matches("button, a, summary") ? ["Enter", "Space"] : [];
    const slider = target.matches("input[type=range]") ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"] : [];
    if ([...native, ...slider].includes(key)) {
      return;
    }
    if (act(BY_KEY.get(key) ?? null, key, event)) {
      event.preventDefault();
    }
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") {
      released();
    }
  });
  window.addEventListener("blur", released);
}

/** Fills the help: a table a group. */
export function fillHelp(box) {
  box.replaceChildren(
    ...KEYS.map(([title, rows]) =>
      make("section", {}, [
        make("h3", { text: title }),
        make(
          "table",
          {},
          rows.map(([keys, words, , shown]) =>
            make("tr", {}, [make("th", { scope: "row" }, (shown ?? keys).map(sign)), make("td", { text: words })]),
          ),
        ),
      ]),
    ),
  );
}

function sign(key) {
  const parts = key.split("+").filter((part) => part.trim());
  const text = parts.length ? parts.map((part) => SIGNS[part] ?? part).join(" ") : key;
  return make("kbd", { text });
}
