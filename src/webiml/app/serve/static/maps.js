// Probability maps as numbers, and what is painted of them.

/** Pixels that are painted at most; larger pictures are shown smaller, and saved at their own size. */
const SHOWN = 4e6;
const TINT = [255, 0, 80];
const STOPS = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

/**
 * The size at which a picture is shown.
 * @param {number} height
 * @param {number} width
 * @returns {[number, number]} height and width, of at most SHOWN pixels
 */
export function shownSize(height, width) {
  const scale = Math.min(1, Math.sqrt(SHOWN / (height * width)));
  return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
}

/**
 * The level from which on pixels are marked: that of the stored 8-bit map, as webiml itself takes it.
 * @param {number} threshold above 0 and below 1
 * @returns {number} 1 to 255
 */
export function level(threshold) {
  return Math.max(1, Math.floor(255 * threshold + 0.5));
}

/**
 * The levels of a grey PNG.
 * @param {Blob} blob
 * @param {number} height
 * @param {number} width the size to read it at
 * @returns {Promise<Uint8Array>} one byte a pixel, row by row
 */
export async function levels(blob, height, width) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const pixels = draw(bitmap, height, width).getImageData(0, 0, width, height).data;
  bitmap.close();
  const found = new Uint8Array(height * width);
  for (let at = 0; at < found.length; at++) found[at] = pixels[4 * at];
  return found;
}

/**
 * A picture's pixels.
 * @param {Blob} blob
 * @param {number} height
 * @param {number} width the size to read it at
 * @returns {Promise<ImageData | null>} null where this browser cannot show such a picture
 */
export async function pixels(blob, height, width) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return null;
  }
  const found = draw(bitmap, height, width).getImageData(0, 0, width, height);
  bitmap.close();
  return found;
}

/**
 * The picture with what is marked tinted and outlined.
 * @param {ImageData} picture
 * @param {Uint8Array} map
 * @param {number} from the level from which on pixels are marked
 * @returns {ImageData}
 */
export function overlay(picture, map, from) {
  const { width, height } = picture;
  const painted = new ImageData(new Uint8ClampedArray(picture.data), width, height);
  const edge = Math.max(1, Math.round(Math.max(width, height) / 700));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (map[at] < from) continue;
      const outside = (x >= edge && map[at - edge] < from) || (x < width - edge && map[at + edge] < from) ||
        (y >= edge && map[at - edge * width] < from) || (y < height - edge && map[at + edge * width] < from);
      const share = outside ? 1 : 0.4;
      for (let c = 0; c < 3; c++) {
        painted.data[4 * at + c] = painted.data[4 * at + c] * (1 - share) + TINT[c] * share;
      }
    }
  }
  return painted;
}

/**
 * A map as colours, from black (0) over red to pale yellow (1).
 * @param {Uint8Array} map
 * @param {number} height
 * @param {number} width
 * @returns {ImageData}
 */
export function heat(map, height, width) {
  const painted = new ImageData(width, height);
  const colours = new Uint32Array(painted.data.buffer);
  const bytes = new Uint8ClampedArray(256 * 4);
  for (let value = 0; value < 256; value++) {
    const at = (value / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2);
    for (let c = 0; c < 3; c++) bytes[4 * value + c] = STOPS[low][c] + (at - low) * (STOPS[low + 1][c] - STOPS[low][c]);
    bytes[4 * value + 3] = 255;
  }
  const table = new Uint32Array(bytes.buffer);
  for (let at = 0; at < map.length; at++) colours[at] = table[map[at]];
  return painted;
}

/**
 * How much of a map is marked.
 * @param {Uint8Array} map
 * @param {number} from
 * @returns {number} share, 0 to 1
 */
export function marked(map, from) {
  let count = 0;
  for (const value of map) if (value >= from) count++;
  return count / map.length;
}

/**
 * The mask of a probability map at its own size.
 * @param {Blob} probability PNG
 * @param {number} height
 * @param {number} width
 * @param {number} from the level from which on pixels are marked
 * @returns {Promise<Blob>} PNG, white where manipulated, else black
 */
export async function mask(probability, height, width, from) {
  const map = await levels(probability, height, width);
  const painted = new ImageData(width, height);
  const colours = new Uint32Array(painted.data.buffer);
  for (let at = 0; at < map.length; at++) colours[at] = map[at] >= from ? 0xffffffff : 0xff000000;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(painted, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} height
 * @param {number} width
 * @returns {OffscreenCanvasRenderingContext2D}
 */
function draw(bitmap, height, width) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return context;
}
