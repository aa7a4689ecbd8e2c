// What an answer means and does not mean, in words for a person.
// The facts are those of docs/localize.md and docs/limits.md.

const SMALL = 160000; // pixels; up to here the localizer that ships looks at a picture enlarged, too
const LARGE = 1.5e6; // pixels; above, a picture is looked at in tiles

const KINDS = {
  SPG: "The authentic picture is the background that was edited (SPG).",
  SDG: "The authentic picture gave an object that was pasted (SDG).",
  identical: "Both show the same picture, apart from what the web does to one.",
  unrelated: "The two pictures share nothing.",
};

const REASONS = {
  identical: "Nothing is marked, since both are the same picture.",
  unrelated: "Nothing is marked, since the pictures share nothing.",
  kind_uncertain: "The mask is not sure: neither how the pictures are related nor what they share is clear.",
  unknown_area: "The mask is not sure: the authentic picture covers too little of the other.",
  nothing_found: "Nothing was found that differs.",
  low_qes: "The mask is not sure: too much of the suspected area is in doubt.",
  too_small_area: "The mask is too small to be trusted.",
  too_large_area: "The mask covers too much of the picture to be trusted.",
};

/**
 * What is said beside a result.
 * @typedef {object} Words
 * @property {string} name what the number is
 * @property {string} number
 * @property {string} of what follows the number
 * @property {number | null} share of the bar, 0 to 1
 * @property {string} headline
 * @property {string[]} means
 * @property {string[]} not
 */

/**
 * A share of 1 as a person reads it.
 * @param {number} share
 * @returns {string} such as 3.1 %
 */
export function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  return `${value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/**
 * A number of things.
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string}
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/**
 * What a localization means.
 * @param {object} answer of POST /localize
 * @returns {Words}
 */
export function localized(answer) {
  const { score, height, width } = answer;
  const ships = String(answer.weights ?? "").startsWith("web-iml:");
  const means = [
    ships
      ? `Of the pictures that it was fitted on, about ${Math.round(100 * score)} in 100 with such a score hold a ` +
        "manipulated area. These were 240 forged and 160 authentic ones, sent through the web."
      : "The score is how likely the picture holds a manipulated area, as far as this localizer's card says what it " +
        "was calibrated on.",
    "The mark is a hint where to look: there the picture looks as if it had been edited.",
  ];
  if (height * width <= SMALL) {
    means.push(`The picture is small, ${width} x ${height}. Small ones mislead it in both directions.`);
  }
  if (height * width > LARGE) {
    means.push("The score is that of the most suspicious part: large authentic pictures score higher than small ones.");
  }
  return {
    name: "Score",
    number: score.toFixed(2),
    of: "of 1",
    share: score,
    headline: standsOut(score),
    means,
    not: [
      "That the picture is untrue. A crop, a filter or a retouched blemish is a manipulation; a false caption is " +
        "none.",
      "That it is authentic, where the score is low. What was generated as a whole, or saved many times, may leave " +
        "nothing to find.",
      "How likely it is among your pictures. Where one in a thousand is manipulated, most high scores are false " +
        "alarms.",
      "Much for screenshots, small or strongly compressed pictures, drawings, captions, mirrors and repeated " +
        "texture: they mislead it in both directions.",
    ],
  };
}

/**
 * What an annotation means.
 * @param {object} answer of POST /annotate
 * @returns {Words}
 */
export function annotated(answer) {
  const qes = answer.qes ?? null;
  const means = [KINDS[answer.kind] ?? "How the two are related is not known."];
  if (answer.kind_confidence) means[0] += ` How sure that is: ${percent(answer.kind_confidence)}.`;
  if (answer.kind === "SDG") means.push("The mark is what both show: the object from the authentic picture.");
  if (answer.kind === "SPG") means.push("The mark is where the picture departs from the authentic one.");
  if (qes !== null) {
    means.push("The QES says which share of the suspected area the annotator is sure about. Masks above 0.5 are kept.");
  }
  if (answer.unknown_fraction > 0.005) {
    const share = percent(answer.unknown_fraction);
    means.push(`The authentic picture does not cover ${share} of this one. There the mark can only guess.`);
  }
  const unsure = REASONS[answer.reason] ?? "The mask is not sure enough to be kept.";
  return {
    name: qes === null ? "" : "QES, how sure the mask is",
    number: qes === null ? "" : qes.toFixed(2),
    of: qes === null ? "" : "of 1",
    share: qes,
    headline: answer.status === "kept" ? "The mask is sure enough to be kept." : unsure,
    means,
    not: [
      "How right the mask is. The QES compares the annotator with itself; what is wrong with certainty has a high one.",
      "Who changed what, or why. A mask says where two pictures differ or agree.",
      "That the authentic picture is authentic. It is taken at its word; two photographs of one place differ " +
        "wherever something moved.",
    ],
  };
}

/**
 * One line about how much is marked.
 * @param {number} share of the picture
 * @param {number} threshold
 * @returns {string}
 */
export function markedWords(share, threshold) {
  const from = `with a probability of ${threshold.toFixed(2)} or more`;
  return share > 0 ? `Marked: ${percent(share)} of the picture, ${from}.` : `Nothing is marked: no pixel ${from}.`;
}

/**
 * A text as one word of a shell's command line.
 * @param {string} text
 * @returns {string}
 */
export function shellWord(text) {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {number} score
 * @returns {string}
 */
function standsOut(score) {
  if (score < 0.2) return "Little stands out.";
  if (score < 0.5) return "Nothing stands out clearly.";
  if (score < 0.8) return "Something stands out. Look at what is marked.";
  return "Something stands out strongly. Look at what is marked.";
}
