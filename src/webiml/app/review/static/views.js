/** The seven ways to look at a case: which panes each has, and what is drawn in them. */

/** Name and words of each; one of `needs` must be among the views of a case, one of `roles` among its pictures. */
export const VIEWS = [
  { name: "side", words: "Pair", needs: ["manipulated"] },
  { name: "overlay", words: "Overlay", needs: ["manipulated"] },
  { name: "difference", words: "Difference", needs: ["difference"], roles: ["authentic"] },
  { name: "correlation", words: "Correlation", needs: ["correlation"], roles: ["authentic"] },
  { name: "probability", words: "Probability", needs: ["levels"], roles: ["probability"] },
  { name: "other", words: "Confidence", needs: ["truth", "confidence"], roles: ["truth", "confidence"] },
  { name: "regions", words: "Regions", needs: ["superpixels"] },
];

const CAPTIONS = {
  authentic: "authentic, as it was given",
  aligned: "authentic, aligned",
  manipulated: "manipulated",
  difference: "difference of the aligned pictures",
  correlation: "local correlation of the aligned pictures",
  truth: "truth",
  confidence: "confidence",
};

/** The same of pairs that share no more than a pasted piece. */
const SHARED = {
  aligned: "what was pasted, where it lies",
  difference: "difference from what was pasted",
  correlation: "where a piece of the authentic picture lies",
};

/** Whether any case can have such a view: `roles` are the pictures of the cases. */
export function isPossible(view, roles) {
  return !view.roles || view.roles.some((role) => roles.includes(role));
}

/** Whether this case has such a view. */
export function isThere(found, view) {
  return view.needs.some((need) => found.views.includes(need));
}

/** The authentic picture to show: aligned where that is wanted and known. */
export function authenticOf(found, mode) {
  const order = mode.aligned ? ["aligned", "authentic"] : ["authentic", "aligned"];
  return order.find((view) => found.views.includes(view)) ?? null;
}

/**
 * The authentic picture beside the manipulated one. Where the two share no more than a pasted piece, "aligned" is that
 * piece where it lies: good to blink with, but beside the picture one wants to see where it came from.
 */
function besideOf(found, mode) {
  return authenticOf(found, found.transform ? mode : { aligned: false });
}

/** The pictures of the server that a view draws. */
export function viewsNeeded(found, mode) {
  const extra = {
    side: besideOf(found, mode) ?? firstOf(found, ["truth"]),
    difference: "difference",
    correlation: "correlation",
    other: firstOf(found, ["truth", "confidence"]),
    regions: "superpixels",
  }[mode.view];
  const needed = ["manipulated", extra].filter((view) => view && found.views.includes(view));
  if (mode.blink && authenticOf(found, mode)) {
    needed.push(authenticOf(found, mode));
  }
  return [...new Set(needed)];
}

/**
 * The panes of a view, as `Panes.show` takes them.
 * @param {object} page
 * @param {string} page.what dataset, localizations or evaluation
 * @param {object} page.mode {view, mask, aligned, showsAuthentic}
 * @param {() => object | null} page.sheet
 * @param {(view: string) => ImageBitmap | null} page.picture what is loaded of the case
 * @param {(context, pixel) => void} page.drawTools
 */
export function panesOf(found, page) {
  const { mode } = page;
  const authentic = authenticOf(found, mode);
  const work = {
    caption: page.what === "dataset" ? CAPTIONS.manipulated : "picture",
    draw(context, pixel) {
      const shown = mode.showsAuthentic && authentic ? authentic : "manipulated";
      drawPicture(context, page.picture(shown), found.grid);
      if (shown === "manipulated" && mode.view === "regions") {
        drawCanvas(context, page.sheet()?.borders());
      }
      if (shown === "manipulated") {
        drawMask(context, pixel, page, mode.view === "overlay" || mode.mask === "both");
      }
      page.drawTools(context, pixel);
    },
  };
  const beside = (caption, draw) => ({
    caption,
    draw(context, pixel) {
      draw(context, pixel);
      page.drawTools(context, pixel);
    },
  });
  const picture = (view, masked) =>
    beside((found.transform ? null : SHARED[view]) ?? CAPTIONS[view] ?? view, (context, pixel) => {
      drawPicture(context, page.picture(view), found.grid);
      if (masked) {
        drawMask(context, pixel, page, false);
      }
    });
  switch (mode.view) {
    case "side": {
      const left = besideOf(found, mode) ?? firstOf(found, ["truth"]);
      return left ? [picture(left, false), work] : [work];
    }
    case "difference":
    case "correlation":
      return [picture(mode.view, true), work];
    case "probability": {
      const map = beside("probability of the machine", (context, pixel) => {
        drawCanvas(context, page.sheet()?.heat());
        drawMask(context, pixel, page, false);
      });
      return [map, work];
    }
    case "other":
      return [picture(firstOf(found, ["truth", "confidence"]), true), work];
    default:
      return [work];
  }
}

/** A picture of any size in the middle of the grid, at the grid's area. */
function drawPicture(context, bitmap, [height, width]) {
  if (!bitmap) {
    return;
  }
  if (bitmap.width === width && bitmap.height === height) {
    context.drawImage(bitmap, 0, 0);
  } else {
    const scale = Math.sqrt((width * height) / (bitmap.width * bitmap.height));
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  }
}

function drawCanvas(context, canvas) {
  if (canvas) {
    context.drawImage(canvas, 0, 0);
  }
}

function drawMask(context, pixel, page, fill) {
  if (page.mode.mask !== "none") {
    page.sheet()?.layer?.draw(context, pixel, { fill, line: true });
  }
}

function firstOf(found, names) {
  return names.find((name) => found.views.includes(name)) ?? null;
}
