/** Which pairs are in the queue, and in which order. The choice stands in the address, so a reload keeps it. */

import { byId, fillSelect } from "./dom.js";

export const FIELDS = ["review", "order", "status", "kind", "reason", "source"];

/** Words for the columns by which a queue can be ordered. */
const ORDERS = { doubt: "doubt, most first", qes: "QES", score: "score", key: "key", name: "name" };

/** Fills the selects with what the server knows. */
export function fillFilters(about) {
  fillSelect(
    byId("order"),
    about.orders.map((name) => [name, ORDERS[name] ?? name.replaceAll("_", " ")]),
  );
  for (const name of ["status", "kind", "reason", "source"]) {
    const counts = Object.entries(about.filters[name] ?? {});
    const select = byId(name);
    fillSelect(select, [
      ["", "all"],
      ...counts.map(([value, count]) => [value, `${value.replaceAll("_", " ")} (${count.toLocaleString("en")})`]),
    ]);
    select.closest("label").hidden = counts.length < 2;
  }
}

/** The choice as the server wants it. */
export function chosen() {
  const values = Object.fromEntries(FIELDS.map((name) => [name, byId(name).value]));
  return { ...values, search: byId("search").value.trim(), descending: byId("descending").checked ? 1 : 0 };
}

/** What `chosen` will be once the form is filled and `values` of the address are put into it, if it knows them all. */
export function expected(values) {
  const usual = { review: "todo", order: "doubt" };
  const fields = Object.fromEntries(FIELDS.map((name) => [name, values.get(name) ?? usual[name] ?? ""]));
  return { ...fields, search: values.get("search") ?? "", descending: values.get("descending") === "1" ? 1 : 0 };
}

/** How many filters are set, beyond what an empty form has. */
export function countChosen() {
  const values = chosen();
  return ["status", "kind", "reason", "source"].filter((name) => values[name]).length + (values.search ? 1 : 0);
}

/** Puts choices from the address into the form. */
export function restore(values) {
  for (const name of FIELDS) {
    const select = byId(name);
    if (values.has(name) && [...select.options].some(({ value }) => value === values.get(name))) {
      select.value = values.get(name);
    }
  }
  byId("search").value = values.get("search") ?? "";
  byId("descending").checked = values.get("descending") === "1";
}

/** The address's fragment: the pair that is open and the choice. */
export function remember(key, reviewer) {
  const values = new URLSearchParams({ key: key ?? "", reviewer });
  for (const [name, value] of Object.entries(chosen())) {
    if (value && !(name === "order" && value === "doubt") && !(name === "review" && value === "todo")) {
      values.set(name, String(value));
    }
  }
  history.replaceState(null, "", `#${values}`);
}

/** What the fragment says. */
export function remembered() {
  return new URLSearchParams(location.hash.slice(1));
}
