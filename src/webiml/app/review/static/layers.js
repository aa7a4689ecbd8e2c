/** What is laid over a picture, and maps as colours: canvases of the grid's size. */

import { outline } from "./shapes.js";

const TINT = [255, 0, 80]; // as `webiml.images.draw.overlay` has it
const FILL = 110; // opacity of the tint inside the mask, of 255

/** Black over red to pale yellow, 0 to 255: six knots, between which the colours run straight. */
const HEAT = [
  [0, 0, 4],
  [66, 10, 104],
  [147, 38, 103],
  [221, 81, 58],
  [252, 165, 10],
  [252, 255, 164],
];

export class MaskLayer {
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.inside = new Uint32Array(new Uint8Array([...TINT, FILL]).buffer)[0];
    this.path = null;
  }

  /** Shows this mask, 0 or 1, a byte a pixel. */
  update(mask) {
    for (let index = 0; index < mask.length; index += 1) {
      this.words[index] = mask[index] ? this.inside : 0;
    }
    this.context.putImageData(this.image, 0, 0);
    this.path = outline(mask, this.height, this.width);
  }

  /** Shows an open stroke on top: the outline follows once it is done. */
  preview(touched, value) {
    if (touched.bottom < touched.top) {
      return;
    }
    const [from, to] = [touched.top * this.width, (touched.bottom + 1) * this.width];
    for (let index = from; index < to; index += 1) {
      if (touched.pixels[index]) {
        this.words[index] = value ? this.inside : 0;
      }
    }
    this.context.putImageData(this.image, 0, 0, 0, touched.top, this.width, touched.bottom - touched.top + 1);
  }

  /** Draws the tint, the outline or both; `pixel` is the length of a screen pixel. */
  draw(context, pixel, { fill, line }) {
    if (fill || !this.path) {
      context.drawImage(this.canvas, 0, 0);
    }
    if (line && this.path) {
      context.lineCap = "square";
      context.lineWidth = 3.5 * pixel;
      context.strokeStyle = "rgba(255, 255, 255, 0.85)"; // a light rim: seen on dark and on red ground
      context.stroke(this.path);
      context.lineWidth = 1.5 * pixel;
      context.strokeStyle = `rgb(${TINT.join(" ")})`;
      context.stroke(this.path);
    }
  }
}

/** A map of levels, a byte a pixel, as colours. */
export function heat(levels, height, width) {
  const table = new Uint32Array(256);
  for (let level = 0; level < 256; level += 1) {
    const place = (level / 255) * (HEAT.length - 1);
    const knot = Math.min(HEAT.length - 2, Math.floor(place));
    const [from, to] = [HEAT[knot], HEAT[knot + 1]];
    const colour = from.map((value, index) => Math.round(value + (place - knot) * (to[index] - value)));
    table[level] = new Uint32Array(new Uint8Array([...colour, 255]).buffer)[0];
  }
  return painted(height, width, (words) => levels.forEach((level, index) => (words[index] = table[level])));
}

/** The lines between superpixels. */
export function borders(labels, height, width) {
  const dark = new Uint32Array(new Uint8Array([255, 255, 255, 150]).buffer)[0];
  return painted(height, width, (words) => {
    for (let index = 0; index < labels.length; index += 1) {
      const right = (index + 1) % width && labels[index] !== labels[index + 1];
      if (right || (index + width < labels.length && labels[index] !== labels[index + width])) {
        words[index] = dark;
      }
    }
  });
}

/** One channel of RGBA pixels, a byte a pixel. */
export function channel({ data }) {
  const levels = new Uint8Array(data.length / 4);
  for (let index = 0; index < levels.length; index += 1) {
    levels[index] = data[4 * index];
  }
  return levels;
}

/** RGBA pixels as labels: red + 256 green + 65536 blue. */
export function labelsOf({ data }) {
  const labels = new Uint32Array(data.length / 4);
  for (let index = 0; index < labels.length; index += 1) {
    labels[index] = data[4 * index] + 256 * data[4 * index + 1] + 65536 * data[4 * index + 2];
  }
  return labels;
}

function painted(height, width, paint) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  paint(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
