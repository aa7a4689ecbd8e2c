/** The panes in which pictures are drawn. All have one zoom and one place: what is seen in one is seen in all. */

import { make, onceAFrame } from "./dom.js";

const MOST = 32; // screen pixels a pixel of the grid
const STEP = 1.25;
const MARGIN = 0.97; // of a pane that a whole picture fills
const BESIDE = 0.8; // pictures beside one another are compared more easily: a little smaller will do

export class Panes {
  /**
   * @param {HTMLElement} stage where the panes lie
   * @param {{down: Function, move: Function, up: Function, double: Function, active: () => boolean}} tools
   */
  constructor(stage, tools) {
    this.stage = stage;
    this.tools = tools;
    this.panes = []; // {figure, canvas, caption, draw}
    this.size = [1, 1]; // of the grid, height and width
    this.scale = 1; // screen pixels a pixel of the grid
    this.centre = [0, 0]; // the point of the grid in the middle of a pane
    this.fitted = true;
    this.pointer = null; // [x, y] of the grid below the mouse
    this.draw = onceAFrame(() => this.drawNow());
    new ResizeObserver(() => this.arrange()).observe(stage);
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.up(event));
    stage.addEventListener("pointercancel", (event) => this.up(event));
    stage.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.draw();
    });
    stage.addEventListener("dblclick", (event) => this.tools.double(this.point(event)));
  }

  /** A new picture: everything of it is shown. */
  open(size) {
    this.size = size;
    this.fit();
  }

  /** Which panes there are: a list of {caption, draw(context)}, drawn in pixels of the grid. */
  show(wanted) {
    while (this.panes.length > wanted.length) {
      this.panes.pop().figure.remove();
    }
    while (this.panes.length < wanted.length) {
      const canvas = make("canvas", { role: "img" });
      const caption = make("figcaption");
      const figure = make("figure", { class: "pane" }, [canvas, caption]);
      this.stage.append(figure);
      this.panes.push({ figure, canvas, caption });
    }
    wanted.forEach(({ caption, draw }, index) => {
      const pane = this.panes[index];
      pane.draw = draw;
      pane.caption.textContent = caption;
      pane.canvas.setAttribute("aria-label", caption);
    });
    this.arrange();
  }

  /** Beside one another, or below where that shows the picture much larger. */
  arrange() {
    const [width, height, count] = [this.stage.clientWidth, this.stage.clientHeight, this.panes.length || 1];
    const beside = this.fitting(width / count, height) >= BESIDE * this.fitting(width, height / count);
    this.stage.classList.toggle("below", !beside);
    for (const { canvas } of this.panes) {
      const ratio = window.devicePixelRatio || 1;
      const [w, h] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
      if (canvas.width !== w || canvas.height !== h) {
        canvas.width = w;
        canvas.height = h;
      }
    }
    if (this.fitted) {
      this.fit();
    }
    this.drawNow(); // at once: a canvas of another size is empty
  }

  fitting(width, height) {
    return MARGIN * Math.min(width / this.size[1], height / this.size[0]);
  }

  fit() {
    const canvas = this.panes[0]?.canvas;
    this.fitted = true;
    this.centre = [this.size[1] / 2, this.size[0] / 2];
    if (canvas) {
      this.scale = Math.min(MOST, Math.max(0.001, this.fitting(canvas.clientWidth, canvas.clientHeight)));
    }
    this.draw();
  }

  /** Zooms by a factor and leaves the point `at` of the grid where it is on the screen. */
  zoom(factor, at = this.centre) {
    const canvas = this.panes[0]?.canvas;
    if (!canvas) {
      return;
    }
    const least = Math.min(1, this.fitting(canvas.clientWidth, canvas.clientHeight));
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    const share = this.scale / scale;
    this.centre = [0, 1].map((axis) => at[axis] + (this.centre[axis] - at[axis]) * share);
    this.scale = scale;
    this.fitted = false;
    this.pan(0, 0);
  }

  zoomIn() {
    this.zoom(STEP * STEP, this.pointer ?? this.centre);
  }

  zoomOut() {
    this.zoom(1 / STEP / STEP, this.pointer ?? this.centre);
  }

  /** Moves by screen pixels; the middle of the pane stays on the picture. */
  pan(x, y) {
    this.fitted = this.fitted && !x && !y;
    this.centre = [x, y].map((by, axis) =>
      Math.min(this.size[1 - axis], Math.max(0, this.centre[axis] + by / this.scale)),
    );
    this.draw();
  }

  /** Moves the picture just so far that this point of the grid is seen. */
  reveal([x, y]) {
    const { canvas } = this.panes[0];
    const half = [canvas.clientWidth, canvas.clientHeight].map((side) => (side / 2) * 0.9);
    const away = [x - this.centre[0], y - this.centre[1]].map((by) => by * this.scale);
    const beyond = away.map((by, axis) => Math.sign(by) * Math.max(0, Math.abs(by) - half[axis]));
    if (beyond[0] || beyond[1]) {
      this.pan(...beyond);
    }
  }

  drawNow() {
    const ratio = window.devicePixelRatio || 1;
    const scale = this.scale * ratio;
    for (const { canvas, draw } of this.panes) {
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      const left = Math.round(canvas.width / 2 - this.centre[0] * scale);
      const top = Math.round(canvas.height / 2 - this.centre[1] * scale);
      context.setTransform(scale, 0, 0, scale, left, top);
      context.imageSmoothingEnabled = this.scale < 2; // above it, a pixel is to be seen as one
      context.imageSmoothingQuality = "high";
      draw(context, 1 / this.scale);
    }
  }

  /** Where an event is, in pixels of the grid. */
  point(event) {
    const pane = this.panes.find(({ figure }) => figure.contains(event.target)) ?? this.panes[0];
    const box = pane.canvas.getBoundingClientRect();
    return [
      this.centre[0] + (event.clientX - box.left - box.width / 2) / this.scale,
      this.centre[1] + (event.clientY - box.top - box.height / 2) / this.scale,
    ];
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(STEP ** (-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 60)), this.point(event));
  }

  down(event) {
    if (!this.panes.length || event.target.closest("button, input")) {
      return;
    }
    this.stage.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    const drags = event.button === 1 || event.ctrlKey || !this.tools.active();
    this.held = { drags, x: event.clientX, y: event.clientY, figure: event.target };
    if (!drags && event.button === 0) {
      this.tools.down(this.point(event), event);
    }
    event.preventDefault();
  }

  move(event) {
    const seen = this.held ? { target: this.held.figure, clientX: event.clientX, clientY: event.clientY } : event;
    if (this.held?.drags) {
      this.pan(this.held.x - event.clientX, this.held.y - event.clientY);
      [this.held.x, this.held.y] = [event.clientX, event.clientY];
    }
    this.pointer = this.panes.length ? this.point(seen) : null;
    if (!this.held?.drags) {
      this.tools.move(this.pointer, event);
    }
    this.draw();
  }

  up(event) {
    const { held } = this;
    this.held = null;
    if (held && !held.drags) {
      this.tools.up(event);
    }
  }
}
