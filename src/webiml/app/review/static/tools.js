/** Brush, eraser, polygon and region, by mouse or by keys. A finished stroke goes to the draft. */

import { Touched } from "./shapes.js";

export const TOOLS = ["brush", "eraser", "polygon", "region"];
const CLOSE = 10; // screen pixels from the first point at which a polygon closes

export class Tools {
  /**
   * @param {object} page
   * @param {() => object | null} page.sheet what is drawn on: {draft, layer, labels}, or null where there is nothing
   * @param {() => number} page.pixel length of a screen pixel in pixels of the grid
   * @param {(words: string) => void} page.say
   * @param {() => void} page.changed the mask is another one
   * @param {() => void} page.draw the panes are to be drawn again
   */
  constructor(page) {
    this.page = page;
    this.name = null;
    this.radius = 8; // of brush and eraser, pixels of the grid
    this.cross = null; // where the keys are, a point of the grid
    this.open = null; // the stroke that is not finished: {touched, value, at} or {points}
    this.held = false; // whether Space or a mouse button paints
  }

  active() {
    return this.name !== null && this.page.sheet() !== null;
  }

  /** Takes a tool into the hand, or lays it down (null). */
  choose(name) {
    this.cancel();
    this.name = this.name === name ? null : name;
    this.cross = null;
    this.page.say(this.name ? WORDS[this.name] : "No tool: drag moves the picture.");
    this.page.draw();
  }

  size(factor) {
    const radius = factor > 1 ? Math.max(this.radius + 1, this.radius * factor) : this.radius * factor;
    this.radius = Math.min(200, Math.max(0.5, Math.round(radius * 2) / 2));
    this.page.draw();
  }

  /** Gives up the open stroke; false where there is none. */
  cancel() {
    const was = this.open !== null;
    this.open = null;
    this.held = false;
    if (was) {
      this.page.sheet()?.layer.update(this.page.sheet().draft.mask);
      this.page.draw();
    }
    return was;
  }

  down(point, event) {
    this.cross = null;
    this.held = true;
    if (this.name === "region") {
      this.region(point);
    } else if (this.name === "polygon") {
      const first = this.open?.points[0];
      if (first && Math.hypot(point[0] - first[0], point[1] - first[1]) < CLOSE * this.page.pixel()) {
        this.close(event.shiftKey ? 0 : 1);
      } else {
        this.corner(point);
      }
    } else {
      this.begin(point);
    }
  }

  move(point) {
    if (this.held && this.name === "polygon" && this.open) {
      const last = this.open.points.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) > 3 * this.page.pixel()) {
        this.open.points.push(point); // a lasso: the corners follow the mouse
        this.open.lasso = true;
      }
    } else if (this.held && this.open?.touched) {
      this.paint(point);
    }
    this.page.draw();
  }

  up(event) {
    this.held = false;
    if (this.open?.touched) {
      this.finish();
    } else if (this.open?.lasso) {
      this.close(event.shiftKey ? 0 : 1);
    }
  }

  double(event) {
    if (this.name === "polygon" && this.open?.points.length > 2) {
      this.close(event?.shiftKey ? 0 : 1);
    }
  }

  /** Moves the cross by screen pixels; a held Space paints on the way. Returns where it is. */
  step(x, y, start) {
    this.cross ??= start;
    const sheet = this.page.sheet();
    const steps = (screen) => Math.max(1, Math.round(Math.abs(screen) * this.page.pixel()));
    const by = [x, y].map((screen) => Math.sign(screen) * steps(screen));
    this.cross = [
      Math.min(sheet.draft.width - 0.5, Math.max(0.5, Math.floor(this.cross[0] + by[0]) + 0.5)),
      Math.min(sheet.draft.height - 0.5, Math.max(0.5, Math.floor(this.cross[1] + by[1]) + 0.5)),
    ];
    if (this.held && this.open?.touched) {
      this.paint(this.cross);
    }
    this.page.draw();
    return this.cross;
  }

  /** Space goes down: paints, sets a corner or takes the region below the cross. */
  press(start) {
    this.cross ??= start;
    if (this.held) {
      return;
    }
    if (this.name === "region") {
      this.region(this.cross);
    } else if (this.name === "polygon") {
      this.corner(this.cross);
    } else {
      this.held = true;
      this.begin(this.cross);
    }
  }

  /** Space goes up. */
  release() {
    if (this.held && this.open?.touched) {
      this.finish();
    }
    this.held = false;
  }

  begin(point) {
    const { draft } = this.page.sheet();
    this.open = { touched: new Touched(draft.height, draft.width), value: this.name === "brush" ? 1 : 0, at: point };
    this.paint(point);
  }

  paint(point) {
    this.open.touched.line(this.open.at, point, this.radius);
    this.open.at = point;
    this.page.sheet().layer.preview(this.open.touched, this.open.value);
    this.page.draw();
  }

  corner(point) {
    this.open ??= { points: [], lasso: false };
    this.open.points.push(point);
    this.page.draw();
  }

  /** Closes the polygon: marks what lies inside, or clears it (0). */
  close(value) {
    const points = this.open?.points ?? [];
    if (points.length < 3) {
      this.page.say("A polygon needs three corners or more.");
      return;
    }
    const { draft } = this.page.sheet();
    const touched = new Touched(draft.height, draft.width);
    touched.polygon(points);
    this.open = { touched, value };
    this.finish();
  }

  region([x, y]) {
    const { draft, labels } = this.page.sheet();
    if (!labels) {
      this.page.say("The regions of this picture are not there yet.");
      return;
    }
    if (x < 0 || y < 0 || x >= draft.width || y >= draft.height) {
      return;
    }
    const touched = new Touched(draft.height, draft.width);
    touched.region(labels, [x, y]);
    let [inside, marked] = [0, 0];
    for (let index = touched.top * draft.width; index < (touched.bottom + 1) * draft.width; index += 1) {
      inside += touched.pixels[index];
      marked += touched.pixels[index] & draft.mask[index];
    }
    this.open = { touched, value: 2 * marked > inside ? 0 : 1 }; // a click on a marked region clears it
    this.finish();
  }

  finish() {
    const { draft, layer } = this.page.sheet();
    const { touched, value } = this.open;
    const runs = touched.runs();
    this.open = null;
    this.held = false;
    if (runs.length) {
      const saved = draft.add({ value, runs });
      layer.update(draft.mask);
      this.page.changed(saved, value ? "Marked." : "Cleared.");
    } else {
      this.page.say("Nothing of the picture lies in there.");
    }
    this.page.draw();
  }

  /** Draws the cross, the size of the brush and an open polygon. */
  draw(context, pixel, pointer) {
    const at = this.cross ?? pointer;
    const shapes = [];
    if (at && (this.name === "brush" || this.name === "eraser")) {
      shapes.push(() => context.arc(at[0], at[1], this.radius, 0, 2 * Math.PI));
    }
    if (this.cross) {
      const arm = 9 * pixel;
      shapes.push(() => {
        context.moveTo(at[0] - arm, at[1]);
        context.lineTo(at[0] + arm, at[1]);
        context.moveTo(at[0], at[1] - arm);
        context.lineTo(at[0], at[1] + arm);
      });
    }
    if (this.open?.points) {
      const points = at && !this.open.lasso ? [...this.open.points, at] : this.open.points;
      shapes.push(() => {
        points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
        const [x, y] = points[0];
        context.rect(x - 3 * pixel, y - 3 * pixel, 6 * pixel, 6 * pixel);
      });
    }
    for (const [width, colour] of [
      [3, "rgba(0, 0, 0, 0.7)"],
      [1.25, "rgb(255, 255, 255)"],
    ]) {
      for (const shape of shapes) {
        context.beginPath();
        shape();
        context.lineWidth = width * pixel;
        context.strokeStyle = colour;
        context.stroke();
      }
    }
  }
}

const WORDS = {
  brush: "Brush: drag marks. By keys: arrows move the cross, hold Space to paint.",
  eraser: "Eraser: drag clears. By keys: arrows move the cross, hold Space to clear.",
  polygon: "Polygon: click corners, or drag; Enter closes, with Shift it clears. By keys: arrows, Space sets a corner.",
  region: "Region: click marks a region, or clears a marked one. By keys: arrows, then Space.",
};
