/** The pair that is open: what is loaded and drawn of it, and what the controls around it say. */

import { Cases, Sheet } from "./cases.js";
import { MASKS, showControls, showState } from "./controls.js";
import { byId, say, warn } from "./dom.js";
import { showFacts } from "./facts.js";
import { Panes } from "./panes.js";
import { Tools } from "./tools.js";
import { authenticOf, isThere, panesOf, VIEWS, viewsNeeded } from "./views.js";

const BLINK = 600; // milliseconds a picture: slower than what may harm people who react to flashes

export class Page {
  /**
   * @param {object} outside
   * @param {string} outside.what dataset, localizations or evaluation
   * @param {() => string} outside.reviewer
   * @param {Map<string, string>} outside.reasons words for a reason's word
   * @param {(key: string) => string[]} outside.near keys of the neighbours, which are fetched ahead
   */
  constructor(outside) {
    this.outside = outside;
    this.mode = { view: "side", mask: "line", aligned: true, showsAuthentic: false, blink: false };
    this.cases = new Cases({ reviewer: outside.reviewer, mode: () => this.mode });
    this.key = null;
    this.found = null;
    this.sheet = null;
    const tools = (this.tools = new Tools({
      sheet: () => (this.sheet?.layer ? this.sheet : null),
      pixel: () => 1 / this.panes.scale,
      say,
      changed: (saved, words) => this.drawn(saved, words),
      draw: () => this.panes.draw(),
    }));
    this.panes = new Panes(byId("stage"), {
      active: () => tools.active(),
      down: (point, event) => tools.down(point, event),
      move: (point, event) => tools.active() && tools.move(point, event),
      up: (event) => tools.up(event),
      double: (event) => tools.double(event),
    });
  }

  /** Shows a case. What was being loaded for another one is given up. */
  async open(key) {
    this.tools.cancel();
    this.tools.cross = null;
    delete document.body.dataset.shown;
    this.stopBlinking();
    this.key = key;
    this.found = null;
    this.sheet = null;
    byId("note").value = "";
    this.cases.keep([key, ...this.outside.near(key)]);
    const started = performance.now();
    try {
      const found = await this.cases.get(key);
      if (this.key !== key) {
        return;
      }
      this.found = found;
      this.facts();
      const pictured = found.views.includes("manipulated");
      this.sheet = pictured ? new Sheet(this.cases, found) : null;
      this.panes.open(pictured ? found.grid : [1, 1]);
      const nothing = `${found.problem || "There is no picture to show."} ${found.facts.detail ?? ""}`;
      this.problem(pictured ? found.problem : nothing);
      this.view(isThere(found, VIEWS.find(({ name }) => name === this.mode.view)) ? this.mode.view : "side", true);
      if (pictured) {
        await this.load(key, this.sheet);
      }
      if (this.key === key) {
        document.body.dataset.shown = key; // for whoever measures or tests: this pair is on the screen
        document.body.dataset.milliseconds = String(Math.round(performance.now() - started));
        this.cases.keep([key, ...this.outside.near(key)]);
        this.cases.ahead(this.outside.near(key));
      }
    } catch (error) {
      if (this.key === key && error.name !== "AbortError") {
        this.problem(error.message);
        warn(error.message);
      }
    }
  }

  async load(key, sheet) {
    const mine = () => this.sheet === sheet;
    const pictures = viewsNeeded(this.found, this.mode).map((view) => this.cases.bitmap(this.found, view));
    pictures.forEach((one) => one.then(() => mine() && this.panes.draw()).catch(() => {}));
    await Promise.all([...pictures, sheet.load(this.outside.reviewer())]);
    if (mine()) {
      this.controls();
      this.panes.drawNow();
    }
  }

  /** Loads the case anew: somebody, or this person, has changed it. An open draft stays as it is. */
  async refresh(key) {
    this.cases.forget(key);
    if (this.key !== key) {
      return;
    }
    const found = await this.cases.get(key);
    if (this.key === key && this.found) {
      const drawn = this.sheet?.draft?.changed;
      const other = !drawn && found.state.mask !== this.found.state.mask;
      this.found = { ...found, draft: drawn ? (this.found.draft ?? found.draft) : found.draft };
      this.facts();
      if (other && this.sheet) {
        this.sheet = new Sheet(this.cases, this.found);
        await this.load(key, this.sheet);
      }
    }
  }

  /** One of the seven ways to look; the name of a view that this case does not have does nothing. */
  view(name, quiet = false) {
    const view = VIEWS.find((one) => one.name === name);
    if (!this.found || !isThere(this.found, view)) {
      if (this.found && !quiet) {
        say(`This pair has no view "${view.words.toLowerCase()}".`);
      }
      this.panes.show([]);
      this.controls();
      return this.found ? this.panesAgain() : undefined;
    }
    this.mode.view = name;
    this.panesAgain();
    this.fetchView();
    if (!quiet) {
      say(`${this.wordsOf(view)}.`);
    }
  }

  panesAgain() {
    const here = this;
    const { found } = this; // also while the next one is being loaded
    const shown = found.views.includes("manipulated")
      ? panesOf(found, {
          what: this.outside.what,
          mode: this.mode,
          sheet: () => (here.sheet?.layer ? here.sheet : null),
          picture: (view) => here.cases.ready(found, view),
          drawTools: (context, pixel) => here.drawTools(context, pixel),
        })
      : [];
    this.panes.show(shown);
    this.controls();
  }

  drawTools(context, pixel) {
    if (this.tools.active()) {
      this.tools.draw(context, pixel, this.panes.pointer);
    }
  }

  /** Asks for what the view draws and is not there yet. */
  async fetchView() {
    const { found, sheet } = this;
    if (!sheet) {
      return;
    }
    try {
      await Promise.all(viewsNeeded(found, this.mode).map((view) => this.cases.bitmap(found, view)));
      if (this.mode.view === "regions" || this.tools.name === "region") {
        await sheet.loadRegions();
      }
    } catch (error) {
      if (error.name !== "AbortError" && this.sheet === sheet) {
        warn(error.message);
      }
    }
    if (this.sheet === sheet) {
      document.body.dataset.view = this.mode.view;
      document.body.dataset.regions = sheet.labels ? "1" : "0";
      this.panes.draw();
    }
  }

  tool(name) {
    this.tools.choose(name);
    this.fetchView();
    this.controls();
  }

  /** Something was drawn or taken back: it is told once it is saved. */
  drawn(saved, words) {
    const { draft } = this.sheet;
    const strokes = `${draft.strokes.length} ${draft.strokes.length === 1 ? "stroke" : "strokes"}`;
    this.cases.forget(this.key); // what was fetched of it no longer holds
    this.controls();
    saved.then(
      () => {
        say(`${words} Saved, with ${strokes}.`);
        if (draft.moved && this.sheet?.draft === draft) {
          this.open(this.key).then(() => say("Somebody mended this mask meanwhile: your stroke lies on theirs."));
        }
      },
      (error) => warn(`Not saved yet: ${error.message}`),
    );
  }

  maskAgain() {
    this.sheet.layer.update(this.sheet.draft.mask);
    this.panes.draw();
    this.controls();
  }

  /** The next way to show the mask. */
  turnMask() {
    const names = Object.keys(MASKS);
    this.mode.mask = names[(names.indexOf(this.mode.mask) + 1) % names.length];
    this.controls();
    this.panes.draw();
    say(`Mask: ${MASKS[this.mode.mask]}.`);
  }

  turnAligned() {
    this.mode.aligned = !this.mode.aligned;
    this.panesAgain();
    this.fetchView();
    say(this.mode.aligned ? "Authentic picture, aligned." : "Authentic picture, as it was given.");
  }

  /** Shows the authentic picture in place of the manipulated one, or no longer. */
  showAuthentic(shows) {
    if (this.found && authenticOf(this.found, this.mode)) {
      this.mode.blink ||= shows;
      this.mode.showsAuthentic = shows;
      this.fetchView();
      this.panes.draw();
    }
  }

  turnBlinking() {
    if (this.blinking) {
      return this.stopBlinking();
    }
    if (!this.found || !authenticOf(this.found, this.mode)) {
      return say("There is no second picture to blink to.");
    }
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.showAuthentic(!this.mode.showsAuthentic);
    this.blinking = setInterval(() => !still && this.showAuthentic(!this.mode.showsAuthentic), BLINK);
    this.controls();
    say("Blinking.");
  }

  stopBlinking() {
    clearInterval(this.blinking);
    this.blinking = 0;
    this.mode.blink = false;
    this.mode.showsAuthentic = false;
    this.controls();
    this.panes.draw();
  }

  facts() {
    showFacts(byId("facts"), byId("history"), this.found, this.outside.reasons);
    showState(this.found, this.outside.reasons);
  }

  problem(words) {
    byId("problem").textContent = words;
    byId("problem").hidden = !words;
  }

  wordsOf(view) {
    if (view.name === "side" && this.outside.what !== "dataset") {
      return "Picture";
    }
    return view.name === "other" && this.found?.views.includes("truth") ? "Truth" : view.words;
  }

  /** What the buttons and sliders show. */
  controls() {
    showControls(this);
  }
}
