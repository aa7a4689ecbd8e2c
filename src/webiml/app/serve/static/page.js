// The page of `webiml serve`: a picture in, where it may be manipulated out.
import { ask, Refused } from "./ask.js";
import * as stage from "./stage.js";
import { annotated, localized, shellWord } from "./words.js";

const THUMB = 240; // pixels of a thumbnail's longer side
const by = (id) => document.getElementById(id);

/** @type {{manipulated: File | null, authentic: File | null}} */
const files = { manipulated: null, authentic: null };
let running = null; // what ends the request that is under way
let result = null; // the newest answer, and its maps
let asked = ""; // the name of the picture it is about

/**
 * Take a picture, and ask about it.
 * @param {"manipulated" | "authentic"} side
 * @param {File} file
 */
function take(side, file) {
  files[side] = file;
  by(`name-${side}`).textContent = file.name || "a picture";
  by("without").hidden = !files.authentic;
  document.body.classList.add("started");
  thumbnail(side, file);
  if (files.manipulated) run();
  else tell("Now the picture that was made from it.");
}

async function thumbnail(side, file) {
  const canvas = by(`thumb-${side}`);
  canvas.hidden = true;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return; // the server may still know it
  }
  if (files[side] === file) {
    const scale = Math.min(1, THUMB / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
  }
  bitmap.close();
}

async function run() {
  running?.abort();
  const mine = (running = new AbortController());
  const { manipulated, authentic } = files;
  const started = performance.now();
  const words = () => {
    const seconds = Math.round((performance.now() - started) / 1000);
    by("waiting-words").textContent = `${authentic ? "Comparing" : "Looking"} ... ${seconds ? `${seconds} s` : ""}`;
  };
  const clock = setInterval(words, 1000);
  words();
  by("problem").hidden = true;
  by("waiting").hidden = false;
  by("result").classList.add("old");
  tell("Sent. Waiting for the answer.");
  try {
    const given = await ask(manipulated, authentic, mine.signal);
    await stage.show(manipulated, given.answer, given.maps);
    if (mine !== running) return; // another picture was given meanwhile
    result = given;
    asked = manipulated.name || "picture";
    showWords(authentic !== null);
  } catch (error) {
    if (mine === running) fail(error);
  } finally {
    clearInterval(clock);
    if (mine === running) {
      running = null;
      by("waiting").hidden = true;
    }
  }
}

function fail(error) {
  by("result").hidden = true; // it is about another picture than the one that stands above
  if (error.name === "AbortError") {
    tell("Stopped.");
    return;
  }
  const foreseen = error instanceof Refused;
  if (!foreseen) console.error(error);
  by("problem-words").textContent = foreseen ? error.message : "This page could not show the answer. Load it anew.";
  by("again").hidden = !(foreseen && error.again);
  by("problem").hidden = false;
}

/** Everything beside the picture. */
function showWords(compared) {
  const { answer } = result;
  const words = compared ? annotated(answer) : localized(answer);
  by("number-name").textContent = words.name;
  by("number").textContent = words.number;
  by("number-of").textContent = words.of;
  by("meter-bar").parentElement.hidden = words.share === null;
  by("meter-bar").style.width = `${100 * (words.share ?? 0)}%`;
  by("headline").textContent = words.headline;
  by("noticed").textContent = answer.notes ? `Noticed: ${answer.notes}` : "";
  by("noticed").hidden = !answer.notes;
  list("means", words.means);
  list("means-not", words.not);
  stage.listRegions(answer.regions ?? []);
  by("regions-section").hidden = compared && !answer.components;
  by("save-mask").hidden = by("save-map").hidden = !result.maps.probability;
  by("curl").textContent = curl(compared);
  by("result").hidden = false;
  by("result").classList.remove("old");
  tell(`The answer is there. ${words.name} ${words.number}. ${words.headline}`);
}

function list(id, texts) {
  by(id).replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function curl(compared) {
  const address = new URL(compared ? "annotate" : "localize", document.baseURI).href;
  const form = (name, file) => `-F ${shellWord(`${name}=@${file.name || "picture.png"}`)}`;
  const parts = compared
    ? [form("manipulated", files.manipulated), form("authentic", files.authentic)]
    : [form("picture", files.manipulated)];
  return `curl -H 'Authorization: Bearer TOKEN' ${parts.join(" ")} ${shellWord(address)}`;
}

/** Say something to who does not see the page. */
function tell(sentence) {
  by("said").textContent = sentence;
}

function save(blob, ending) {
  if (!blob) return;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob) });
  link.download = `${asked.replace(/\.[^.]*$/, "") || "picture"}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function dropped(event, side) {
  const given = [...(event.dataTransfer?.files ?? [])];
  if (given.length > 1) fail(new Refused("Give one picture at a time.", false));
  else if (given.length) take(side, given[0]);
}

for (const side of ["manipulated", "authentic"]) {
  const area = by(`drop-${side}`);
  by(`file-${side}`).addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) take(side, file);
    event.target.value = ""; // so that the same file can be chosen again
  });
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    area.classList.remove("over");
    dropped(event, side);
  });
  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false]]) {
    area.addEventListener(name, () => area.classList.toggle("over", over));
  }
}
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault(); // or the browser would leave the page for the file
  dropped(event, "manipulated");
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) take("manipulated", file);
});
by("without").addEventListener("click", () => {
  files.authentic = null;
  by("name-authentic").textContent = "What it was made from. Then both are compared.";
  by("thumb-authentic").hidden = by("without").hidden = true;
  by("file-authentic").focus();
  if (files.manipulated) run();
});
by("cancel").addEventListener("click", () => running?.abort());
by("again").addEventListener("click", run);
by("save-mask").addEventListener("click", async () => {
  save(await stage.mask(), `mask-${stage.chosen().toFixed(2)}.png`);
});
by("save-map").addEventListener("click", () => save(result.maps.probability, "probability.png"));
by("save-json").addEventListener("click", () => {
  save(new Blob([JSON.stringify(result.answer, null, 2)], { type: "application/json" }), "json");
});
by("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(by("curl").textContent);
  tell("Copied.");
});
