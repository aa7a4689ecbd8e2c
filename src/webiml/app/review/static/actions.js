/** What each key and each button does. */

import { wire } from "./buttons.js";
import { byId, say } from "./dom.js";
import { VIEWS } from "./views.js";

const HOLD = 250; // milliseconds after which Space counts as held
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The actions, bound to their buttons.
 * @returns {{key: (name: string, key: string, event: KeyboardEvent) => boolean, released: () => void}}
 */
export function makeActions({ about, page, queue, decisions, pace, open, count, reload, warn, agreement, who }) {
  const { tools, panes } = page;
  let pressed = 0; // when Space went down
  let rejecting = false;
  let later = 0; // the timer that saves a threshold

  function go(by) {
    const key = queue.beside(page.key, by);
    if (key !== null && key !== page.key) {
      open(key);
    } else {
      say(by > 0 ? "That was the last of the queue." : "This is the first of the queue.");
    }
  }

  async function decide(verdict, reason = null) {
    const { key, sheet, found } = page;
    ask(false);
    if (!found || found.machine.status === "failed") {
      say(found ? "A failed row has nothing to decide." : "The pair is not there yet.");
      return;
    }
    settle();
    if (verdict === "accept" && sheet?.draft && !sheet.draft.marked) {
      say("Nothing is marked: draw a mask, or reject.");
      return;
    }
    const note = byId("note").value.trim();
    pace.count();
    queue.patch(key, { mine: verdict });
    const taken = decisions.decide(key, sheet?.draft ?? null, verdict, { reason, note });
    page.cases.forget(key);
    const next = queue.beside(key, 1);
    if (next !== null && next !== key) {
      open(next);
    } else if (await taken) {
      say("That was the last of the queue.");
      count();
    }
  }

  /** Shows the reasons, or the two verdicts. */
  function ask(shows) {
    rejecting = shows;
    byId("verdicts").hidden = shows;
    byId("reasons").hidden = !shows;
    if (shows) {
      say("Why? 1 to 6, or Esc.");
    }
  }

  async function undo() {
    const answer = await decisions.undo();
    if (answer) {
      open(answer.key);
    }
  }

  function threshold(level) {
    const { draft } = page.sheet ?? {};
    if (draft?.levels) {
      draft.moveThreshold(Math.min(255, Math.max(1, level)));
      page.maskAgain();
      clearTimeout(later);
      later = setTimeout(settle, 400);
    }
  }

  /** Saves the threshold where it was moved and not saved yet. */
  function settle() {
    if (later) {
      clearTimeout(later);
      later = 0;
      const { draft } = page.sheet ?? {};
      if (draft) {
        page.drawn(draft.saveThreshold(), `Threshold ${(draft.threshold / 255).toFixed(2)}.`);
      }
    }
  }

  const moved = (by) => threshold((page.sheet?.draft?.threshold ?? page.found?.level ?? 128) + by);

  function strokeUndo() {
    const { draft } = page.sheet ?? {};
    if (tools.cancel() || !draft) {
      return;
    }
    if (draft.undo()) {
      page.maskAgain();
      page.drawn(draft.saving, "Stroke taken back.");
    } else {
      say("There is no stroke to take back.");
    }
  }

  async function drop() {
    const { draft } = page.sheet ?? {};
    clearTimeout(later);
    later = 0;
    if (draft?.changed) {
      try {
        await draft.drop();
        page.cases.forget(page.key);
        await open(page.key);
        say("What was drawn is dropped.");
      } catch (error) {
        warn(error.message);
      }
    }
  }

  function escape() {
    if (rejecting) {
      ask(false);
    } else if (!tools.cancel() && tools.name) {
      page.tool(tools.name);
    }
  }

  function filters(shows = byId("filters").hidden) {
    byId("filters").hidden = !shows;
    byId("filters-button").setAttribute("aria-expanded", String(shows));
    byId(shows ? "review" : "stage").focus();
  }

  function facts() {
    const bare = byId("facts-button").closest("body").querySelector(".columns").classList.toggle("bare");
    byId("facts-button").setAttribute("aria-expanded", String(!bare));
  }

  function goTo() {
    const [dialog, field] = [byId("go"), byId("go-where")];
    field.value = "";
    dialog.returnValue = "";
    dialog.onclose = () => {
      const where = field.value.trim();
      const key = queue.places.has(where) ? where : queue.keys[Number(where) - 1];
      if (dialog.returnValue === "ok" && where) {
        key === undefined ? say(`The queue has no "${where}".`) : open(key);
      }
    };
    dialog.showModal();
  }

  function cross(key) {
    const arrow = ARROWS[key.replace("Ctrl+", "")];
    const by = key.startsWith("Ctrl+") ? 0.01 : 8;
    const start = panes.pointer ?? panes.centre;
    panes.reveal(tools.step(arrow[0] * by, arrow[1] * by, start));
  }

  const does = {
    accept: () => (tools.open?.points ? tools.close(1) : decide("accept")),
    reject: () => ask(true),
    undo,
    next: () => go(1),
    previous: () => go(-1),
    note: () => byId("note").focus(),
    mask: () => page.turnMask(),
    aligned: () => page.turnAligned(),
    zoomIn: () => panes.zoomIn(),
    zoomOut: () => panes.zoomOut(),
    fit: () => panes.fit(),
    actual: () => panes.zoom(1 / panes.scale),
    pan: (key) => panes.pan(...ARROWS[key.replace("Shift+", "")].map((by) => by * 80)),
    lower: () => moved(-8),
    higher: () => moved(8),
    fine: (key) => moved(key === "{" ? -1 : 1),
    size: (key) => {
      tools.size(key === "." ? 1.25 : 0.8);
      page.controls();
    },
    clearPolygon: () => tools.open?.points && tools.close(0),
    strokeUndo,
    drop,
    escape,
    filters: () => filters(),
    search: () => byId("search").focus(),
    goTo,
    facts,
    agreement,
    help: () => byId("help").showModal(),
  };
  for (const name of ["brush", "eraser", "polygon", "region"]) {
    does[name] = () => page.tool(name);
  }
  VIEWS.forEach(({ name }, index) => (does[`view${index + 1}`] = () => page.view(name)));

  function key(name, pressedKey, event) {
    if (rejecting && /^[1-9]$/.test(pressedKey)) {
      const reason = about.reasons[Number(pressedKey) - 1];
      return reason ? (decide("reject", reason.word), true) : true;
    }
    const arrow = pressedKey.replace("Ctrl+", "");
    if (arrow in ARROWS && tools.active()) {
      cross(pressedKey);
      return true;
    }
    if (name === "blink") {
      space(event);
      return true;
    }
    if (name === null || !(name in does) || (event.repeat && ["accept", "reject", "undo", "drop"].includes(name))) {
      return false;
    }
    if (rejecting && name !== "escape") {
      ask(false);
    }
    does[name](pressedKey);
    return true;
  }

  function space(event) {
    if (event.repeat) {
      return;
    }
    if (tools.active()) {
      tools.press(panes.pointer ?? panes.centre);
    } else if (page.blinking) {
      page.stopBlinking();
    } else {
      pressed = performance.now();
      page.showAuthentic(true);
    }
  }

  function released() {
    tools.release();
    if (pressed) {
      const held = performance.now() - pressed > HOLD;
      pressed = 0;
      page.stopBlinking();
      if (!held) {
        page.turnBlinking();
      }
    }
  }

  wire({ about, page, reload, warn, who, does, decide, threshold, ask });
  if (window.innerWidth < 1000) {
    facts();
  }
  return { key, released };
}
