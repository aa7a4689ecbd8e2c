// The picture of a result: which view is shown, from which threshold on pixels are marked, and the region in hand.
import * as maps from "./maps.js";
import { counted, markedWords, percent } from "./words.js";

const VIEWS = [
  ["overlay", "Marked", "What is marked is tinted and outlined."],
  ["probability", "Probability", "How likely each pixel is manipulated."],
  ["confidence", "Confidence", "How likely the answer at 0.5 is right, pixel by pixel. It is low at outlines."],
  ["aligned", "Authentic, aligned", "The authentic picture, laid onto the other."],
  ["picture", "Picture", "The picture as it was given."],
];
const by = (id) => document.getElementById(id);

/** @type {null | {size: [number, number], images: Record<string, ImageData | null>, levels: Uint8Array | null}} */
let shown = null;
let answer = null;
let blobs = {};
let box = null;

/**
 * Show a result.
 * @param {Blob} file the picture
 * @param {object} given the answer
 * @param {Record<string, Blob>} files its PNG files
 */
export async function show(file, given, files) {
  const size = maps.shownSize(given.height, given.width);
  const read = async (name) => (files[name] ? maps.levels(files[name], ...size) : null);
  const [picture, overlay, aligned, probability, confidence] = await Promise.all([
    maps.pixels(file, ...size),
    files.overlay ? maps.pixels(files.overlay, ...size) : null,
    files.aligned ? maps.pixels(files.aligned, ...size) : null,
    read("probability"),
    read("confidence"),
  ]);
  answer = given;
  blobs = files;
  box = null;
  const images = { picture, aligned, overlay, confidence: confidence && maps.heat(confidence, ...size) };
  images.probability = probability && maps.heat(probability, ...size);
  shown = { size, images, levels: probability };
  by("canvas").height = size[0];
  by("canvas").width = size[1];
  by("threshold").value = String(given.threshold ?? 0.5);
  by("threshold").disabled = !probability || !picture;
  offer(picture, probability);
  paint();
}

/** Paint what is chosen, and say it. */
export function paint() {
  if (!shown) return;
  const { size, images } = shown;
  const view = by("views").querySelector("input:checked")?.value ?? "picture";
  const threshold = chosen();
  const from = maps.level(threshold);
  let image = images[view] ?? images.picture;
  if (view === "overlay" && images.picture && shown.levels) image = maps.overlay(images.picture, shown.levels, from);
  const context = by("canvas").getContext("2d");
  context.clearRect(0, 0, size[1], size[0]);
  if (image) context.putImageData(image, 0, 0);
  if (box) outline(context);
  const share = shown.levels ? maps.marked(shown.levels, from) : null;
  const marked = share === null ? "Nothing was segmented." : markedWords(share, threshold);
  const words = VIEWS.find(([name]) => name === view)?.[2] ?? "";
  by("threshold-words").textContent = threshold.toFixed(2);
  by("threshold").setAttribute("aria-valuetext", `${threshold.toFixed(2)}, ${marked}`);
  by("legend-words").textContent = view === "overlay" ? marked : words;
  by("ramp").hidden = view !== "probability" && view !== "confidence";
  by("canvas").setAttribute("aria-label", `${words} ${marked}`);
  by("regions-words").textContent = regionWords(threshold);
}

/** @returns {number} the threshold of the slider */
export function chosen() {
  return Number(by("threshold").value);
}

/**
 * The mask at the chosen threshold, at the picture's own size: the server's own file where it is that of the server.
 * @returns {Promise<Blob | null>} PNG
 */
export async function mask() {
  const from = maps.level(chosen());
  if (blobs.mask && from === maps.level(answer.threshold ?? 0.5)) return blobs.mask;
  return blobs.probability ? maps.mask(blobs.probability, answer.height, answer.width, from) : null;
}

/**
 * The list of the largest parts of the mask; one that is chosen is framed in the picture.
 * @param {object[]} regions of the answer
 */
export function listRegions(regions) {
  const items = regions.map((region) => {
    const button = document.createElement("button");
    const [x0, y0, x1, y1] = region.box;
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    for (const text of [`${x1 - x0} x ${y1 - y0} at ${x0}, ${y0}`, `probability ${region.score.toFixed(2)}`]) {
      button.append(Object.assign(document.createElement("span"), { textContent: text }));
    }
    const share = percent(region.area / (answer.height * answer.width));
    button.title = `${counted(region.area, "pixel")}, ${share} of the picture`;
    button.addEventListener("click", () => frame(button, region.box));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  by("regions").replaceChildren(...items);
}

function frame(button, wanted) {
  const off = button.getAttribute("aria-pressed") === "true";
  for (const other of by("regions").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", String(!off));
  box = off ? null : wanted;
  paint();
}

function outline(context) {
  const scale = shown.size[1] / answer.width;
  const [x0, y0, x1, y1] = box.map((value) => value * scale);
  const wide = Math.max(2, shown.size[1] / 300);
  for (const [colour, width] of [["#000", 2 * wide], ["#fff", wide]]) { // seen on any ground
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x0 - wide, y0 - wide, x1 - x0 + 2 * wide, y1 - y0 + 2 * wide);
  }
}

function regionWords(threshold) {
  if (answer.regions === undefined) return answer.components ? `${counted(answer.components, "part")}.` : "None.";
  const at = (answer.threshold ?? 0.5).toFixed(2);
  if (!answer.regions.length) return `None at ${at}.`;
  const more = answer.components > answer.regions.length ? `, the ${answer.regions.length} largest` : "";
  const whose = at === threshold.toFixed(2) ? "" : ` Those at ${at}.`;
  return `${counted(answer.components, "part")}${more}. Choose one to frame it.${whose}`;
}

/** Offer the views that there are. The first stays chosen, or the one that was. */
function offer(picture, probability) {
  const before = by("views").querySelector("input:checked")?.value;
  const there = VIEWS.filter(([name]) => {
    if (name === "picture") return picture !== null;
    return name === "overlay" ? probability !== null : shown.images[name];
  });
  const legend = by("views").querySelector("legend");
  const labels = there.map(([name, title]) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "view", value: name });
    input.addEventListener("change", paint);
    const label = document.createElement("label");
    label.append(input, title);
    return label;
  });
  by("views").replaceChildren(legend, ...labels);
  const inputs = [...by("views").querySelectorAll("input")];
  const first = inputs.find((input) => input.value === before) ?? inputs[0];
  if (first) first.checked = true;
}

by("threshold").addEventListener("input", paint);
const ramp = maps.heat(Uint8Array.from({ length: 256 }, (_, at) => at), 1, 256);
by("ramp-canvas").getContext("2d").putImageData(ramp, 0, 0);
