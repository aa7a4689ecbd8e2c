/** What the buttons, sliders and fields do: the same as the keys. */

import { byId, make } from "./dom.js";

/** Binds them to the actions; called once. */
export function wire({ about, page, reload, warn, who, does, decide, threshold, ask }) {
  const buttons = {
    accept: "accept", reject: "reject", undo: "undo", next: "next", previous: "previous", mask: "mask",
    aligned: "aligned", "zoom-in": "zoomIn", "zoom-out": "zoomOut", fit: "fit",
    "stroke-undo": "strokeUndo", drop: "drop",
    "filters-button": "filters", "facts-button": "facts", "agreement-button": "agreement", "help-button": "help",
  };
  for (const [id, name] of Object.entries(buttons)) {
    byId(id).addEventListener("click", () => (id === "accept" ? decide("accept") : does[name]()));
  }
  byId("blink").addEventListener("click", () => page.turnBlinking());
  byId("who-button").addEventListener("click", who);
  byId("warning-close").addEventListener("click", () => warn(""));
  byId("views").addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    button && page.view(button.id.slice("view-".length));
  });
  byId("tools").addEventListener("click", ({ target }) => target.dataset.tool && page.tool(target.dataset.tool));
  byId("threshold").addEventListener("input", ({ target }) => threshold(Number(target.value)));
  byId("size").addEventListener("input", ({ target }) => {
    page.tools.radius = Number(target.value);
    page.controls();
  });
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("stage").focus();
  });
  let typing = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => reload({ stay: true }).catch((error) => warn(error.message)), 250);
  });
  byId("note").addEventListener("keydown", (event) => event.key === "Enter" && byId("stage").focus());
  byId("filters-clear").addEventListener("click", () => {
    ["status", "kind", "reason", "source", "search"].forEach((id) => (byId(id).value = ""));
    byId("review").value = "all";
    reload().catch((error) => warn(error.message));
  });
  byId("reasons").replaceChildren(
    ...about.reasons.map(({ word, words }, index) => {
      const button = make("button", { type: "button" }, [make("kbd", { text: index + 1 })]);
      button.append(` ${words}`);
      button.addEventListener("click", () => decide("reject", word));
      return button;
    }),
    make("button", { type: "button", id: "reasons-back" }, [
      make("kbd", { text: "Esc" }),
      document.createTextNode(" back"),
    ]),
  );
  byId("reasons-back").addEventListener("click", () => ask(false));
  // A button that was clicked by mouse gives the focus back, or Enter would press it again.
  document.addEventListener("click", ({ detail, target }) => {
    const button = detail > 0 && target instanceof Element ? target.closest("button") : null;
    if (button && !button.closest("#find") && !document.querySelector("dialog[open]")) {
      byId("stage").focus({ preventScroll: true });
    }
  });
}
