/** The controls around the pictures: what is pressed, what is disabled, what is said beside a slider. */

import { byId, make } from "./dom.js";
import { authenticOf, isThere, VIEWS } from "./views.js";

/** The ways to show a mask, and their words. */
export const MASKS = { line: "outline", both: "tint", none: "hidden" };

/** What the buttons and sliders show of an open pair. @param {import("./page.js").Page} page */
export function showControls(page) {
  const { found, mode, tools } = page;
  const draft = page.sheet?.draft ?? null;
  VIEWS.forEach((view, index) => {
    const button = byId(`view-${view.name}`);
    button.setAttribute("aria-pressed", String(mode.view === view.name));
    button.disabled = !found || !isThere(found, view);
    button.firstChild.textContent = page.wordsOf(view);
    button.title = `${page.wordsOf(view)} (${index + 1})`;
  });
  for (const button of byId("tools").children) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tools.name));
    button.disabled = !draft || (button.dataset.tool === "region" && !found.views.includes("superpixels"));
  }
  byId("stage").classList.toggle("paints", tools.active());
  byId("blink").setAttribute("aria-pressed", String(Boolean(page.blinking)));
  byId("blink").disabled = !found || !authenticOf(found, mode);
  byId("aligned").disabled = !["aligned", "authentic"].every((view) => found?.views.includes(view));
  byId("aligned").setAttribute("aria-pressed", String(mode.aligned));
  byId("mask").textContent = `Mask ${MASKS[mode.mask]}`;
  const level = draft?.threshold ?? found?.level ?? 128;
  byId("threshold").disabled = !draft?.levels;
  byId("threshold").value = String(level);
  byId("threshold-words").textContent =
    draft?.threshold === null && found?.state.mask ? "drawn" : (level / 255).toFixed(2);
  byId("size-label").hidden = !["brush", "eraser"].includes(tools.name);
  byId("size").value = String(tools.radius);
  byId("size-words").textContent = String(tools.radius);
  byId("stroke-undo").disabled = !draft?.strokes.length;
  byId("drop").disabled = !draft?.changed;
  const failed = !found || found.machine.status === "failed";
  byId("accept").disabled = byId("reject").disabled = failed;
}

/** What becomes of the pair for whoever reads the dataset, and what the machine said. */
export function showState({ state, machine }, reasons) {
  const why = (reason) => reasons.get(reason) ?? reason.replaceAll("_", " ");
  const words = ({ status, reason }) => (reason ? `${status}, ${why(reason)}` : status);
  const differs = words(state) !== words(machine);
  const box = byId("state");
  box.className = state.status;
  box.replaceChildren(
    make("b", { text: words(state) }),
    differs ? ` (machine: ${words(machine)})` : "",
    state.mask ? " with a drawn mask" : "",
  );
}
