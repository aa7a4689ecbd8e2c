/**
 * Which pixels a brush, a polygon or a region covers. A stroke is {value, runs}: 1 marks and 0 clears, and the runs are
 * start, length, start, length, ... of pixels of the grid counted row by row, ascending and apart.
 */

/** Pixels that an open stroke has touched: a byte a pixel of the grid, and the rows between which they lie. */
export class Touched {
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.pixels = new Uint8Array(height * width);
    this.top = height;
    this.bottom = -1;
  }

  /** Row y from column `first` to `last`, both counted; what lies outside of the grid is left out. */
  row(y, first, last) {
    const from = Math.max(0, first);
    const to = Math.min(this.width - 1, last);
    if (y < 0 || y >= this.height || from > to) {
      return;
    }
    this.pixels.fill(1, y * this.width + from, y * this.width + to + 1);
    this.top = Math.min(this.top, y);
    this.bottom = Math.max(this.bottom, y);
  }

  /** Everything nearer than `radius` to the line between two points; the pixels below its ends in any case. */
  line(from, to, radius) {
    for (const [x, y] of [from, to]) {
      this.row(Math.floor(y), Math.floor(x), Math.floor(x));
    }
    const [ax, ay, dx, dy] = [from[0], from[1], to[0] - from[0], to[1] - from[1]];
    const squared = dx * dx + dy * dy;
    const left = Math.max(0, Math.floor(Math.min(ax, to[0]) - radius));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(ax, to[0]) + radius));
    const top = Math.max(0, Math.floor(Math.min(ay, to[1]) - radius));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(ay, to[1]) + radius));
    for (let y = top; y <= bottom; y += 1) {
      let first = -1;
      let last = -2;
      for (let x = left; x <= right; x += 1) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay]; // the middle of the pixel
        const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const [ox, oy] = [px - along * dx, py - along * dy];
        if (ox * ox + oy * oy <= radius * radius) {
          first = first < 0 ? x : first; // the covered part of a row is one piece: the shape is convex
          last = x;
        }
      }
      this.row(y, first, last);
    }
  }

  /** The inside of a polygon of [x, y] points: pixels whose middle lies within, by the even-odd rule. */
  polygon(points) {
    const heights = points.map(([, y]) => y);
    const top = Math.max(0, Math.floor(Math.min(...heights)));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(...heights)));
    for (let y = top; y <= bottom; y += 1) {
      const crossings = [];
      points.forEach(([ax, ay], index) => {
        const [bx, by] = points[(index + 1) % points.length];
        if (ay <= y + 0.5 !== by <= y + 0.5) {
          crossings.push(ax + ((y + 0.5 - ay) / (by - ay)) * (bx - ax));
        }
      });
      crossings.sort((one, other) => one - other);
      for (let index = 0; index + 1 < crossings.length; index += 2) {
        this.row(y, Math.ceil(crossings[index] - 0.5), Math.ceil(crossings[index + 1] - 0.5) - 1);
      }
    }
  }

  /** The pixels around [x, y] that hang together and have one label; `labels` has a whole number a pixel. */
  region(labels, [x, y]) {
    const start = Math.floor(y) * this.width + Math.floor(x);
    const label = labels[start];
    const open = [start];
    this.pixels[start] = 1;
    while (open.length) {
      const at = open.pop();
      const column = at % this.width;
      this.row((at - column) / this.width, column, column);
      for (const next of [
        column > 0 ? at - 1 : -1,
        column < this.width - 1 ? at + 1 : -1,
        at - this.width,
        at + this.width,
      ]) {
        if (next >= 0 && next < labels.length && !this.pixels[next] && labels[next] === label) {
          this.pixels[next] = 1;
          open.push(next);
        }
      }
    }
  }

  /** The runs of what was touched. */
  runs() {
    const runs = [];
    const end = (this.bottom + 1) * this.width;
    for (let at = Math.max(0, this.top) * this.width; at < end; ) {
      const start = this.pixels.indexOf(1, at);
      if (start < 0 || start >= end) {
        break;
      }
      let stop = this.pixels.indexOf(0, start);
      stop = stop < 0 ? end : stop;
      runs.push(start, stop - start);
      at = stop;
    }
    return runs;
  }
}

/** Lays a stroke over a mask of 0 and 1, a byte a pixel. */
export function apply(mask, { value, runs }) {
  for (let index = 0; index < runs.length; index += 2) {
    mask.fill(value, runs[index], runs[index] + runs[index + 1]);
  }
}

/**
 * The outline of a mask as a path along the edges of its pixels, or null where it would have too many pieces to draw.
 * @param {Uint8Array} mask 0 or 1, a byte a pixel, row by row
 */
export function outline(mask, height, width, most = 60000) {
  const path = new Path2D();
  let pieces = 0;
  for (let y = 0; y <= height; y += 1) {
    // level edges: between row y - 1 and row y
    for (let x = 0, from = -1; x <= width; x += 1) {
      const above = x < width && y > 0 ? mask[(y - 1) * width + x] : 0;
      const below = x < width && y < height ? mask[y * width + x] : 0;
      if (above !== below && from < 0) {
        from = x;
      } else if (above === below && from >= 0) {
        path.moveTo(from, y);
        path.lineTo(x, y);
        pieces += 1;
        from = -1;
      }
    }
    if (pieces > most) {
      return null;
    }
  }
  for (let x = 0; x <= width; x += 1) {
    // upright edges: between column x - 1 and column x
    for (let y = 0, from = -1; y <= height; y += 1) {
      const left = y < height && x > 0 ? mask[y * width + x - 1] : 0;
      const right = y < height && x < width ? mask[y * width + x] : 0;
      if (left !== right && from < 0) {
        from = y;
      } else if (left === right && from >= 0) {
        path.moveTo(x, from);
        path.lineTo(x, y);
        pieces += 1;
        from = -1;
      }
    }
    if (pieces > most) {
      return null;
    }
  }
  return path;
}
