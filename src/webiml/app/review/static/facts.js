/** What is known about a pair, and who decided what: the column at the right. */

import { make, number } from "./dom.js";

const FIRST = ["name", "key", "kind", "kind_confidence", "qes", "score", "mask_area", "components", "unknown_fraction"];
const HIDDEN = new Set(["transform", "transforms", "kind_probabilities", "height", "width", "status", "reason"]);

/**
 * Fills the lists.
 * @param {HTMLElement} list a dl
 * @param {HTMLElement} history an ol
 * @param {object} found the case, as the server tells it
 * @param {Map<string, string>} reasons words for a reason's word
 */
export function showFacts(list, history, found, reasons) {
  const facts = { key: found.key, ...found.facts };
  const rest = Object.keys(facts).filter((name) => !FIRST.includes(name));
  const names = [...FIRST.filter((name) => name in facts), ...rest];
  const known = (name) => facts[name] !== null && facts[name] !== "" && !(name === "name" && facts.name === facts.key);
  const lines = names.filter((name) => !HIDDEN.has(name) && known(name));
  if (found.size) {
    lines.splice(1, 0, "size");
    facts.size = `${found.size[1]} x ${found.size[0]}`;
  }
  list.replaceChildren(
    ...lines.flatMap((name) => [
      make("dt", { text: name.replaceAll("_", " ") }),
      make("dd", {}, [valueOf(facts[name])]),
    ]),
  );
  const decisions = [...found.decisions].reverse();
  const told = decisions.map((one) => decisionLine(one, reasons));
  history.replaceChildren(...(told.length ? told : [make("li", { class: "soft", text: "Nobody has decided." })]));
}

function decisionLine(one, reasons) {
  const verbs = { accept: "accepted", reject: "rejected", undo: "took a decision back" };
  const why = one.reason ? `: ${reasons.get(one.reason) ?? one.reason}` : "";
  const drawn = one.mask ? ", with a mask of their own" : "";
  return make("li", { class: one.verdict }, [
    make("b", { text: one.reviewer }),
    document.createTextNode(` ${verbs[one.verdict] ?? one.verdict}${why}${drawn}`),
    make("time", { datetime: one.time, text: one.time.replace("T", " ").replace(/(\.\d+)?(\+00:00|Z)$/, " UTC") }),
    ...(one.note ? [make("q", { text: one.note })] : []),
  ]);
}

function valueOf(value) {
  if (typeof value === "number") {
    return document.createTextNode(Number.isInteger(value) ? String(value) : number(value, 3));
  }
  if (typeof value === "string" && /^https?:\/\//.test(value) && URL.canParse(value)) {
    return make("a", { href: value, target: "_blank", rel: "noopener noreferrer", text: value });
  }
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) {
    return make("code", { text: `${value.slice(0, 12)}…`, title: value });
  }
  return document.createTextNode(typeof value === "object" ? JSON.stringify(value) : String(value));
}
