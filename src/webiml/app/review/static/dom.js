/** Small helpers for the page. Text from outside goes in as text, never as markup. */

/** The element with this id; a missing one is a fault of the page. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`no element ${id}`);
  }
  return found;
}

/**
 * A new element.
 * @param {string} tag
 * @param {object} attributes names to values; `text` is its text, false and null leave an attribute out
 * @param {Node[]} children
 */
export function make(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") {
      element.textContent = value;
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children);
  return element;
}

/** Options of a select: [value, words] each; keeps the value that was chosen where it is still there. */
export function fillSelect(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, words]) => make("option", { value, text: words })));
  if (options.some(([value]) => value === chosen)) {
    select.value = chosen;
  }
}

/** Says what happened: in the status line for everybody, and to screen readers. */
export function say(words) {
  const line = byId("said");
  line.textContent = "";
  line.textContent = words;
}

/** Says what went wrong, until the next thing goes right or it is closed. */
export function warn(words) {
  byId("warning-words").textContent = words;
  byId("warning").hidden = !words;
}

/** Calls `work` at most once a frame. */
export function onceAFrame(work) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
}

/** 0.5234 -> "0.52"; null -> "none". */
export function number(value, digits = 2) {
  return typeof value === "number" ? value.toFixed(digits) : "none";
}
